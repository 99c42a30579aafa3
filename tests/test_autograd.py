"""Computation graphs against closed forms, ``jax.grad`` and finite differences."""

import itertools
import re

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxnet.autograd import graph
from jaxnet.autograd.layout import lay_out
from jaxnet.autograd.spelling import shown


def lecture(x, y, z):
    """The function of exercise 1.2."""
    return jnp.tanh(jnp.log(1 + z * (2 * x / jnp.sin(y))))


def edge(found, tail, head):
    (one,) = (e for e in found.edges if (e.tail, e.head) == (tail, head))
    return one


def test_the_lectures_function_has_the_lectures_values_and_gradients():
    found = graph(lecture, 1.0, 1.0, 1.0)
    formulas = [node.formula for node in found.nodes]
    assert formulas[3:] == [
        "2 * x",
        "sin(y)",
        "a / b",
        "z * c",
        "1 + d",
        "log(e)",
        "tanh(f)",
    ]
    assert found["g"].outputs == ("output",)
    assert found["g"].value == pytest.approx(0.83874, abs=1e-5)
    # By hand, with u = 2 z x / sin y and r = (1 - f^2) / (1 + u).
    u = 2 / np.sin(1.0)
    f = np.tanh(np.log(1 + u))
    r = (1 - f**2) / (1 + u)
    due = {"x": r * u, "y": -r * u / np.tan(1.0), "z": r * u, "e": r, "f": 1 - f**2}
    for name, gradient in due.items():
        assert found[name].gradient == pytest.approx(gradient, rel=1e-5)
    assert edge(found, "b", "c").derivative == pytest.approx(-2 / np.sin(1.0) ** 2)
    assert edge(found, "f", "g").derivative == pytest.approx(1 - f**2, rel=1e-5)


ONE = [jnp.sin, jnp.tanh, jnp.exp, jax.nn.sigmoid, jnp.square, lambda a: -a]
TWO = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b]


def composed(plan):
    """A function of a vector, a matrix and a number, which uses values many times."""

    def f(x, w, s):
        values = [x, jnp.tanh(w @ x), x * s]
        for op, i, j in plan:
            a, b = values[i % len(values)], values[j % len(values)]
            if op < len(ONE):
                values.append(ONE[op](jnp.tanh(a)))
            else:
                values.append(TWO[op - len(ONE)](jnp.tanh(a), b))
        return jnp.sum(values[-1])

    return f


PLANS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=6,
)


@hypothesis.settings(deadline=None, max_examples=12)
@hypothesis.given(plan=PLANS, seed=st.integers(0, 99))
def test_gradients_are_jaxs_and_the_sum_over_edges_and_over_paths(plan, seed):
    random = np.random.default_rng(seed)
    x, w = (random.normal(size=shape).astype(np.float32) for shape in [(2,), (2, 2)])
    f, args = composed(plan), (x, w, np.float32(0.7))
    found = graph(f, *args)
    assert not any(node.problem for node in found.nodes)
    (output,) = found.outputs
    np.testing.assert_allclose(output.value, f(*args), rtol=1e-5, atol=1e-6)
    for name, due in zip("xws", jax.grad(f, (0, 1, 2))(*args), strict=True):
        # Orders of sums differ, and sums may cancel: absolute beside values near 1.
        np.testing.assert_allclose(found[name].gradient, due, rtol=1e-4, atol=1e-5)
        total = sum(np.asarray(path.derivative) for path in found.paths(name))
        np.testing.assert_allclose(total, due, rtol=1e-4, atol=1e-5)
        assert len(found.paths(name)) == found.count_paths(name)
    for node in found.nodes:
        sent = [one.gradient for one in found.edges if one.tail == node.name]
        if sent:
            np.testing.assert_allclose(node.gradient, sum(sent), rtol=1e-5, atol=1e-6)


def test_a_derivative_has_the_axes_of_the_head_and_then_of_the_tail():
    w = jnp.arange(6.0).reshape(2, 3)
    x = jnp.array([1.0, -2.0, 3.0])
    found = graph(lambda w, x: w @ x, w, x)
    np.testing.assert_allclose(edge(found, "x", "a").derivative, w)
    due = np.einsum("ij,k->ijk", np.eye(2), x)
    np.testing.assert_allclose(edge(found, "w", "a").derivative, due)
    assert found["x"].gradient is None  # The output is no scalar.


def test_a_value_that_is_used_twice_sends_one_edge_with_both_derivatives():
    found = graph(lambda x: x * x, 3.0)
    (only,) = found.edges
    assert only.derivative == 6.0


def test_leaves_have_the_names_of_parameters_and_paths():
    def loss(params, *xs):
        return jnp.sum(params["layer"]["w"] * xs[0]) + params["b"][1] + xs[1]

    params = {"layer": {"w": jnp.ones(2)}, "b": [jnp.ones(3), 2.0]}
    found = graph(loss, params, jnp.ones(2), 1.0)
    names = ["params/b/0", "params/b/1", "params/layer/w", "xs/0", "xs/1"]
    assert [node.name for node in found.inputs] == names
    # What is not used has the gradient 0, which is worth seeing.
    np.testing.assert_array_equal(found["params/b/0"].gradient, [0, 0, 0])


def test_letters_do_not_repeat_the_names_of_inputs():
    found = graph(lambda a, c: jnp.sin(a) * jnp.cos(c) + a, 1.0, 2.0)
    assert [node.name for node in found.nodes] == ["a", "c", "b", "d", "e", "f"]


def test_arrays_of_the_program_are_nodes_and_its_numbers_are_not():
    table, scale = np.arange(3.0, dtype=np.float32), jnp.float32(2.0)
    found = graph(lambda x: jnp.sum(scale * x * table), jnp.ones(3))
    kinds = [(node.name, node.kind) for node in found.nodes if not node.formula]
    assert kinds == [("x", "input"), ("constant_1", "constant")]
    np.testing.assert_allclose(found["constant_1"].gradient, [2, 2, 2])
    assert "2 * x" in [node.formula for node in found.nodes]


def test_several_outputs_have_their_paths():
    found = graph(lambda x: {"same": x, "two": 2.0, "y": (x * 3, x + 1)}, 1.0)
    outputs = {name: node for node in found.outputs for name in node.outputs}
    assert sorted(outputs) == ["same", "two", "y/0", "y/1"]
    assert outputs["same"].kind == "input"
    assert outputs["two"].kind == "constant"
    assert outputs["y/0"].value == 3.0
    with pytest.raises(ValueError, match="lead to one output"):
        found.paths("x")


def test_what_changes_nothing_is_left_out():
    def f(x):
        jnp.sin(jnp.exp(x))
        top, _ = jnp.split(x, 2)
        return jnp.sum(top)

    formulas = [node.formula for node in graph(f, jnp.arange(4.0)).nodes]
    assert formulas == ["", "split(x)[0]", "sum(a)"]
    (_, bottom, _) = graph(lambda x: jnp.sum(jnp.split(x, 2)[1]), jnp.arange(4.0)).nodes
    assert bottom.formula == "split(x)[1]"


def test_compiled_functions_are_one_node_unless_opened():
    @jax.jit
    def half_square(e):
        return 0.5 * e**2

    def f(x, y):
        return half_square(x - y) + x

    closed, opened = graph(f, 3.0, 1.0), graph(f, 3.0, 1.0, inline=True)
    formulas = [node.formula for node in closed.nodes[2:]]
    assert formulas == ["x - y", "half_square(a)", "b + x"]
    formulas = [node.formula for node in opened.nodes[2:]]
    assert formulas == ["x - y", "a ** 2", "0.5 * b", "c + x"]
    for found in (closed, opened, graph(jax.jit(f), 3.0, 1.0)):
        assert (found["x"].gradient, found["y"].gradient) == (3.0, -2.0)
    # A function that is compiled as a whole is opened in any case.
    assert len(graph(jax.jit(f), 3.0, 1.0).nodes) == len(closed.nodes)


def test_an_opened_function_may_read_numbers_and_arrays_of_the_program():
    table = np.array([1.0, 2.0], np.float32)

    @jax.jit
    def inner(x, k):
        return jnp.sum(table * x) ** 2 + k

    found = graph(lambda x: inner(x, 3.0) + 1, jnp.ones(2), inline=True)
    np.testing.assert_allclose(found["x"].gradient, [6, 12])


def test_the_rule_of_a_custom_derivative_is_what_is_shown():
    @jax.custom_vjp
    def wrong_exp(x):
        return jnp.exp(x)

    wrong_exp.defvjp(lambda x: (jnp.exp(x), x), lambda x, g: (g * 10 * x,))
    found = graph(lambda x: 3 * wrong_exp(x), 2.0)
    assert found["a"].formula == "wrong_exp(x)"
    assert edge(found, "x", "a").derivative == 20.0
    assert found["x"].gradient == 60.0


def test_where_a_derivative_is_missing_the_node_says_so_and_the_rest_is_there():
    def f(x):
        return x + jax.lax.while_loop(lambda c: c < 100, lambda c: 2 * c, jnp.exp(x))

    found = graph(f, 1.0)
    assert "Reverse-mode" in found["b"].problem
    assert (found["b"].gradient, found["a"].gradient) == (1.0, None)
    assert found["x"].gradient is None  # Part of it is not known.
    with pytest.raises(ValueError, match="derivative of b by a is not known"):
        found.paths("x")
    assert "no derivative" in found.to_dot()


def test_a_loop_is_one_node():
    def f(x):
        return jax.lax.scan(lambda c, t: (c * t, c), 1.0, x)[0]

    found = graph(f, jnp.array([2.0, 3.0, 4.0]))
    assert [node.operation for node in found.nodes] == ["", "scan"]
    np.testing.assert_allclose(found["x"].gradient, [12, 8, 6])


def test_integers_have_no_gradient():
    found = graph(lambda x, i: x[i] * i, jnp.array([2.0, 3.0]), 1)
    assert found["i"].gradient is None
    np.testing.assert_allclose(found["x"].gradient, [0, 1])


def test_large_derivatives_are_not_computed_but_gradients_are():
    found = graph(lambda x: jnp.sum(x[::-1] ** 2), jnp.ones(200))
    square = next(node for node in found.nodes if node.formula.endswith("** 2"))
    one = next(e for e in found.edges if e.head == square.name)
    assert one.derivative is None
    np.testing.assert_allclose(found["x"].gradient, np.full(200, 2.0))


def test_paths_double_with_each_reuse_and_edges_do_not():
    def f(x):
        for _ in range(20):
            e = jnp.sin(x)
            x = 0.5 * e + 0.25 * e
        return x

    found = graph(f, 1.0)
    assert found.count_paths("x") == 2**20
    assert len(found.edges) == 20 * 5
    assert found["x"].gradient == pytest.approx(float(jax.grad(f)(1.0)), rel=1e-5)
    with pytest.raises(ValueError, match=r"1,048,576 paths"):
        found.paths("x")


def test_a_node_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'width'"):
        graph(lambda width: width * 2, 1.0)["widht"]


def test_traced_values_and_things_that_are_no_arrays_are_refused():
    with pytest.raises(ValueError, match="x is not known here"):
        jax.jit(lambda x: graph(jnp.sin, x)["a"].value)(1.0)
    with pytest.raises(TypeError, match="mode should be an array or a number"):
        graph(lambda x, mode: x, 1.0, "fast")


def test_the_table_has_a_row_for_each_node():
    lines = str(graph(lecture, 1.0, 1.0, 1.0)).splitlines()
    assert len(lines) == 11
    assert lines[-1].split() == ["g", "->", "output", "tanh(f)", "0.8387", "1"]
    assert lines[2].split() == ["y", "input", "1", "-0.134"]


def test_dot_text_has_every_node_and_edge_and_escapes_quotes():
    found = graph(lambda p: jnp.sin(p['a"b']) * p["c"], {'a"b': 1.0, "c": 2.0})
    text = found.to_dot()
    assert text.startswith("digraph {")
    assert len(re.findall(r"^  .*shape=", text, re.MULTILINE)) == len(found.nodes)
    arrows = re.findall(r'^  (".*") -> (".*") \[label="(.*)"\];$', text, re.MULTILINE)
    assert len(arrows) == len(found.edges)
    assert (r'"p/a\"b"', '"a"', "0.5403") in arrows
    assert r'label="b = a * p/c\n1.683\ngrad 1"' in text


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    links=st.sets(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda e: e[0] < e[1]),
        max_size=18,
    )
)
def test_edges_lead_to_the_right_and_nothing_lies_on_anything(links):
    names = [f"n{i}" for i in range(10)]
    pairs = [(names[tail], names[head]) for tail, head in sorted(links)]
    layout = lay_out(names, pairs)
    for tail, head in pairs:
        route = layout.routes[tail, head]
        assert [x for x, _ in route] == list(
            range(int(layout.places[tail][0]), int(layout.places[head][0]) + 1)
        )
        assert (route[0], route[-1]) == (layout.places[tail], layout.places[head])
    for name in {tail for tail, _ in pairs} - {head for _, head in pairs}:
        # What reads nothing stands just before its first reader.
        readers = [layout.places[head][0] for tail, head in pairs if tail == name]
        assert layout.places[name][0] == min(readers) - 1
    passed = {(link, p) for link in pairs for p in layout.routes[link][1:-1]}
    taken = [*layout.places.values(), *(place for _, place in passed)]
    for (x1, y1), (x2, y2) in itertools.combinations(taken, 2):
        assert x1 != x2 or abs(y1 - y2) >= 1 - 1e-9


def test_a_drawing_holds_its_boxes_and_shows_values_and_derivatives():
    found = graph(lecture, 1.0, 1.0, 1.0)
    figure = found.draw()
    FigureCanvasAgg(figure).draw()
    (ax,) = figure.axes
    texts = [text.get_text() for text in ax.texts]
    assert {"g = tanh(f)", "0.8387", "∂ -0.134", "-2.825"} <= set(texts)
    boxes = [patch.get_window_extent() for patch in ax.patches[9:]]
    assert len(boxes) == len(found.nodes)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    # Each text but the nine on edges is within a box.
    for text in ax.texts[9:]:
        inner = text.get_window_extent()
        assert any(
            box.x0 <= inner.x0 and inner.x1 <= box.x1 and box.y0 <= inner.y0
            for box in boxes
        )


def test_a_drawing_shrinks_with_its_axes():
    ax = Figure(figsize=(4, 3)).subplots()
    figure = graph(lecture, 1.0, 1.0, 1.0).draw(ax)
    assert figure is ax.get_figure()
    assert max(text.get_size() for text in ax.texts) < 6


def test_a_notebook_shows_the_drawing():
    svg = graph(lambda x: jnp.sin(x) ** 2, 1.0)._repr_svg_()
    assert svg.startswith("<?xml")
    assert "a = sin(x)" in svg


def test_values_are_shown_in_little_space():
    assert shown(np.float32(0.123456)) == "0.1235"
    assert shown(np.array([True, False])) == "[True, False]"
    assert shown(np.arange(12.0).reshape(3, 4)) == "(3, 4) [0, 1, 2, ...]"
    assert shown(jax.random.key(0)) == "key"
