"""The autograd experiment end to end, and its parts against NumPy and differences."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

from experiments import autograd
from experiments.autograd import accuracy, backprop, exercises, recurrence, reuse, rules
from experiments.autograd.vectorizing import measure, ways

QUICK = ["--quick", "--seeds", "3", "--points", "16", "--rounds", "3"]
QUICK += ["--inputs", "32", "--neurons", "8", "--batch", "4"]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("autograd")
    status = autograd.main([*QUICK, "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    claims = {claim["statement"]: claim for claim in record["claims"]}
    return SimpleNamespace(status=status, out=out, record=record, claims=claims)


def test_every_number_of_the_slides_comes_out(quick):
    assert quick.status == 0
    exact = [claim for claim in quick.record["claims"] if claim["exact"]]
    assert len(exact) == 16
    assert {claim["verdict"] for claim in exact} == {"holds"}
    ours = {name: claim["ours"] for name, claim in quick.claims.items()}
    assert ours["dL/dw, their product"] == -2.0
    assert ours["its derivatives on the way to w"] == [-1.0, 4.0, 0.5]
    np.testing.assert_allclose(ours["x * y @ z"], 2.688, rtol=1e-5)
    np.testing.assert_allclose(ours["its gradient by x"], [-2, -0.26], rtol=1e-5)
    assert ours["the matrix product BE"] == [[-62, 24], [-52, 56]]
    gradient = ours["1.3: its gradient at (1, 1, 1)"]
    np.testing.assert_allclose(gradient, [0.2087, -0.134, 0.2087], atol=5e-5)
    assert ours["MyExp: its gradient at 0.5"] == pytest.approx(np.exp(0.5), rel=1e-6)


def test_what_does_not_hang_on_the_clock_holds(quick):
    for name, claim in quick.claims.items():
        if "times as fast" not in name:
            assert claim["verdict"] == "holds", name


def test_the_result_is_complete(quick):
    record = quick.record
    assert record["config"]["seeds"] == 3
    assert record["data"]["sizes"] == {"seeds": 3, "points": 16}
    assert record["metrics"]["checked_rules"]["sign"] == {
        "params/other": "right",
        "params/through_exp": "wrong",
    }
    assert len(record["metrics"]["per_seed"]["lstm_difference"]) == 3
    assert set(record["wall_seconds"]) > {"exercises", "differences", "figures"}


def test_the_figures_show_something(quick):
    for name in ("exercise", "net", "reuse", "differences", "vectorizing"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 400
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"
        assert (quick.out / f"{name}.svg").stat().st_size > 5_000


def test_the_gradient_by_hand_is_that_of_differences():
    x, y, z, h = 0.7, 2.0, 1.3, 1e-6

    def f(x, y, z):
        return np.tanh(np.log(1 + z * 2 * x / np.sin(y)))

    due = [
        (f(x + h, y, z) - f(x - h, y, z)) / (2 * h),
        (f(x, y + h, z) - f(x, y - h, z)) / (2 * h),
        (f(x, y, z + h) - f(x, y, z - h)) / (2 * h),
    ]
    np.testing.assert_allclose(exercises.by_hand(x, y, z), due, rtol=1e-8)


def test_backpropagation_by_hand_is_that_of_differences():
    weights, x, t = backprop.draw_problem(7)
    hand = backprop.manual_backprop(weights, x, t)

    def loss(v, w):
        def with_one(a):
            return np.concatenate([a, np.ones((len(a), 1))], axis=1)

        y = sigmoid(with_one(sigmoid(with_one(x) @ v.T)) @ w.T)
        return 0.5 * ((t - y) ** 2).sum()

    for k, gradient in enumerate((hand.v, hand.w)):
        for place in ((0, 0), (1, -1), (2, 3)):
            moved = [np.array(weights[0], float), np.array(weights[1], float)]
            moved[k][place] += 1e-5
            above = loss(*moved)
            moved[k][place] -= 2e-5
            due = (above - loss(*moved)) / 2e-5
            # The hand's is float32.
            assert float(gradient[place]) == pytest.approx(due, rel=1e-4, abs=1e-6)


def test_backpropagation_by_hand_is_autodiff_at_every_place():
    off = backprop.differences(range(5))
    assert list(off) == ["y", "b", "h", "w", "a", "v", "x"]
    for name, values in off.items():
        assert values.shape == (5,)
        assert values.max() < 1e-6, name


def test_the_lstms_gradient_by_hand_is_that_of_differences():
    hand, ours = recurrence.forget_gate_gradients(range(3), 5)
    # Both are float64, so that only a mistake makes a difference.
    np.testing.assert_allclose(hand, ours, rtol=1e-9, atol=1e-12)
    params, x, toward = recurrence._problem(0, 5)
    n = recurrence.FEATURES

    def loss(kernel):
        h, c = np.zeros(n), np.zeros(n)
        for x_t in x:
            gates = x_t @ kernel + h @ params["recurrent_kernel"] + params["bias"]
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return toward @ h

    step = np.zeros_like(params["kernel"])
    step[2, n + 1] = 1e-6  # From input 2 to forget gate 1.
    due = (loss(params["kernel"] + step) - loss(params["kernel"] - step)) / 2e-6
    assert hand[0, 1, 2] == pytest.approx(due, rel=1e-6)


def test_one_step_back_is_a_hundredfold_in_order_for_central_differences():
    curves = accuracy.curves(range(4), 32)
    for kind, order in (("forward", 1), ("central", 2)):
        errors = np.median(curves["float64", kind].errors, axis=0)
        far = (accuracy.EPS > 1e-4) & (accuracy.EPS < 1e-1)
        slope = np.polyfit(np.log(accuracy.EPS[far]), np.log(errors[far]), 1)[0]
        assert slope == pytest.approx(order, abs=0.1)
        near = accuracy.EPS < 1e-10
        slope = np.polyfit(np.log(accuracy.EPS[near]), np.log(errors[near]), 1)[0]
        assert slope == pytest.approx(-1, abs=0.15)
    assert curves["float32", "central"].theory == pytest.approx(4.92e-3, rel=1e-2)
    assert curves["float64", "forward"].theory == pytest.approx(1.49e-8, rel=1e-2)


def test_e_saves_an_operation_that_the_compiler_cannot():
    found = reuse.counts()
    assert found["with e"] == (4, 4)
    assert found["without e"] == (5, 5)  # (c a) b and (d a) b have nothing in common.
    assert found["without e, product first"] == (5, 4)
    args = (2.0, 3.0, 4.0, 5.0)
    assert reuse.with_e(*args) == reuse.without_e(*args) == reuse.product_first(*args)


def test_the_chain_rule_goes_both_ways():
    functions = [jnp.sin, jnp.exp, lambda a: a**2]
    steps = reuse.step_by_step(functions, 0.5)
    u = np.exp(2 * np.sin(0.5))
    np.testing.assert_allclose(steps.values[-1], u, rtol=1e-6)
    due = 2 * u * np.cos(0.5)
    np.testing.assert_allclose(
        [steps.tangents[-1], steps.cotangents[0]], due, rtol=1e-6
    )
    np.testing.assert_allclose(steps.cotangents[1], 2 * u, rtol=1e-6)
    # What comes from ahead and what from behind multiply to the same everywhere.
    np.testing.assert_allclose(
        np.multiply(steps.tangents, steps.cotangents), np.full(4, due), rtol=1e-5
    )


def test_the_rule_for_going_backward_cannot_go_forward():
    assert rules.refuses_forward_mode()
    value, tangent = jax.jvp(rules.my_exp_forward, (0.5,), (2.0,))
    np.testing.assert_allclose([value, tangent], np.exp(0.5) * np.array([1, 2]), 1e-6)


def test_all_ways_compute_the_same_product():
    found = ways(7, 3, 5, seed=1)
    results = [way() for way in found.values()]
    assert all(result.shape == (5, 3) for result in results)
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-5, atol=1e-6)
    times = measure(found, 2)
    assert list(times.milliseconds) == list(found)
    assert all(
        (taken > 0).all() and len(taken) == 2 for taken in times.milliseconds.values()
    )


def test_every_problem_is_reported_at_once(capsys):
    with pytest.raises(SystemExit) as error:
        autograd.main(["--seeds", "1", "--points", "0", "--input", "3"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "points should be at least 1, got 0" in message
    assert "Did you mean --inputs?" in message
