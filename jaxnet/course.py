"""The course of a training run: where it is, and what it needs to go on from there."""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from jaxnet import programs
from jaxnet.diagnosis import Diagnosis
from jaxnet.stopping import Best, EarlyStopping, monitored, observe
from jaxnet.training import TrainState


@dataclass
class Course:
    """A run between two blocks of epochs.

    Attributes:
      state: as it is now; the next block uses it up.
      kept: a copy of it, to go back to and to be written down.
      epoch: epochs done.
      status: "running", or how training ended, as in `jaxnet.Fit`.
      rows: of the history, one for each block.
      best: as early stopping has seen it.
      best_state: from its epoch; None before that, and without early stopping.
      diagnosis: of a run that diverged.
    """

    state: TrainState
    kept: TrainState
    epoch: int = 0
    status: str = "running"
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: Best = field(default_factory=Best)
    best_state: TrainState | None = None
    diagnosis: Diagnosis | None = None

    @staticmethod
    def start(state: TrainState) -> "Course":
        """A run before its first step."""
        return Course(state, programs.copy_state(state))

    @staticmethod
    def shapes(state: TrainState, meta: dict[str, Any]) -> dict[str, Any]:
        """What `tree` gives for a course with these meta data, without the values."""
        spec = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), state)
        return {"state": spec, "best": spec if meta["has_best"] else None}

    @staticmethod
    def restored(tree: Any, meta: dict[str, Any]) -> "Course":
        """The course that `tree` and `meta` were taken of."""
        state, found = tree["state"], meta["diagnosis"]
        if found is not None:
            rows = None if found["rows"] is None else np.asarray(found["rows"])
            paths = {name: tuple(found[name]) for name in ("gradients", "params")}
            found = Diagnosis(**(found | paths | {"rows": rows}))
        return Course(
            programs.copy_state(state),
            state,
            meta["epoch"],
            meta["status"],
            meta["rows"],
            Best(*meta["best"]),
            tree["best"],
            found,
        )

    def tree(self) -> dict[str, Any]:
        """The arrays that a checkpoint has to hold."""
        return {"state": self.kept, "best": self.best_state}

    def meta(self) -> dict[str, Any]:
        """All else, as JSON holds it."""
        found = None if self.diagnosis is None else self.diagnosis._asdict()
        if found is not None and found["rows"] is not None:
            found["rows"] = found["rows"].tolist()
        return {
            "epoch": self.epoch,
            "status": self.status,
            "rows": self.rows,
            "best": [np.asarray(value).item() for value in self.best],
            "has_best": self.best_state is not None,
            "diagnosis": found,
        }

    def advance(self, state: TrainState, epoch: int) -> None:
        """Takes over the finite state after a block that ended with this epoch."""
        self.state, self.epoch = state, epoch
        self.kept = programs.copy_state(state)

    def watch(self, rule: EarlyStopping, metrics: dict[str, float]) -> None:
        """Keeps the state if it is the best, and stops when that is long ago."""
        value = monitored(rule, metrics)
        self.best = observe(rule, self.best, value, self.epoch)
        if self.best.stale == 0:
            self.best_state = self.kept
        elif self.best.stale >= rule.patience:
            self.status = f"stopped at epoch {self.epoch}"

    def diverge(self, state: TrainState, found: Diagnosis | None, epoch: int) -> None:
        """Goes back to the last finite state, in the block that ended with an epoch."""
        self.state, self.kept, self.epoch, self.diagnosis = state, state, epoch, found
        at = f"epoch {epoch}" if found is None else f"step {found.step}"
        self.status = f"diverged at {at}"
