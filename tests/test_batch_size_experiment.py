"""The experiment on batch sizes end to end, and its parts against NumPy."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

import jaxnet
from experiments import batch_size
from experiments.batch_size import findings, grid, growth, listening, noise, rule
from experiments.batch_size.config import Config
from experiments.batch_size.problem import load
from experiments.common.options import quick_values

SMALL = Config(**quick_values(Config), devices=1)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("batch_size")
    status = batch_size.main(["--quick", "--devices", "1", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(
        status=status, out=out, record=record, metrics=record["metrics"]
    )


@pytest.fixture(scope="module")
def data():
    return load(SMALL)


@pytest.fixture(scope="module")
def grown(quick, data):
    """What the run trained, from the programs that it compiled."""
    return growth.run_growth(SMALL, data)


def gradients(params, x, y):
    """The gradients of every example's cross-entropy, by hand: one row each."""
    first, second = params["dense_1"], params["dense_2"]
    hidden = x @ first["kernel"] + first["bias"]
    active = np.maximum(hidden, 0)
    logits = active @ second["kernel"] + second["bias"]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    delta = shares - np.eye(10)[y]
    before = (delta @ second["kernel"].T) * (hidden > 0)
    parts = [
        before,
        np.einsum("ni,nj->nij", x, before),
        delta,
        np.einsum("ni,nj->nij", active, delta),
    ]
    each = np.concatenate([part.reshape(len(x), -1) for part in parts], axis=1)
    return each, -np.log(shares[np.arange(len(y)), y])


def flat(params):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])


def first_params(seed, x):
    """The initial parameters of a seed's run in a sweep with the key 0, in float64."""
    runs_key = jax.random.split(jax.random.key(SMALL.seed))[1]
    init_key, _ = jax.random.split(jax.random.fold_in(runs_key, seed))
    params, _ = jaxnet.mlp(32, 10).init(init_key, jnp.asarray(x[:1]))
    return jax.tree.map(lambda a: np.asarray(a, np.float64), params)


def test_all_checks_and_exact_claims_hold(quick):
    record = quick.record
    assert quick.status == 0
    assert all(check["ok"] for check in record["checks"])
    assert record["data"]["sizes"] == {"train": 1024, "validation": 360}
    assert len(record["metrics"]["grid"]) == 3 * len(grid.RATES) * 2
    verdicts = {claim["statement"]: claim["verdict"] for claim in record["claims"]}
    assert verdicts["rate x mean - rate / b x sum of gradients"] == "holds"
    assert verdicts["the power is smaller as b goes to N"] == "holds"
    assert max(map(len, verdicts)) <= 50


def test_the_figures_show_something(quick):
    for name in ("grid", "rule", "noise", "growth", "plateau"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.8, f"{name}: {drawn:.3f} of the pixels are drawn on"


@pytest.mark.parametrize("schedule", ["constant", "warm-up"])
def test_all_examples_in_a_batch_are_gradient_descent(quick, data, schedule):
    (x, y), (to_x, to_y) = data.train, data.validation
    rate, losses = 0.5, []
    for seed in range(SMALL.seeds):
        params = first_params(seed, x)
        tree = jax.tree.structure(params)
        shapes = [leaf.shape for leaf in jax.tree.leaves(params)]
        sizes = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
        weights = flat(params)
        # One step an epoch; the climb takes two of them.
        climb = [1 / 3, 2 / 3] if schedule == "warm-up" else []
        for share in climb + [1.0] * (SMALL.epochs - len(climb)):
            weights = weights - rate * share * gradients(params, x, y)[0].mean(axis=0)
            leaves = np.split(weights, sizes)
            pairs = zip(leaves, shapes, strict=True)
            params = jax.tree.unflatten(tree, [a.reshape(s) for a, s in pairs])
        losses.append(gradients(params, to_x, to_y)[1].mean())
    (row,) = (
        row
        for row in quick.metrics["grid"]
        if (row["batch_size"], row["learning_rate"]) == (1024, rate)
        and row["schedule"] == schedule
    )
    # Eight steps in float32.
    assert row["validation_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert row["noise_scale"] == 0.0


def test_the_noise_scale_is_that_of_smith_and_le(quick):
    for row in quick.metrics["grid"]:
        due = row["learning_rate"] * (1024 / row["batch_size"] - 1)
        assert row["noise_scale"] == pytest.approx(due)


def test_the_noise_by_example_is_the_covariances_trace(data):
    x, y = (a[:128] for a in data.train)
    params = first_params(0, x)
    each, _ = gradients(params, x, y)
    as_jax = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
    found = jax.jit(noise.by_example)(as_jax, (jnp.asarray(x), jnp.asarray(y)))
    # Sums of 2,410 squares in float32.
    np.testing.assert_allclose(found.signal, (each.mean(axis=0) ** 2).sum(), rtol=1e-4)
    np.testing.assert_allclose(found.noise, each.var(axis=0).sum(), rtol=1e-4)


def test_both_estimates_agree_on_average(data):
    train = jax.tree.map(lambda a: jnp.asarray(a[:256]), data.train)
    params = jax.tree.map(jnp.float32, first_params(0, data.train[0]))
    due = jax.jit(noise.by_example)(params, train)
    keys = jax.random.split(jax.random.key(0), 24)
    one = jax.jit(jax.vmap(noise.by_batches, in_axes=(None, None, 0)))
    for got, exact in zip(one(params, train, keys), due, strict=True):
        error = got.std() / np.sqrt(len(keys))
        # Four standard errors; a wrong size in the formula is off by a tenth or more.
        assert abs(got.mean() - exact) < 4 * error < 0.1 * exact


def test_the_scale_of_noise_has_the_jackknifes_interval():
    signal, more = np.array([1.0, 2.0, 3.0, 5.0]), np.array([20.0, 50.0, 50.0, 90.0])
    found = noise.Noise(signal, more).scale()
    assert found.mean == pytest.approx(210 / 11, rel=0.05)
    pseudo = [
        4 * 210 / 11 - 3 * np.delete(more, i).mean() / np.delete(signal, i).mean()
        for i in range(4)
    ]
    assert found.mean == pytest.approx(np.mean(pseudo))
    # Student's quantile for three degrees of freedom.
    half = 3.1824 * np.std(pseudo, ddof=1) / 2
    assert found.high - found.mean == pytest.approx(half, rel=1e-4)


def test_the_measured_noise_of_the_run_agrees(quick):
    metrics = quick.metrics
    times = listening.times_of(SMALL.long_epochs)
    assert times.tolist() == [0, 1, 2, 5, 10, 12]
    scales = [metrics[f"gradient_noise_after_{time}"] for time in times]
    # There is more of it than at first, when all gradients point the same way.
    assert 5 < scales[1] < scales[-2] < 500
    assert metrics["signal_by_batches_over_by_example"] == pytest.approx(1, abs=0.3)


def test_batches_that_grow_take_fewer_steps(quick, grown):
    assert growth.batch_sizes(12) == {0: 16, 4: 64, 8: 256}
    assert grown.steps["growth"] == 4 * (64 + 16 + 4)
    assert grown.steps["decay"] == grown.steps["constant"] == 12 * 64


def test_growth_and_decay_part_from_a_constant_rate_after_a_third(grown):
    curves = grown.curves
    for kind in ("decay", "growth"):
        first, then = np.split(curves[kind] / curves["constant"], [4], axis=1)
        # Programs of their own: rounding may differ.
        np.testing.assert_allclose(first, 1.0, rtol=1e-4)
        assert (then[:, 0] < 0.95).all()
    apart = curves["growth"] / curves["decay"] - 1
    assert abs(apart.mean()) < 0.02
    assert findings.parting(curves["growth"], curves["decay"]).mean == pytest.approx(
        apart.mean()
    )


def test_the_lowest_point_of_a_parabola_is_found_between_rates():
    x = np.log2(grid.RATES)
    assert rule.lowest((x + 2.3) ** 2) == pytest.approx(-2.3)
    assert rule.lowest((x - 9.0) ** 2) == x[-1]
    assert rule.lowest((x + 99.0) ** 2) == x[0]
    flat_top = np.where(x < 0, 1.0, 2.0)
    assert x[0] <= rule.lowest(flat_top) <= 0.0


def made(powers):
    """A grid whose best rates are these powers of two, for two kinds and two seeds."""
    x = np.log2(grid.RATES)
    bowl = (x[:, None] - np.asarray(powers)[:, None, :]) ** 2
    losses = np.exp(np.stack([bowl, bowl], axis=2))
    sizes = np.array([4, 16, 64, 256, 1024])
    return grid.Grid(sizes, losses[..., None], losses, losses, {})


def test_the_powers_are_those_of_the_best_rates():
    # Linear up to 64, and a quarter of that from there.
    best = [[-6.0, -7.0], [-4.0, -5.1], [-2.0, -2.9], [-1.5, -2.4], [-1.0, -1.9]]
    one = made(best)
    fitted = rule.fit_rule(one)
    np.testing.assert_allclose(np.log2(fitted.best[:, 0]), best, atol=1e-9)
    for seed in range(2):
        column = np.array(best)[:, seed]
        due = np.polyfit([2, 4, 6], column[:3], 1)[0]
        assert fitted.small[0, seed] == pytest.approx(due)
        assert fitted.large[1, seed] == pytest.approx(0.25)
    assert rule.breaks_at(fitted, one, 0) == 256
    linear = made([[-6.0, -6.1], [-4.0, -4.1], [-2.0, -2.1], [0, -0.1], [2, 1.9]])
    assert rule.breaks_at(rule.fit_rule(linear), linear, 0) is None


def test_the_expected_power_is_one_where_all_is_noise():
    sizes = np.array([4, 16, 64, 256])
    assert rule.expected_power(sizes, 1e6) == pytest.approx(1.0, abs=1e-3)
    assert rule.expected_power(sizes, 1e-6) == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(rule.expected(sizes, 64.0), sizes / (sizes + 64.0))


def test_a_fall_is_measured_against_the_constant_rate():
    constant = np.array([[4.0, 4.0, 2.0, 1.0], [4.0, 4.0, 2.0, 1.0]])
    fallen = np.array([[4.0, 4.0, 1.0, 0.5], [4.0, 4.0, 2.0, 1.0]])
    rates = np.array([[0.5, 0.125, 0.125, 0.125], [0.5] * 4])
    found = listening.Listening(
        np.stack([constant, fallen]),
        np.stack([np.full((2, 4), 0.5), rates]),
        *[None] * 3,
    )
    # The second seed's rate never falls.
    np.testing.assert_allclose(listening.falls(found), [1 / 4 - 2 / 4])


def test_every_problem_is_reported_at_once(capsys, tmp_path):
    with pytest.raises(SystemExit) as error:
        batch_size.main(
            ["--seeds", "1", "--batch-sizes", "16", "12", "--long-epochs", "7"]
        )
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "batch_sizes should be at least 3 that increase" in message
    assert "batch_sizes should divide 1024" in message
    assert "long_epochs should be a multiple of 3, got 7" in message
    assert batch_size.main(["--devices", "99", "--out", str(tmp_path)]) == 2
    assert "devices=99 are more than the 8 there are" in capsys.readouterr().err
