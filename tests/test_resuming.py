"""Checkpoints of `fit` and `sweep`: what goes on is what would have been."""

import contextlib
import resource
import shutil

import chex
import jax
import numpy as np
import pytest

import jaxnet
from jaxnet.checkpoint import CheckpointError, steps

HYPERS = {"learning_rate": 0.01, "dropout": 0.1, "width": 6}
SPACE = {
    "learning_rate": jaxnet.log_uniform(1e-3, 0.3),
    "dropout": jaxnet.uniform(0.0, 0.5),
    "width": jaxnet.choice(4, 8),
}


def build(h):
    return jaxnet.Task(
        jaxnet.sequential(
            jaxnet.dense(h["width"], bias=False),
            jaxnet.batch_norm(),
            jaxnet.tanh,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(1),
        ),
        jaxnet.mean_squared_error,
        jaxnet.optimizer("adam", h["learning_rate"]),
        batch_size=16,
    )


def data(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    return x, x.sum(axis=1, keepdims=True)


class InterruptionError(Exception):
    """What stops a run, in place of a power cut."""


def train(checkpoint=None, stop_at=None, build=build, hypers=HYPERS, **changes):
    def stop(report):
        if report.epoch == stop_at:
            raise InterruptionError

    arguments = {"key": jax.random.key(1), "epochs": 12} | changes
    arguments = {"train": data(), "validation": data(1)} | arguments
    if checkpoint is not None:
        checkpoint = jaxnet.Checkpoints(checkpoint, seconds=0.0)
        arguments = {"resume": True} | arguments
    return jaxnet.fit(
        build, hypers, checkpoint=checkpoint, callbacks=[stop], **arguments
    )


def assert_same_fit(one, other):
    assert one.status == other.status
    assert one.best_epoch == other.best_epoch
    for name, column in one.history.items():
        if name != "seconds":
            np.testing.assert_array_equal(column, other.history[name])
    chex.assert_trees_all_equal(one.state, other.state)


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("rule", [None, jaxnet.EarlyStopping(patience=2)])
def test_a_run_that_was_interrupted_three_times_is_the_run_without(
    tmp_path, every, rule
):
    arguments = {"every": every, "early_stopping": rule}
    whole = train(**arguments)
    for epoch in (3, 6, 9):
        # Early stopping may have been earlier.
        with contextlib.suppress(InterruptionError):
            train(tmp_path / "a", stop_at=epoch, **arguments)
    resumed = train(tmp_path / "a", **arguments)
    assert_same_fit(whole, resumed)
    seconds = resumed.history["seconds"]
    assert (np.diff(seconds) > 0).all()


def test_a_finished_run_is_not_trained_again_but_can_go_on(tmp_path):
    first = train(tmp_path / "a", epochs=6)
    seen = []
    again = train(tmp_path / "a", epochs=6, stop_at=None)
    assert_same_fit(first, again)
    np.testing.assert_array_equal(first.history["seconds"], again.history["seconds"])
    assert not seen
    assert_same_fit(train(), train(tmp_path / "a"))
    with pytest.raises(ValueError, match="epochs=6 are fewer than the 12"):
        train(tmp_path / "a", epochs=6)


def test_a_run_that_diverged_keeps_its_diagnosis(tmp_path):
    hypers = HYPERS | {"learning_rate": 1e30}
    first = train(tmp_path / "a", hypers=hypers)
    again = train(tmp_path / "a", hypers=hypers)
    assert first.status.startswith("diverged at step")
    assert_same_fit(first, again)
    assert again.diagnosis[3:] == first.diagnosis[3:]
    np.testing.assert_array_equal(again.diagnosis.rows, first.diagnosis.rows)


def test_a_stream_and_split_batches_go_on_as_well(tmp_path):
    def arguments():
        return {"train": jaxnet.data.stream_arrays(data()), "devices": 4}

    whole = train(**arguments())
    with pytest.raises(InterruptionError):
        train(tmp_path / "a", stop_at=5, **arguments())
    assert_same_fit(whole, train(tmp_path / "a", **arguments()))
    # On another number of devices it is the same run, to rounding.
    with pytest.raises(InterruptionError):
        train(tmp_path / "b", stop_at=5, devices=4)
    two = train(tmp_path / "b", devices=2)
    chex.assert_trees_all_close(two.state, train().state, rtol=1e-4, atol=1e-6)


def other_build(h):
    return build(h)._replace(loss=jaxnet.losses.mean_absolute_error)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hypers": HYPERS | {"learning_rate": 0.02}}, "hypers/learning_rate: 0.01 th"),
        ({"train": data(5)}, "train: .* there, .* here"),
        ({"validation": data(5)}, "validation: .* there"),
        ({"build": other_build}, "build computes something else"),
        ({"every": 2}, "every: 1 there, 2 here"),
        ({"early_stopping": jaxnet.EarlyStopping()}, "early_stopping"),
        ({"key": jax.random.key(7)}, "key/data"),
        ({"resume": False}, "has a checkpoint already. Pass resume=True"),
    ],
    ids=["hypers", "train", "validation", "build", "every", "rule", "key", "resume"],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, changes, words):
    train(tmp_path / "a", epochs=2)
    with pytest.raises(ValueError, match=words):
        train(tmp_path / "a", **changes)


def test_resuming_without_a_folder_is_refused():
    with pytest.raises(ValueError, match="pass checkpoint='FOLDER'"):
        train(resume=True)


def search(checkpoint=None, seconds=0.0, **changes):
    arguments = {
        "key": jax.random.key(3),
        "trials": 6,
        "seeds": 2,
        "epochs": 8,
        "progress": False,
    } | changes
    if checkpoint is not None:
        rule = jaxnet.Checkpoints(checkpoint, seconds=seconds, keep=100)
        arguments = {"checkpoint": rule, "resume": True} | arguments
    return jaxnet.sweep(build, SPACE, data(), data(1), **arguments)


def assert_same_sweep(one, other, check=np.testing.assert_array_equal):
    np.testing.assert_array_equal(one.trials, other.trials)
    assert one.status == other.status
    for name, curve in one.runs.curves.items():
        check(curve, other.runs.curves[name])
    for i in range(len(one.members)):
        a, b = one.member(i), other.member(i)
        jax.tree.map(check, a.state, b.state)
        assert a.best_epoch == b.best_epoch
    assert str(one).splitlines()[:-1] == str(other).splitlines()[:-1]


RULES = {
    "plain": {},
    "stopping": {"early_stopping": jaxnet.EarlyStopping(patience=2)},
    "halving": {"halving": jaxnet.Halving(factor=2, min_epochs=2)},
}


@pytest.mark.parametrize("rule", ["plain", "stopping", "halving"])
def test_a_sweep_goes_on_from_any_of_its_checkpoints(tmp_path, monkeypatch, rule):
    """On as many devices it is the same to the bit, on others to rounding."""
    # A call of the compiled program for each block, and a checkpoint for each call.
    monkeypatch.setattr("jaxnet.search.running.SEGMENT", 2)
    monkeypatch.setattr("jaxnet.checkpoint.keeping.SHARE", 1.0)

    def from_checkpoint(step, devices):
        copy = tmp_path / f"{step}_{devices}"
        name = f"step_{step:08d}"
        shutil.copytree(tmp_path / "a" / name, copy / name)
        return search(copy, devices=devices, **RULES[rule])

    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    whole = search(devices=4, **RULES[rule])
    search(tmp_path / "a", devices=4, **RULES[rule])
    there = steps(tmp_path / "a")
    assert len(there) >= 4
    for step in (there[0], there[len(there) // 2], there[-2]):
        assert_same_sweep(whole, from_checkpoint(step, 4))
    assert_same_sweep(whole, from_checkpoint(there[1], 8), close)


def test_new_trials_are_added_and_finished_ones_stay(tmp_path):
    whole = search(trials=10)
    search(tmp_path / "a", trials=4)
    before = len(steps(tmp_path / "a"))
    added = search(tmp_path / "a", trials=10)
    old = [group.group.trials.max() < 4 for group in added.plan.groups]
    assert old == [True, True, False, False]

    def close(a, b):
        # Chunks of another size are other programs.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    assert_same_sweep(whole, added, close)
    # A sweep that was ready is not written again.
    search(tmp_path / "b", trials=4)
    ready = len(steps(tmp_path / "b"))
    search(tmp_path / "b", trials=4)
    assert len(steps(tmp_path / "b")) == ready == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trials": 5}, "trials/5: .*, nothing here"),
        ({"epochs": 9}, "epochs: 8 there, 9 here"),
        ({"key": jax.random.key(4)}, "key/data"),
        ({"seeds": 3}, "seeds: 2 there, 3 here"),
        ({"halving": jaxnet.Halving(2, 2)}, "halving"),
        ({"resume": False}, "has a checkpoint already"),
    ],
    ids=["trials", "epochs", "key", "seeds", "halving", "resume"],
)
def test_a_checkpoint_of_another_sweep_is_refused(tmp_path, changes, words):
    search(tmp_path / "a")
    with pytest.raises(ValueError, match=words):
        search(tmp_path / "a", **changes)


def test_no_trials_are_added_where_halving_has_compared_them(tmp_path):
    rule = jaxnet.Halving(factor=2, min_epochs=2)
    search(tmp_path / "a", halving=rule)
    with pytest.raises(ValueError, match="no 2 can be added"):
        search(tmp_path / "a", halving=rule, trials=8)


@contextlib.contextmanager
def full_disk():
    """No file can have more than a few bytes, as where a disk is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_run_in_memory_and_what_was_written(tmp_path):
    whole = train()
    train(tmp_path / "a", epochs=6)
    with full_disk(), pytest.raises(CheckpointError, match="could not be written") as e:
        train(tmp_path / "a")
    so_far = e.value.result
    count = len(so_far.history["epoch"])
    assert 6 < count <= 12
    np.testing.assert_array_equal(
        so_far.history["train_loss"], whole.history["train_loss"][:count]
    )
    assert int(so_far.state.step) == 4 * count
    assert steps(tmp_path / "a")[-1] == 6
    assert_same_fit(whole, train(tmp_path / "a"))


def test_a_full_disk_leaves_the_sweep_in_memory_and_what_was_written(tmp_path):
    search(tmp_path / "a", trials=3)
    before = steps(tmp_path / "a")
    with full_disk(), pytest.raises(CheckpointError, match="could not be written") as e:
        search(tmp_path / "a", trials=6)
    so_far = e.value.result
    assert (so_far.runs.epochs > 0).any()
    assert np.isfinite(so_far.member(0).evaluate(data())["loss"])
    assert steps(tmp_path / "a") == before
    again = search(tmp_path / "a", trials=6)
    assert set(again.status) == {"done"}


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "a").write_text("not a folder")
    with pytest.raises(OSError, match="cannot be written to"):
        train(tmp_path / "a")
