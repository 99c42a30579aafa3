"""jaxnet.fitting: what a run gives back, and what it compiles."""

import contextlib

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxnet import programs
from jaxnet.callbacks import tensorboard
from jaxnet.data.streaming import stream_arrays, stream_batches
from jaxnet.fitting import fit
from jaxnet.layers.activations import tanh
from jaxnet.layers.adapters import from_linen, from_nnx
from jaxnet.layers.combining import sequential
from jaxnet.layers.dense import dense
from jaxnet.layers.dropout import dropout
from jaxnet.layers.normalization import batch_norm
from jaxnet.losses import mean_squared_error, softmax_cross_entropy
from jaxnet.metrics import accuracy
from jaxnet.stopping import EarlyStopping
from jaxnet.training import Task

HYPERS = {"width": 8, "dropout": 0.1, "learning_rate": 0.02}


def build(h):
    return Task(
        model=sequential(
            dense(h["width"], bias=False),
            batch_norm(),
            tanh,
            dropout(h["dropout"]),
            dense(1),
        ),
        loss=mean_squared_error,
        optimizer=optax.adam(h["learning_rate"]),
        batch_size=16,
    )


def curve(examples=100, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (examples, 1)).astype(np.float32)
    return x, np.sin(3 * x).astype(np.float32)


@contextlib.contextmanager
def counted_compilations(caplog):
    """The number of programs that JAX compiles inside, as a list of its messages."""
    messages = []
    with jax.log_compiles(), caplog.at_level("WARNING", logger="jax"):
        caplog.clear()
        yield messages
        messages += [m for m in caplog.messages if m.startswith("Compiling jit(")]


def test_it_learns_and_reports_what_happened(key):
    result = fit(build, HYPERS, curve(), curve(30, 1), key=key, epochs=60)
    assert result.status == "done"
    assert set(result.history) == {
        *("epoch", "seconds", "train_loss", "validation_loss")
    }
    np.testing.assert_array_equal(result.history["epoch"], np.arange(1, 61))
    # The variance of the targets is 0.46: that is the loss of a constant.
    assert result.history["validation_loss"][-1] < 0.05
    assert result.state.step == 60 * (100 // 16)
    np.testing.assert_allclose(
        result.evaluate(curve(30, 1))["loss"],
        result.history["validation_loss"][-1],
        rtol=1e-5,
    )


def test_predict_is_the_model_in_evaluation_mode(key):
    result = fit(build, HYPERS, curve(), key=key, epochs=2)
    x = jnp.asarray(curve(700, 2)[0])
    due, _ = build(HYPERS).model.apply(result.params, result.state.model_state, x)
    np.testing.assert_allclose(result.predict(x), due, rtol=1e-5, atol=1e-6)


def test_the_same_key_gives_the_same_run_and_another_key_another(key):
    runs = [
        fit(build, HYPERS, curve(), key=jax.random.key(seed), epochs=3)
        for seed in (0, 0, 1)
    ]
    chex.assert_trees_all_equal(runs[0].params, runs[1].params)
    first, other = (run.params["dense_1"]["kernel"] for run in runs[1:])
    assert not jnp.allclose(first, other)


def test_blocks_of_epochs_change_nothing(key):
    one, many = (
        fit(build, HYPERS, curve(), key=jax.random.clone(key), epochs=7, every=every)
        for every in (1, 3)
    )
    # The same steps in another program: rounding, which 42 steps of Adam carry on.
    chex.assert_trees_all_close(one.params, many.params, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(many.history["epoch"], [3, 6, 7])
    by_block = [one.history["train_loss"][rows].mean() for rows in ([0, 1, 2], [6])]
    np.testing.assert_allclose(many.history["train_loss"][[0, 2]], by_block, rtol=1e-4)


def test_a_new_value_of_a_float_compiles_nothing(key, caplog):
    data, validation = curve(), curve(30, 1)
    fit(build, HYPERS, data, validation, key=jax.random.key(0), epochs=2)
    with counted_compilations(caplog) as compiled:
        for rate in (0.5, 1e-3):
            hypers = HYPERS | {"learning_rate": rate, "dropout": rate}
            result = fit(
                build, hypers, data, validation, key=jax.random.key(1), epochs=3
            )
            result.predict(data[0])
            result.evaluate(validation)
    # The first call of predict compiles it, and nothing else does anything.
    assert len(compiled) == 1, compiled
    with counted_compilations(caplog) as compiled:
        fit(build, HYPERS | {"width": 9}, data, key=key, epochs=2)
    assert len(compiled) > 1


def test_a_block_is_one_call_and_one_transfer(key, monkeypatch):
    calls, transfers = [], []
    run, get = programs._epochs, jax.device_get
    monkeypatch.setattr(programs, "_epochs", lambda *a: calls.append(a) or run(*a))
    monkeypatch.setattr(jax, "device_get", lambda a: transfers.append(a) or get(a))
    data = jax.tree.map(jnp.asarray, curve())
    fit(build, HYPERS, data, data, key=key, epochs=6, every=2)
    assert len(calls) == 3
    assert len(transfers) == 3


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_streamed_arrays_train_as_arrays_in_memory_do(key, tmp_path, weighted):
    data = curve(70)
    if weighted:
        data = (*data, np.linspace(0.1, 2, 70, dtype=np.float32))
    mapped = []
    for i, array in enumerate(data):
        np.save(tmp_path / f"{i}.npy", array)
        mapped.append(np.load(tmp_path / f"{i}.npy", mmap_mode="r"))
    whole, streamed = (
        fit(build, HYPERS, train, train, key=jax.random.clone(key), epochs=4)
        for train in (data, stream_arrays(tuple(mapped)))
    )
    # The same steps in another program: rounding, which 16 steps of Adam carry on.
    chex.assert_trees_all_close(whole.params, streamed.params, rtol=1e-4, atol=1e-6)
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(
            whole.history[name], streamed.history[name], rtol=1e-4
        )


def test_any_iterable_of_batches_can_be_streamed(key):
    x, y = curve(48)
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 48, 16)]
    listed = fit(build, HYPERS, stream_batches(batches), key=key, epochs=3)
    made = fit(
        build,
        HYPERS,
        stream_batches(lambda: iter(batches)),
        key=jax.random.key(0),
        epochs=3,
    )
    assert listed.state.step == 9
    chex.assert_trees_all_equal(listed.params, made.params)


def test_early_stopping_goes_back_to_the_best(key):
    x, y = curve(16)
    noisy = (x, y + np.random.default_rng(1).normal(0, 1, y.shape).astype(np.float32))
    rule = EarlyStopping(patience=5)
    hypers = HYPERS | {"width": 64, "dropout": 0.0}
    result = fit(
        build, hypers, noisy, curve(50, 2), key=key, epochs=300, early_stopping=rule
    )
    losses = result.history["validation_loss"]
    assert result.best_epoch == 1 + np.argmin(losses)
    assert len(losses) == result.best_epoch + 5
    assert result.status == f"stopped at epoch {len(losses)}"
    np.testing.assert_allclose(
        result.evaluate(curve(50, 2))["loss"], losses.min(), rtol=1e-5
    )


def test_a_loss_that_is_not_finite_ends_training(key):
    def plain(h):
        rule = optax.sgd(h["learning_rate"])
        return build(h)._replace(model=dense(1), optimizer=rule)

    result = fit(plain, HYPERS | {"learning_rate": 1e9}, curve(), key=key, epochs=50)
    assert result.diagnosis is not None
    assert result.status == f"diverged at step {result.diagnosis.step}"
    assert len(result.history["epoch"]) == result.diagnosis.epoch < 50


def test_metrics_and_labels(key):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)

    def classify(h):
        return Task(
            dense(3),
            softmax_cross_entropy,
            optax.adam(h["learning_rate"]),
            metrics={"accuracy": accuracy},
        )

    result = fit(
        classify, {"learning_rate": 0.1}, (x, labels), (x, labels), key=key, epochs=20
    )
    predicted = np.argmax(result.predict(x), axis=-1)
    np.testing.assert_allclose(
        result.history["validation_accuracy"][-1], np.mean(predicted == labels)
    )
    assert result.history["validation_accuracy"][-1] > 0.85


def test_callbacks_see_every_block(key):
    seen = []
    result = fit(
        build, HYPERS, curve(), key=key, epochs=5, every=2, callbacks=[seen.append]
    )
    assert [report.epoch for report in seen] == [2, 4, 5]
    assert [report.status for report in seen] == ["running", "running", "done"]
    assert [report.metrics["train_loss"] for report in seen] == list(
        result.history["train_loss"]
    )


def test_tensorboard_gets_the_history(key, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = fit(
        build,
        HYPERS,
        curve(),
        curve(30, 1),
        key=key,
        epochs=4,
        callbacks=[tensorboard(tmp_path)],
    )
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("train", "validation"):
        scalars = events.Scalars(f"{name}/loss")
        assert [scalar.step for scalar in scalars] == [1, 2, 3, 4]
        np.testing.assert_allclose(
            [scalar.value for scalar in scalars],
            result.history[f"{name}_loss"],
            rtol=1e-6,
        )


def test_there_is_no_bar_without_a_terminal(key, capfd):
    fit(build, HYPERS, curve(), key=key, epochs=3)
    assert capfd.readouterr() == ("", "")


class LinenBlock(nn.Module):
    """Other people's model: it has statistics, noise, and a mode of its own."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(16)(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.Dropout(0.1, deterministic=not train)(nn.tanh(x))
        return nn.Dense(1)(x)


class NnxBlock(nnx.Module):
    """The same in flax's other dialect."""

    def __init__(self, rngs):
        self.inner = nnx.Linear(1, 16, rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)
        self.outer = nnx.Linear(16, 1, rngs=rngs)

    def __call__(self, x):
        return self.outer(self.drop(nnx.tanh(self.norm(self.inner(x)))))


@pytest.mark.parametrize("dialect", ["linen", "nnx"])
def test_modules_of_flax_can_be_fitted(key, dialect):
    def build_flax(h):
        if dialect == "linen":
            model = from_linen(LinenBlock(), kwargs=lambda train: {"train": train})
        else:
            model = from_nnx(lambda rngs: NnxBlock(rngs))
        return build(h)._replace(model=model)

    result = fit(build_flax, HYPERS, curve(), curve(30, 1), key=key, epochs=60)
    # A quarter of the variance of the targets, which is the loss of a constant.
    assert result.history["validation_loss"][-1] < 0.46 / 4
    statistics = jax.tree.leaves(result.state.model_state)
    assert any(jnp.abs(leaf).max() > 0.01 for leaf in statistics)
