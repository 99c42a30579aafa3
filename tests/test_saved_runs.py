"""jaxnet.saving.runs: a trained model in a file is the model that was trained."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnet
from jaxnet.saving.runs import load_fit, save_fit
from jaxnet.saving.weights import load_params, save_params

ROOT = Path(__file__).parents[1]


def build(h):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(h["width"], bias=False),
            jaxnet.batch_norm(),
            jaxnet.relu,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(2),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=optax.adam(h["learning_rate"]),
        batch_size=16,
    )


HYPERS = {"width": 4, "dropout": 0.1, "learning_rate": 0.02}


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 3)).astype(np.float32)
    return x, np.stack([x[:, 0] * x[:, 1], x[:, 2]], axis=1)


@pytest.fixture(scope="module")
def run():
    return jaxnet.fit(build, HYPERS, data(), data(), key=jax.random.key(0), epochs=2)


def test_a_run_comes_back_with_its_history(tmp_path, run):
    path = save_fit(tmp_path / "run", run, description="the first")
    loaded = load_fit(path, build)
    assert loaded.hypers == HYPERS
    assert (loaded.status, loaded.best_epoch) == ("done", None)
    assert loaded.state.step == run.state.step
    assert list(loaded.history) == list(run.history)
    chex.assert_trees_all_equal(loaded.history, run.history)
    x, _ = data()
    np.testing.assert_array_equal(loaded.predict(x), run.predict(x))
    assert loaded.evaluate(data()) == run.evaluate(data())
    # The weights are those of any file.
    weights = load_params(path, run.params, model_state=run.state.model_state)
    chex.assert_trees_all_equal(weights.params, run.params)
    chex.assert_trees_all_equal(weights.model_state, run.state.model_state)
    assert weights.description == "the first"


def test_hyperparameters_that_are_no_data_are_given_again(tmp_path, run):
    odd = {"activation": jnp.tanh, "shape": (3, (2, 1)), "name": "x", "on": True}
    traced = {"rate": jnp.float32(0.1), "many": np.int64(7), "bounds": (0, math.inf)}
    other = dataclasses.replace(run, hypers={**odd, **traced, **HYPERS})
    path = save_fit(tmp_path / "run", other)
    with pytest.raises(ValueError, match=r"\['activation', 'bounds'\] are no data"):
        load_fit(path, build)
    given = {"activation": jnp.sin, "bounds": (0, 1), "name": "y"}
    hypers = load_fit(path, build, given).hypers
    assert hypers["activation"] is jnp.sin
    assert (hypers["shape"], hypers["name"], hypers["on"]) == ((3, (2, 1)), "y", True)
    assert np.float32(hypers["rate"]) == np.float32(0.1)
    assert hypers["many"] == 7


def test_the_best_epoch_and_metrics_of_any_name_are_kept(tmp_path, run):
    history = {"epoch": np.arange(2), "val/loss": np.array([np.nan, 0.1 + 0.2])}
    stopped = dataclasses.replace(
        run, status="stopped at epoch 9", best_epoch=4, history=history
    )
    loaded = load_fit(save_fit(tmp_path / "run", stopped), build)
    assert (loaded.status, loaded.best_epoch) == ("stopped at epoch 9", 4)
    assert list(loaded.history) == ["epoch", "val/loss"]
    chex.assert_trees_all_equal(loaded.history, history)


def test_weights_alone_are_no_run(tmp_path):
    with pytest.raises(ValueError, match="has weights and no run"):
        load_fit(save_params(tmp_path / "w", {"a": jnp.ones(2)}), build)


def test_the_best_of_a_sweep_predicts_in_another_process(tmp_path):
    space = HYPERS | {"learning_rate": jaxnet.log_uniform(1e-3, 1e-1)}
    sweep = jaxnet.sweep(
        build, space, data(), data(), key=jax.random.key(0), trials=2, epochs=2
    )
    best = sweep.best().member()
    save_fit(tmp_path / "best.safetensors", best)
    x, _ = data()
    np.save(tmp_path / "x.npy", x)
    script = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
import numpy as np
from test_saved_runs import build
from jaxnet.saving.runs import load_fit
run = load_fit({str(tmp_path / "best.safetensors")!r}, build)
x = np.load({str(tmp_path / "x.npy")!r}, allow_pickle=False)
np.save({str(tmp_path / "y.npy")!r}, run.predict(x))
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    y = np.load(tmp_path / "y.npy")
    # Another number of devices, and so another order of sums, at most.
    np.testing.assert_allclose(y, best.predict(x), rtol=1e-5, atol=1e-6)
