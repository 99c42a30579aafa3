"""`fit`: one training run, from hyperparameters to a trained model.

The host's part of training is a loop over blocks of epochs. A block is one
compiled call; between blocks there is progress, history, callbacks and early
stopping, from numbers that come to the host in one transfer.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnet import programs
from jaxnet.callbacks import Callback, Report
from jaxnet.checkpoint.keeping import CheckpointError, Checkpoints, Keeper, keeping
from jaxnet.checks import check_int, check_key
from jaxnet.course import Course
from jaxnet.data.streaming import Stream
from jaxnet.devices import (
    devices_of,
    is_leader,
    nearest,
    put,
    replicated,
    to_host,
)
from jaxnet.diagnosis import diagnose, is_finite
from jaxnet.fitted import Fit
from jaxnet.metrics import compute
from jaxnet.preparing import Run, identity_of, prepare
from jaxnet.progress import progress_bar
from jaxnet.starting import load_start
from jaxnet.stopping import EarlyStopping, check_stopping
from jaxnet.training import Build
from jaxnet.types import Batch, Device, Hypers, ModelState, Params, PRNGKey


def fit(
    build: Build,
    hypers: Hypers,
    train: Batch | Stream,
    validation: Batch | Stream | None = None,
    *,
    key: PRNGKey,
    epochs: int,
    every: int = 1,
    params: Params | None = None,
    model_state: ModelState | None = None,
    early_stopping: EarlyStopping | None = None,
    callbacks: Sequence[Callback] = (),
    devices: int | Sequence[Device] | None = None,
    checkpoint: Checkpoints | str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Fit:
    """Trains one model.

    Args:
      build: ``hypers -> Task``. Pass the same function again, not a new lambda, and
        nothing compiles again unless a static hyperparameter changes.
      hypers: hyperparameters by name; floats are traced.
      train: ``(x, y)`` or ``(x, y, weights)``, arrays or PyTrees of arrays with the
        examples on the leading axis, or a `Stream`.
      validation: likewise; evaluated after each block, never trained on.
      key: ``jax.random.key(seed)``. Initial parameters, the order of the examples
        and all noise are functions of it.
      epochs: passes over the training data, at least 1.
      every: epochs in a block, that is in one compiled call. Short epochs train
        faster in long blocks; there is one row of history for each block.
      params: weights to start from, in place of those that the model draws: of all of
        it, or of some layers, such as ``{"encoder": ...}``; the others are drawn as
        ever. The optimizer starts afresh.
      model_state: likewise of what layers keep, such as ``batch_norm``'s statistics.
      early_stopping: when to stop before ``epochs``; the best state is kept.
      callbacks: functions of a `Report`, called after each block.
      devices: those that each batch is split over, or how many; a batch size has to
        be a multiple of their number. By default one; where there are several
        processes, all of theirs: each process calls ``fit``, with the same data.
      checkpoint: a folder, or `Checkpoints`, to write the run down in from time to
        time, with all that it needs to go on.
      resume: whether to go on from the last checkpoint in the folder; where there is
        none yet, training starts from the beginning. The run is what it would have
        been without the interruption, but for its seconds.
      progress: whether to show a bar, if stderr is a terminal.

    Returns:
      The trained model with its history. A loss or parameters that are not finite
      end training with the status "diverged at step ...", the state before that step,
      and a diagnosis.

    Raises:
      ValueError: if arguments, data or hyperparameters do not fit together, or the
        checkpoint is damaged or of another run.
      CheckpointError: if a checkpoint could not be written; it has the run so far.
      TypeError: if one is of the wrong kind.
    """
    check_key(key)
    check_int("epochs", epochs)
    check_int("every", every)
    if early_stopping is not None:
        check_stopping(early_stopping)
    if devices is None and jax.process_count() == 1:
        devices = 1
    start = load_start(params, model_state)
    run = prepare(build, hypers, train, validation, key, devices_of(devices), start)

    def fit_of(course: Course) -> Fit:
        best = course.best_state
        state = course.kept if best is None else best
        if run.program.mesh is not None:
            state = jax.device_put(to_host(state), nearest(jax.devices()))
        rows = course.rows
        return Fit(
            build,
            hypers,
            state,
            {name: np.asarray([row[name] for row in rows]) for name in rows[0]},
            course.status,
            None if best is None else int(course.best.epoch),
            course.diagnosis,
        )

    def identity() -> dict[str, Any]:
        return identity_of(run, hypers, key, every, early_stopping, start)

    show = progress and is_leader()
    with (
        keeping(checkpoint, identity, resume=resume) as keeper,
        progress_bar(epochs, show=show) as update,
    ):
        course = _first_course(run, keeper, epochs)
        earlier = course.rows[-1]["seconds"] if course.rows else 0.0
        begin = time.perf_counter() - earlier
        update(course.epoch, "")
        while course.status == "running":
            metrics = _train_block(run, course, min(course.epoch + every, epochs))
            row = {"epoch": course.epoch, "seconds": time.perf_counter() - begin}
            course.rows.append(row | metrics)
            update(course.epoch, "  ".join(f"{k} {v:.4g}" for k, v in metrics.items()))
            if course.status == "running" and early_stopping is not None:
                course.watch(early_stopping, metrics)
            if course.status == "running" and course.epoch == epochs:
                course.status = "done"
            for callback in callbacks:
                report = Report(
                    course.epoch, epochs, metrics, course.state, course.status
                )
                callback(report)
            if keeper.due() or course.status != "running":
                try:
                    keeper.save(course.epoch, course.tree(), course.meta())
                except CheckpointError as error:
                    error.result = fit_of(course)
                    raise
    return fit_of(course)


def _first_course(run: Run, keeper: Keeper, epochs: int) -> Course:
    """The course from its beginning, or from the checkpoint that was found."""
    if keeper.found is None:
        return Course.start(run.state)
    meta = keeper.found[1]
    if meta["epoch"] > epochs:
        raise ValueError(
            f"epochs={epochs} are fewer than the {meta['epoch']} that the checkpoint "
            "has done. Use as many or more."
        )
    tree = keeper.load(Course.shapes(run.state, meta))
    if run.program.mesh is not None:
        tree = put(tree, replicated(run.program.mesh))
    course = Course.restored(tree, meta)
    if course.status == "done" and course.epoch < epochs:
        course.status = "running"  # There are more epochs to do than there were.
    return course


def _train_block(run: Run, course: Course, epoch: int) -> dict[str, float]:
    """Trains up to an epoch; returns the metrics by their names in the history."""
    program, traced, _, train, validation, key = run
    first = course.epoch
    state, trained = programs.train_block(
        program, traced, course.state, train, key, first, epoch
    )
    means = {"train": trained}
    if validation is not None:
        means["validation"] = programs.evaluate(program, traced, state, validation)
    good = is_finite(trained["loss"].total, state.params)
    means, good = jax.device_get((means, good))
    if good:
        course.advance(state, epoch)
    else:
        found = diagnose(program, traced, course.kept, train, key, first, epoch)
        course.diverge(*found, epoch)
    return {
        f"{part}_{name}": float(value)
        for part, values in means.items()
        for name, value in compute(values).items()
    }
