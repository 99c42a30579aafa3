"""`Fit`: what a training run gives back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxnet import programs
from jaxnet.data.streaming import Stream
from jaxnet.diagnosis import Diagnosis
from jaxnet.loading import check_classes, load, on_device
from jaxnet.metrics import compute
from jaxnet.programs import program_of
from jaxnet.training import Build, TrainState
from jaxnet.types import Batch, Hypers, Inputs, Params


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
        return {name: float(value) for name, value in compute(totals).items()}

    def __repr__(self) -> str:
        last = {name: column[-1] for name, column in self.history.items()}
        parts = [f"{name} {value:.4g}" for name, value in last.items()]
        why = "" if self.diagnosis is None else f"; {self.diagnosis}"
        return f"Fit({self.status}: {', '.join(parts)}{why})"
