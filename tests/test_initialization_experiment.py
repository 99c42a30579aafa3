"""The initialization experiment end to end, and its numbers against other ways."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

import jaxnet
from experiments import initialization
from experiments.initialization import deep, kinds, scales, shattering, signals
from experiments.initialization.choosing import when
from experiments.initialization.config import Config
from experiments.initialization.testing import evaluate
from experiments.sweep import digits


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("initialization")
    arguments = ["--quick", "--seeds", "2", "--rates", "0.03", "--out", str(out)]
    status = initialization.main(arguments)
    record = json.loads((out / "result.json").read_text())
    claims = {claim["statement"]: claim for claim in record["claims"]}
    return SimpleNamespace(status=status, out=out, record=record, claims=claims)


def test_all_that_must_hold_holds(quick):
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    exact = [claim for claim in quick.record["claims"] if claim["exact"]]
    assert len(exact) == 3
    assert all(claim["ours"] == 0.0 for claim in exact)
    assert set(quick.record["data"]["sizes"]) == {"train", "validation", "test"}


def test_what_follows_from_formulas_comes_out(quick):
    ours = {name: claim["ours"] for name, claim in quick.claims.items()}
    assert ours["0.01 randn, tanh, n=100: gradient a layer"] == pytest.approx(
        0.1, rel=0.05
    )
    assert ours["variance of PyTorch's default, over He's"] == pytest.approx(
        1 / 6, rel=0.01
    )
    # randn / sqrt(v) has the variance 1 / v.
    assert ours["variance of Xavier's code, over its formula"] == pytest.approx(
        ((300 + 256) / 2) ** 2
    )
    wrong = {name for name, one in quick.claims.items() if one["verdict"] != "holds"}
    assert "variance of Xavier's code, over its formula" in wrong
    assert "variance of relu heuristic, over its formula" not in wrong


def test_the_figures_show_something(quick):
    for name in ("signals", "shattering", "training"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_signals_are_those_of_backpropagation_by_hand(key):
    kernels = 0.3 * jax.random.normal(key, (3, 7, 7))
    x, cotangent = jax.random.normal(jax.random.fold_in(key, 1), (2, 5, 7))
    stds, rms = signals.through(kernels, x, cotangent)
    curves = {
        "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        "sigmoid": (
            lambda z: 1 / (1 + np.exp(-z)),
            lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
        ),
        "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
        "linear": (lambda z: z, np.ones_like),
    }
    assert [*curves] == [*kinds.ACTIVATIONS]
    for i, (curve, slope) in enumerate(curves.values()):
        h, sums = np.asarray(x, float), []
        for layer, kernel in enumerate(np.asarray(kernels, float)):
            sums.append(h @ kernel)
            h = curve(sums[-1])
            assert stds[i, layer] == pytest.approx(h.std(), rel=1e-5)
        back = np.asarray(cotangent, float)
        for layer in (2, 1, 0):
            back = back * slope(sums[layer])
            # Some roundings of a float32, in a mean of squares.
            due = np.sqrt((back**2).mean())
            assert rms[i, layer] == pytest.approx(due, rel=1e-5)
            back = back @ np.asarray(kernels[layer], float).T


@pytest.mark.parametrize("units", [25, 144])
def test_small_weights_multiply_a_gradient_by_epsilon_root_n(units):
    found = signals.measure(jax.random.key(units), 3, units, 8)
    linear = signals.factor(found.of("0.01 randn", "linear").gradients)
    # The relative error of a layer's factor is about 1 / sqrt(2 units).
    assert linear.mean() == pytest.approx(0.01 * units**0.5, rel=0.15)
    kept = signals.factor(found.of("orthogonal", "linear").gradients)
    np.testing.assert_allclose(kept, 1.0, rtol=1e-5)


def test_correlations_of_theory_are_those_of_many_random_units():
    rng = np.random.default_rng(0)
    angle = shattering.ANGLES[-8]
    u, v = rng.standard_normal((2, 400_000))
    first, second = u, np.cos(angle) * u + np.sin(angle) * v
    k = 2 * ((first > 0) & (second > 0)).mean()
    m = 2 * (np.maximum(first, 0) * np.maximum(second, 0)).mean()
    # Standard errors are 2e-3.
    one = shattering.expected(1, skip=False)[-8]
    assert one == pytest.approx(k, abs=0.01)
    assert shattering.expected(1, skip=True)[-8] == pytest.approx((1 + k) / 2, abs=0.01)
    after = 1 - np.arccos(m) / np.pi
    assert shattering.expected(2, skip=False)[-8] == pytest.approx(k * after, abs=0.01)
    np.testing.assert_allclose(shattering.expected(32, skip=True)[0], 1.0)


def test_wide_nets_have_the_correlations_of_theory():
    found = shattering.measure(jax.random.key(0), 6, 300, (1, 3))
    for depth in (1, 3):
        for rows, skip in ((found.plain, False), (found.skip, True)):
            due = shattering.expected(depth, skip=skip)
            # For 300 units and 6 nets; plain and skip differ by up to 0.5.
            assert abs(rows[depth].mean(axis=0) - due).max() < 0.1
    assert shattering.near(found.plain[1])[0] == pytest.approx(
        np.interp(0.1, shattering.ANGLES, found.plain[1][0])
    )


def test_formulas_are_those_of_the_librarys_initializers(key):
    for name, (a, b, c) in kinds.VARIANCES.items():
        due = kinds.variance(name, 200, 700)
        drawn = kinds.INITIALIZERS[name](jax.random.clone(key), (200, 700), jnp.float32)
        ours = kinds.of_formula(a, b, c)(jax.random.clone(key), (200, 700), jnp.float32)
        # The relative standard error of a variance of 140,000 numbers is 0.004.
        assert float(drawn.var()) == pytest.approx(due, rel=0.02)
        assert float(ours.var()) == pytest.approx(due, rel=0.02)


def test_logits_of_plain_randn_are_those_of_numpy():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 300))
    x *= scales.LENGTH / np.linalg.norm(x, axis=1, keepdims=True)
    squares = []
    for _ in range(5):
        h = x
        for n_in, n_out in ((300, 2048), (2048, 256), (256, 20)):
            sums = h @ rng.standard_normal((n_in, n_out)) + rng.standard_normal(n_out)
            h = np.maximum(sums, 0)
        squares.append((sums**2).mean())
    # The logits of one net have much in common: 5 nets know their scale to a tenth.
    assert np.sqrt(np.mean(squares)) == pytest.approx(
        scales.expected_logits(scales.LENGTH), rel=0.15
    )


@pytest.mark.parametrize("help_", ["plain", "batch norm", "skip", "both"])
def test_a_deep_net_is_the_one_that_the_layers_make(key, help_):
    config = Config(width=5)
    h = deep._setting(config, deep.Kind(4, help_, "He"), 0.1)
    model = deep.build(h).model
    x = jax.random.normal(jax.random.fold_in(key, 1), (6, 3))
    params, state = model.init(key, x)
    assert params["blocks"]["dense_1"]["kernel"].shape == (7, 5, 5)
    norm = jaxnet.batch_norm()
    inner = [jaxnet.relu, jaxnet.dense(5, bias=False)]
    if help_ in ("batch norm", "both"):
        inner = [norm, *inner]
    block = jaxnet.sequential(*inner)
    if help_ in ("skip", "both"):
        block = jaxnet.residual(block)
    y = x @ params["dense_1"]["kernel"]
    for i in range(3):
        due, empty = block.init(jax.random.key(0), y)
        leaves = {"dense_1": {"kernel": params["blocks"]["dense_1"]["kernel"][i]}}
        if inner[0] is norm:
            leaves["batch_norm_1"] = {"scale": jnp.ones(5), "bias": jnp.zeros(5)}
        own = {"block": leaves} if "block" in due else leaves
        y, _ = block.apply(own, empty, y, train=True)
    if inner[0] is norm:
        y, _ = norm.apply(*norm.init(jax.random.key(0), y), y, train=True)
    y = jax.nn.relu(y) @ params["head"]["kernel"] + params["head"]["bias"][None]
    got, _ = model.apply(params, state, x, train=True)
    np.testing.assert_allclose(got, y, rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_off_cannot_spoil_the_gradient(key):
    x = jnp.array([[1e30], [-1e30], [3.0]])
    layer = when(0.0, jaxnet.batch_norm())
    params, state = layer.init(key, x)
    gradient = jax.grad(lambda x: layer.apply(params, state, x, train=True)[0].sum())
    np.testing.assert_array_equal(gradient(x), np.ones((3, 1)))
    on = when(1.0, jaxnet.batch_norm())
    y, _ = on.apply(params, state, x[2:] + jnp.array([[0.0], [2.0]]), train=True)
    np.testing.assert_allclose(y, [[-1.0], [1.0]], rtol=1e-4)


def build_two_widths(h):
    return jaxnet.Task(
        model=jaxnet.sequential(jaxnet.dense(h["width"]), jaxnet.dense(10)),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer("sgd", h["learning_rate"]),
        metrics={"accuracy": jaxnet.accuracy},
        batch_size=None,
    )


def test_members_do_on_test_data_what_each_does_alone():
    problem = digits.load(0)
    result = jaxnet.sweep(
        build_two_widths,
        [{"width": n, "learning_rate": 0.1 * n} for n in (3, 2, 3)],
        problem.train,
        key=jax.random.key(0),
        seeds=2,
        epochs=2,
        progress=False,
    )
    found = evaluate(result, np.array([2, 1]), problem.test)
    for i, member in enumerate(result.members):
        trial, seed = divmod(int(member), 2)
        if trial == 0:
            continue
        for name, value in result.member(i).evaluate(problem.test).items():
            assert found[name][2 - trial, seed] == pytest.approx(value, rel=1e-5)


def test_every_problem_is_reported_at_once(capsys):
    with pytest.raises(SystemExit) as error:
        initialization.main(["--seeds", "1", "--depths", "8", "2", "--rate", "3"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "depths should rise" in message
    assert "Did you mean --rates?" in message
