"""The gradient check: finds wrong rules by name, and accuses no right one."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnet
from jaxnet.autograd import check_gradients


def exp_with(backward):
    """An exponential function with a backward rule of its own."""

    @jax.custom_vjp
    def own_exp(x):
        return jnp.exp(x)

    own_exp.defvjp(lambda x: (jnp.exp(x),) * 2, backward)
    return own_exp


def loss_with(own_exp):
    """Three leaves, of which one goes through the function to check."""

    def loss(params):
        weights = jnp.arange(1.0, 7.0).reshape(2, 3)
        return (
            jnp.sum(weights * own_exp(params["layer"]["w"]))
            + jnp.sum(params["b"] ** 3)
            + jnp.sum(jnp.sin(params["large"]))
        )

    params = {
        "layer": {"w": jnp.linspace(-0.5, 0.5, 6).reshape(2, 3)},
        "b": jnp.array([1.0, -2.0]),
        "large": jnp.linspace(0.0, 3.0, 40),
    }
    return loss, params


WRONG = {
    "twice": lambda r, g: (2 * g * r,),
    "sign": lambda r, g: (-g * r,),
    "three percent": lambda r, g: (1.03 * g * r,),
    "without its value": lambda r, g: (g,),
    "transposed": lambda r, g: ((g * r).T.reshape(r.shape),),
    "one entry": lambda r, g: ((g * r).at[1, 2].set(0.0),),
    "stopped": lambda r, g: (jnp.zeros_like(r),),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_backward_rule_is_found_and_its_leaf_named(name):
    loss, params = loss_with(exp_with(WRONG[name]))
    report = check_gradients(loss, params)
    assert report.wrong == ["params/layer/w"]
    assert not report.ok
    row = next(line for line in str(report).splitlines() if "layer/w" in line)
    assert row.endswith("wrong")


def test_the_entry_that_is_wrong_is_named():
    loss, params = loss_with(exp_with(WRONG["one entry"]))
    found = {leaf.path: leaf for leaf in check_gradients(loss, params).leaves}
    wrong = found["params/layer/w"]
    assert wrong.at == "[1, 2]"
    assert wrong.gradient == 0.0
    assert wrong.difference == pytest.approx(6 * np.exp(0.5), rel=1e-3)


def test_a_rule_that_forgets_the_gradient_that_arrives_is_found():
    own_exp = exp_with(lambda r, g: (r,))
    # As the last operation it gets the gradient 1, and no difference would show it.
    report = check_gradients(lambda x: own_exp(x), 0.5)
    assert report.leaves[0].verdict == "not linear"
    assert "twice the loss" in str(report)


def test_a_right_rule_passes():
    loss, params = loss_with(exp_with(lambda r, g: (g * r,)))
    report = check_gradients(loss, params)
    assert report.ok
    assert {leaf.verdict for leaf in report.leaves} == {"right"}


@hypothesis.settings(deadline=None, max_examples=4)
@hypothesis.given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.1, 1.0, 30.0]))
def test_no_right_gradient_is_called_wrong_in_float32(seed, scale):
    first, second, third = jax.random.split(jax.random.key(seed), 3)
    model = jaxnet.sequential(jaxnet.dense(8), jaxnet.relu, jaxnet.dense(3))
    x = scale * jax.random.normal(first, (20, 4))
    params, state = model.init(second, x)
    labels = jnp.arange(20) % 3

    def loss(params):
        return jaxnet.softmax_cross_entropy(model.apply(params, state, x)[0], labels)

    report = check_gradients(loss, params, key=third, directions=3)
    assert report.ok, str(report)


def test_float64_sees_what_float32_does_not():
    own_exp = exp_with(lambda r, g: ((1 + 1e-5) * g * r,))
    loss, params = loss_with(own_exp)
    coarse = check_gradients(loss, params)
    assert coarse.ok
    assert "float32 hides errors" in str(coarse)
    with jax.enable_x64(True):
        doubles = jax.tree.map(lambda a: jnp.asarray(np.asarray(a, float)), params)
        fine = check_gradients(loss, doubles)
    assert fine.wrong == ["params/layer/w"]
    assert fine.leaves[-1].relative_error == pytest.approx(1e-5, rel=1e-2)
    assert "float32" not in str(fine)


def test_a_kink_is_told_from_a_wrong_rule():
    at_kink = jnp.array([0.0, 1.0, -1.0])
    report = check_gradients(lambda x: jnp.sum(jax.nn.relu(x)), at_kink)
    assert (report.leaves[0].verdict, report.ok) == ("kink", True)

    @jax.custom_vjp
    def own_relu(x):
        return jnp.maximum(x, 0)

    own_relu.defvjp(lambda x: (jnp.maximum(x, 0), x), lambda x, g: (-g * (x > 0),))
    report = check_gradients(lambda x: jnp.sum(own_relu(x)), at_kink)
    assert report.wrong == ["x"]


def test_a_gradient_that_is_not_finite_is_found():
    def f(x):  # The branch that is not taken has an infinite derivative.
        return jnp.where(x > 0, jnp.sqrt(x), 0.0)

    report = check_gradients(f, 0.0)
    assert (report.leaves[0].verdict, report.wrong) == ("not finite", ["x"])


def test_what_rounding_hides_is_unclear_and_not_wrong():
    report = check_gradients(lambda x: 1e6 + 1e-4 * jnp.sin(x), 1.0)
    assert (report.unclear, report.ok) == (["x"], True)
    # A gradient of zero is right as zero.
    unused = check_gradients(lambda x, y: jnp.sin(x), 1.0, 2.0)
    assert [leaf.verdict for leaf in unused.leaves] == ["right", "right"]


def test_a_step_of_ones_own_is_used():
    # A central difference of x^3 with step h is 3 x^2 + h^2.
    report = check_gradients(lambda x: x**3, 1.0, eps=0.5)
    assert report.leaves[0].difference == pytest.approx(3.25, rel=1e-4)
    # The half step has 3 + 1/16: the distance of both, three times, is the error.
    due = 3 * (0.25 - 0.0625) / 3.25
    assert report.leaves[0].resolution == pytest.approx(due, rel=1e-3)


def test_python_may_branch_on_values():
    report = check_gradients(lambda x: x**2 if x > 0 else -x, 2.0)
    assert report.leaves[0].gradient == pytest.approx(4.0)
    assert report.ok


def test_large_leaves_are_checked_along_their_gradient_and_random_directions():
    target = jnp.linspace(1.0, 2.0, 100)
    report = check_gradients(lambda x: jnp.vdot(target, jnp.sin(x)), jnp.zeros(100))
    (leaf,) = report.leaves
    assert leaf.verdict == "right"
    assert "direction" in leaf.at

    @jax.custom_vjp
    def half_stopped(x):
        return jnp.sin(x)

    half_stopped.defvjp(
        lambda x: (jnp.sin(x), x), lambda x, g: ((g * jnp.cos(x)).at[50:].set(0.0),)
    )
    report = check_gradients(
        lambda x: jnp.vdot(target, half_stopped(x)), jnp.zeros(100)
    )
    assert report.wrong == ["x"]


REFUSED = {
    "a vector": (lambda x: x, jnp.ones(2), "shape \\(2,\\). Reduce it"),
    "two results": (lambda x: (x, x), 1.0, "should return one scalar"),
    "an integer result": (lambda x: jnp.round(x).astype(int), 1.0, "got int32"),
    "an integer leaf": (lambda p: p["n"] * 1.0, {"n": 3}, "p/n is int32"),
    "half precision": (lambda x: x, jnp.float16(1), "x is float16"),
    "NaN in": (lambda x: x, jnp.nan, "x has entries that are not finite"),
    "infinity out": (jnp.log, 0.0, "f gives -inf"),
    "an empty leaf": (jnp.sum, jnp.zeros((0, 2)), "nothing to check"),
    "no leaf": (lambda x: 1.0, {}, "needs an argument with a leaf"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_checked_is_refused(name):
    f, arg, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        check_gradients(f, arg)


def test_a_function_that_is_random_is_refused():
    draws = np.random.default_rng(0)
    with pytest.raises(ValueError, match="and then"):
        check_gradients(lambda x: x * float(draws.random()), 1.0)


def test_bad_options_are_refused(as_users_have_it):
    for options, message in (
        ({"eps": 0.0}, "eps should be above 0"),
        ({"rtol": -1.0}, "rtol should be above 0"),
        ({"directions": 0}, "directions should be an int of at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            check_gradients(jnp.sin, 1.0, **options)
    with pytest.raises(TypeError, match="typed key"):
        check_gradients(jnp.sin, 1.0, key=3)
