"""The normalization experiment end to end, and its numbers against other ways."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

import jaxnet
from experiments import normalization
from experiments.normalization import inputs, landscape, nets
from experiments.normalization.config import Config
from experiments.sweep import digits

SIZES = {"layers": 2, "width": 6, "scale": 1.0, "learning_rate": 0.1, "noise": 0.0}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("normalization")
    arguments = ["--quick", "--seeds", "2", "--layers", "2", "--rates", "0.03", "0.1"]
    status = normalization.main([*arguments, "--scales", "0.3", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(
        status=status, out=out, record=record, metrics=record["metrics"]
    )


def test_all_that_must_hold_holds(quick):
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    assert len(quick.record["claims"]) == 15
    assert [one["ours"] for one in quick.record["claims"] if one["exact"]] == [
        pytest.approx(0.0, abs=1e-5),
        pytest.approx(1.0, abs=1e-5),
    ]
    assert quick.record["data"]["sizes"]["cells_train"] == 341


def test_differences_are_paired_over_seeds(quick):
    each = quick.metrics["per_seed"]
    claims = {one["statement"]: one for one in quick.record["claims"]}
    raw, standardized = (
        np.array(each[f"inputs_{name}_test_loss"]) for name in ("raw", "standardized")
    )
    claim = claims["raw - standardized inputs: test loss"]
    assert claim["ours"] == pytest.approx((raw - standardized).mean())
    before, none = (
        np.array(each[f"digits_{name}_1_test_accuracy"]) for name in ("before", "none")
    )
    claim = claims["batch norm's gain of accuracy, points"]
    assert claim["ours"] == pytest.approx(100 * (before - none).mean())


def test_the_figures_show_something(quick):
    for name in ("inputs", "sensitivity", "speed", "landscape"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_inputs_are_standardized_as_scikit_learn_does_it():
    raw = inputs.load(3)
    ours = inputs.standardized(raw)
    scaler = StandardScaler().fit(raw[0][0])
    for (x, _), (z, _) in zip(raw, ours, strict=True):
        np.testing.assert_allclose(z, scaler.transform(x), rtol=1e-3, atol=1e-3)
    everything = np.concatenate([x for x, _ in raw])
    due, _ = load_breast_cancer(return_X_y=True)
    np.testing.assert_allclose(
        np.sort(everything, axis=0), np.sort(due, axis=0), rtol=1e-6
    )


def test_epochs_to_a_loss_are_read_off_the_curve():
    losses = np.array([[2.0, 1.0, 0.5], [0.2, 0.1, 0.1], [3.0, 2.0, np.nan]])
    # Between 2 and 1 the curve is at 1.25 after 1.75 epochs; the last never gets there.
    np.testing.assert_allclose(nets.epochs_to(1.25, losses), [1.75, 1.0, 4.0])


def test_a_net_without_norm_is_one_of_dense_layers_with_biases(key):
    model = nets.build(nets.PLACES["none"] | SIZES).model
    x = jax.random.normal(jax.random.fold_in(key, 1), (5, 3))
    params, state = model.init(key, x)
    params["bias_1"]["bias"] = jnp.arange(6.0)
    plain = jaxnet.mlp(6, 6, 10)
    own = {f"dense_{i}": params[f"dense_{i}"] | params[f"bias_{i}"] for i in (1, 2)} | {
        "dense_3": params["head"]
    }
    due, _ = plain.apply(own, (), x)
    got, _ = model.apply(params, state, x, train=True)
    np.testing.assert_allclose(got, due, rtol=1e-5)


@pytest.mark.parametrize("place", ["before", "after"])
def test_normalization_is_where_it_should_be(key, place):
    model = nets.build(nets.PLACES[place] | SIZES).model
    x = jax.random.normal(jax.random.fold_in(key, 1), (9, 3))
    params, state = model.init(key, x)
    norm = jaxnet.batch_norm()
    h = x
    for i in (1, 2):
        h = h @ params[f"dense_{i}"]["kernel"]
        start = norm.init(jax.random.key(0), h)
        if place == "before":
            h = jax.nn.relu(norm.apply(*start, h, train=True)[0])
        else:
            h = norm.apply(*start, jax.nn.relu(h), train=True)[0]
    due = h @ params["head"]["kernel"] + params["head"]["bias"][None]
    got, _ = model.apply(params, state, x, train=True)
    np.testing.assert_allclose(got, due, rtol=1e-4, atol=1e-5)


def test_there_is_no_bias_in_front_of_batch_norm():
    problem = digits.load(0)
    hypers = nets.PLACES["before"] | SIZES
    run = jaxnet.fit(
        nets.build,
        hypers,
        problem.train,
        key=jax.random.key(0),
        epochs=1,
        progress=False,
    )
    np.testing.assert_array_equal(run.params["bias_1"]["bias"], np.zeros(6))
    assert float(abs(run.params["before_1"]["bias"]).min()) > 0


def test_noise_shifts_and_scales_units_within_its_bounds(key):
    layer = nets.shaking()
    x = jnp.ones((500, 8))
    y, _ = layer.apply((), (), x, train=True, key=jax.random.clone(key))
    means = np.asarray(y.mean(axis=0))
    # s in [1, 1.25], m in [-0.5, 0.5]: for ones s + m is in [0.5, 1.75].
    assert (means > 0.45).all()
    assert (means < 1.8).all()
    assert np.ptp(means) > 0.2
    # Two jitters from U(-0.1, 0.1) have the standard deviation 0.1 sqrt(2 / 3).
    np.testing.assert_allclose(y.std(axis=0), 0.1 * np.sqrt(2 / 3), rtol=0.15)
    scaled, _ = layer.apply((), (), 3 * x, train=True, key=jax.random.clone(key))
    slopes = np.asarray((scaled - y).mean(axis=0) / 2)
    assert (slopes >= 0.98).all()
    assert (slopes <= 1.27).all()
    still, _ = layer.apply((), (), x, key=key)
    np.testing.assert_array_equal(still, x)


def test_the_landscape_is_what_steps_by_hand_find():
    config = Config(layers=2, width=6, steps=2, seeds=2, step_size=0.2)
    train, _, test = (jax.tree.map(lambda a: a[:100], part) for part in _digits())
    found = landscape.see(config, jax.random.key(5), train, test)["batch norm"]
    hypers = landscape.KINDS["batch norm"] | SIZES
    model = nets.build(hypers).model
    run_key = jax.random.split(jax.random.key(5), 2)[1]
    init_key, run_key = jax.random.split(run_key)
    params, state = model.init(init_key, train[0])

    @jax.jit
    @jax.value_and_grad
    def value_and_grad(params, x, y):
        # In training batch_norm does not read its state.
        outputs, _ = model.apply(params, state, x, train=True)
        return jaxnet.softmax_cross_entropy(outputs, y)

    for i in range(2):
        rows_key, _ = jax.random.split(jax.random.fold_in(run_key, i))
        rows = jax.random.randint(rows_key, (landscape.BATCH,), 0, 100)
        x, y = train[0][rows], train[1][rows]

        value, gradient = value_and_grad(params, x, y)
        flat = _flat(gradient)
        values, distances = [float(value)], []
        for factor in landscape.FACTORS:
            end = jax.tree.map(lambda p, g, s=0.2 * factor: p - s * g, params, gradient)
            other, turned = value_and_grad(end, x, y)
            values.append(float(other))
            distances.append(np.linalg.norm(_flat(turned) - flat))
        length = np.linalg.norm(flat)
        rough = np.array(distances) / (0.2 * np.array(landscape.FACTORS) * length)
        # What batch_norm makes of rounding.
        near = {"rel": 1e-3}
        assert found.loss[1, i] == pytest.approx(float(value), **near)
        assert found.lowest[1, i] == pytest.approx(min(values), **near)
        assert found.highest[1, i] == pytest.approx(max(values), **near)
        assert found.distance[1, i] == pytest.approx(max(distances) / length, **near)
        assert found.roughness[1, i] == pytest.approx(rough.max(), **near)
        moved = jax.tree.map(lambda p, g: p - 0.2 * g, params, gradient)
        # In front of the second layer is the first, with all that belongs to it.
        front = params | {k: v for k, v in moved.items() if k.endswith("_1")}
        own = gradient["dense_2"]["kernel"]
        shifted = value_and_grad(front, x, y)[1]["dense_2"]["kernel"]
        due = jnp.linalg.norm(shifted - own) / jnp.linalg.norm(own)
        assert found.shift[1, i] == pytest.approx(float(due), **near)
        params = moved
    assert found.loss[0, 0] != found.loss[1, 0]


def test_every_problem_is_reported_at_once(capsys):
    with pytest.raises(SystemExit) as error:
        normalization.main(["--seeds", "1", "--scales", "1", "--layer", "3"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "scales has 1" in message
    assert "Did you mean --layers?" in message


def _digits():
    problem = digits.load(0)
    return problem.train, problem.validation, problem.test


def _flat(tree):
    return np.concatenate([np.ravel(a) for a in jax.tree.leaves(tree)])
