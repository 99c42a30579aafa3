"""`fit`: one training run, from hyperparameters to a trained model.

The host's part of training is a loop over blocks of epochs. A block is one
compiled call; between blocks there is progress, history, callbacks and early
stopping, from numbers that come to the host in one transfer.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxnet import programs
from jaxnet.callbacks import Callback, Report
from jaxnet.checks import check_int, check_key
from jaxnet.data.batching import example_count
from jaxnet.data.streaming import Stream
from jaxnet.devices import (
    devices_of,
    is_leader,
    mesh_of,
    nearest,
    put,
    replicated,
    to_host,
)
from jaxnet.diagnosis import Diagnosis, diagnose, is_finite
from jaxnet.loading import check_classes, load, on_device
from jaxnet.metrics import compute
from jaxnet.programs import Program, program_of
from jaxnet.progress import progress_bar
from jaxnet.stopping import Best, EarlyStopping, check_stopping, monitored, observe
from jaxnet.training import Build, TrainState
from jaxnet.types import Batch, Device, Hypers, Inputs, Params, PRNGKey


@dataclass(frozen=True)
class Fit:
    """A trained model, and how it came about.

    Attributes:
      build: as given to `fit`.
      hypers: likewise.
      state: the last finite state, or the best one if there was early stopping.
      history: columns of equal length by name, one row for each block of epochs:
        "epoch", "seconds" since training began, "train_loss" and the task's metrics
        as they were during training, averaged over the block, and the same as
        "validation_loss" and so on at its end.
      status: "done", "stopped at epoch 40" or "diverged at step 412".
      best_epoch: the epoch that ``state`` is from; None without early stopping.
      diagnosis: of a run that diverged, what was wrong with which step.
    """

    build: Build
    hypers: Hypers
    state: TrainState
    history: dict[str, np.ndarray]
    status: str
    best_epoch: int | None
    diagnosis: Diagnosis | None = None

    @property
    def params(self) -> Params:
        """The trained parameters: nested dicts of arrays."""
        return self.state.params

    def predict(self, x: Inputs) -> Any:
        """The model's outputs, in evaluation mode, for every row of ``x``."""
        program, traced = program_of(self.build, self.hypers)
        return programs.predict(program, traced, self.state, on_device(x))

    def evaluate(self, data: Batch | Stream) -> dict[str, float]:
        """Loss and metrics on every example of ``(x, y)`` or ``(x, y, weights)``."""
        program, traced = program_of(self.build, self.hypers)
        data = load("data", data)
        check_classes(program, traced, self.state, data)
        totals = programs.evaluate(program, traced, self.state, data)
        return _numbers(totals)

    def __repr__(self) -> str:
        last = {name: column[-1] for name, column in self.history.items()}
        parts = [f"{name} {value:.4g}" for name, value in last.items()]
        why = "" if self.diagnosis is None else f"; {self.diagnosis}"
        return f"Fit({self.status}: {', '.join(parts)}{why})"


def fit(
    build: Build,
    hypers: Hypers,
    train: Batch | Stream,
    validation: Batch | Stream | None = None,
    *,
    key: PRNGKey,
    epochs: int,
    every: int = 1,
    early_stopping: EarlyStopping | None = None,
    callbacks: Sequence[Callback] = (),
    devices: int | Sequence[Device] | None = None,
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
      early_stopping: when to stop before ``epochs``; the best state is kept.
      callbacks: functions of a `Report`, called after each block.
      devices: those that each batch is split over, or how many; a batch size has to
        be a multiple of their number. By default one; where there are several
        processes, all of theirs: each process calls ``fit``, with the same data.
      progress: whether to show a bar, if stderr is a terminal.

    Returns:
      The trained model with its history. A loss or parameters that are not finite
      end training with the status "diverged at step ...", the state before that step,
      and a diagnosis.

    Raises:
      ValueError: if arguments, data or hyperparameters do not fit together.
      TypeError: if one is of the wrong kind.
    """
    check_key(key)
    check_int("epochs", epochs)
    check_int("every", every)
    if early_stopping is not None:
        check_stopping(early_stopping)
    program, traced = program_of(build, hypers)
    init_key, train_key = jax.random.split(key)
    train = load("train", train)
    state = programs.init(program, traced, init_key, _first_batch(train))
    check_classes(program, traced, state, train)
    if validation is not None:
        validation = load("validation", validation)
        check_classes(program, traced, state, validation)
    if devices is None and jax.process_count() == 1:
        devices = 1
    used = devices_of(devices)
    if len(used) > 1:
        mesh = mesh_of(used)
        program = program._replace(mesh=mesh)
        _check_split(program, train)
        everywhere = replicated(mesh)
        traced, state, train_key = put((traced, state, train_key), everywhere)
        if not isinstance(train, Stream):
            train = put(train, everywhere)
        if not isinstance(validation, Stream):
            validation = put(validation, everywhere)
    progress = progress and is_leader()

    rows: list[dict[str, float]] = []
    status, best, best_state, diagnosis = "running", Best(), None, None
    start = time.perf_counter()
    # To go back to, should the next block end in numbers that are not finite.
    before = programs.copy_state(state)
    with progress_bar(epochs, show=progress) as update:
        for first in range(0, epochs, every):
            epoch = min(first + every, epochs)
            state, trained = programs.train_block(
                program, traced, state, train, train_key, first, epoch
            )
            means = {"train": trained}
            if validation is not None:
                means["validation"] = programs.evaluate(
                    program, traced, state, validation
                )
            good = is_finite(trained["loss"].total, state.params)
            means, good = jax.device_get((means, good))
            metrics = {
                f"{part}_{name}": value
                for part, values in means.items()
                for name, value in _numbers(values).items()
            }
            seconds = time.perf_counter() - start
            rows.append({"epoch": epoch, "seconds": seconds, **metrics})
            update(epoch, "  ".join(f"{k} {v:.4g}" for k, v in metrics.items()))
            if epoch == epochs:
                status = "done"
            if not good:
                state, diagnosis = diagnose(
                    program, traced, before, train, train_key, first, epoch
                )
                status = f"diverged at epoch {epoch}"
                if diagnosis is not None:
                    status = f"diverged at step {diagnosis.step}"
            else:
                before = programs.copy_state(state)
                if early_stopping is not None:
                    value = monitored(early_stopping, metrics)
                    best = observe(early_stopping, best, value, epoch)
                    if best.stale == 0:
                        best_state = before
                    elif best.stale >= early_stopping.patience:
                        status = f"stopped at epoch {epoch}"
            for callback in callbacks:
                callback(Report(epoch, epochs, metrics, state, status))
            if status != "running":
                break

    if best_state is not None:
        state = best_state
    if program.mesh is not None:
        state = jax.device_put(to_host(state), nearest(used))
    return Fit(
        build,
        hypers,
        state,
        {name: np.asarray([row[name] for row in rows]) for name in rows[0]},
        status,
        None if best_state is None else int(best.epoch),
        diagnosis,
    )


def _check_split(program: Program, train: Batch | Stream) -> None:
    """Raises ValueError unless the devices can have equal parts of every batch."""
    assert program.mesh is not None, "a single device has the whole batch"
    count = program.mesh.size
    for _, size in program.stages:
        if size is None and not isinstance(train, Stream):
            size = example_count(train)
        if size is not None and size % count:
            raise ValueError(
                f"batch_size should be a multiple of the {count} devices that share "
                f"it, got {size}. Change it, or pass devices=1."
            )


def _first_batch(data: Batch | Stream) -> Batch:
    """Data that show the shapes: all of the arrays, or a stream's first batch."""
    if not isinstance(data, Stream):
        return data
    for batch in data.in_order(1):
        return batch
    raise ValueError("train is a stream that gave no batch: it is empty.")


def _numbers(metrics: Any) -> dict[str, float]:
    return {name: float(value) for name, value in compute(metrics).items()}
