"""What a sweep gives back: every run, the best of them, and the table of all.

result = jaxnet.sweep(build, space, train, validation, key=key, trials=64, ...)
print(result)                    # the table, best first
result.best(5).ensemble(x)       # the mean of what the five best settings say
result.best().replay()           # the best one's first run again, alone
result.best().member().params    # what it learned, for fit(..., params=...)
result.to_frame()                # one row a member, for pandas
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.checks import check_int
from jaxnet.data.batching import take_rows
from jaxnet.devices import nearest, to_host
from jaxnet.fitted import Fit
from jaxnet.fitting import fit
from jaxnet.search import logging, tables
from jaxnet.search.members import Data, Members
from jaxnet.search.planning import Plan
from jaxnet.search.ranking import kept_rows, rank_trials
from jaxnet.statistics import Interval, mean_interval
from jaxnet.types import Inputs, PRNGKey


@dataclass(frozen=True)
class Runs:
    """All runs of a sweep, one row a member.

    Attributes:
      curves: by the names of `fit`'s history, each (members, blocks); NaN where a
        member was not trained, or not finite.
      bad_step: the first step whose loss or parameters were not finite, counted
        from 1; 0 if there was none, (members,).
      epochs: how many were trained, (members,).
      active: whether it would have gone on after these, (members,).
      best_epoch: where early stopping found the best; 0 without, (members,).
      halved: the epochs after which halving dropped the trial; 0 if it did not,
        (trials,).
      stacks: the members of each program, as they are on the devices.
      place: of each member the number of its stack and its slot, (members, 2).
    """

    curves: dict[str, np.ndarray]
    bad_step: np.ndarray
    epochs: np.ndarray
    active: np.ndarray
    best_epoch: np.ndarray
    halved: np.ndarray
    stacks: list[Members]
    place: np.ndarray


class Replay(NamedTuple):
    """A member trained again, alone.

    Attributes:
      fit: the run, by `jaxnet.fit`.
      difference: the largest relative difference between its curves and those of
        the member, over the rows that both have.
    """

    fit: Fit
    difference: float


@dataclass(frozen=True, repr=False)
class Sweep:
    """The runs of a sweep, or of its best trials.

    A trial is a setting; it has a member for every seed and fold. Trials are in the
    order of their rank, and members in that of their trials.

    Attributes:
      plan: what was to be done.
      runs: what came out.
      monitor: the metric that ranks trials, as it is when training ends.
      maximize: whether more of it is better.
      trials: the numbers of the trials, best first; those with a member that
        diverged last, and before them those that halving dropped.
      seconds: how long it took by phase: "compile" and "run".
    """

    plan: Plan
    runs: Runs
    monitor: str
    maximize: bool
    trials: np.ndarray
    seconds: dict[str, float]

    @staticmethod
    def of(
        plan: Plan, runs: Runs, monitor: str, maximize: bool, seconds: dict[str, float]
    ) -> "Sweep":
        """All trials, ranked."""
        one = Sweep(plan, runs, monitor, maximize, np.arange(0), seconds)
        scores = one._kept(monitor).reshape(len(plan.settings), -1)
        trials = rank_trials(scores, runs.halved, maximize=maximize)
        return replace(one, trials=trials)

    def best(self, n: int = 1) -> "Sweep":
        """The n best trials, as a smaller sweep."""
        check_int("n", n)
        return replace(self, trials=self.trials[:n])

    @property
    def members(self) -> np.ndarray:
        """The numbers of the members: ``(trial * seeds + seed) * folds + fold``."""
        each = self.plan.seeds * self.plan.folds
        return (self.trials[:, None] * each + np.arange(each)).ravel()

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The hyperparameters of each trial."""
        return [self.plan.settings[trial] for trial in self.trials]

    @functools.cached_property
    def scores(self) -> list[Interval]:
        """Mean and 95 % interval of ``monitor`` over the members of each trial.

        NaN if one of them diverged. Folds share most of their data, so that the
        interval over folds is too narrow.
        """
        values = self._kept(self.monitor).reshape(len(self.plan.settings), -1)
        return [mean_interval(row) for row in values[self.trials]]

    @property
    def status(self) -> list[str]:
        """Of each member: "done", "stopped at epoch 9" or "diverged at step 12"."""
        runs = self.runs
        return [
            f"diverged at step {runs.bad_step[i]}"
            if runs.bad_step[i]
            else ("done" if runs.active[i] else f"stopped at epoch {runs.epochs[i]}")
            for i in self.members
        ]

    def member(self, i: int = 0) -> Fit:
        """The i-th member as `fit` would have returned it, without its seconds.

        Its state is the last finite one, or the best one if there was early stopping.
        """
        member = self._number(i)
        stack, slot = self.runs.place[member]
        members = self.runs.stacks[stack]
        best_epoch = int(self.runs.best_epoch[member])
        stacked = members.best_state if best_epoch else members.state
        device = nearest(self.plan.devices)
        state = jax.tree.map(lambda a: jax.device_put(a[slot], device), stacked)
        rows = np.isfinite(self.runs.curves["train_loss"][member])
        every = self.plan.every
        history = {"epoch": np.flatnonzero(rows) * every + every}
        history |= {k: curve[member][rows] for k, curve in self.runs.curves.items()}
        return Fit(
            self.plan.build,
            self.plan.settings[member // (self.plan.seeds * self.plan.folds)],
            state,
            history,
            self.status[i],
            best_epoch or None,
        )

    def replay(self, i: int = 0, **changes: Any) -> Replay:
        """Trains the i-th member again, alone and with `fit`.

        Args:
          i: which.
          **changes: for `fit`, such as ``callbacks`` or more ``epochs``.
        """
        member, key, data = self._inputs(i)
        number, every = self._number(i), self.plan.every
        epochs = int(self.runs.epochs[number])
        if self.runs.bad_step[number]:
            epochs += every  # The block with the bad step, for the diagnosis.
        arguments = {
            "key": key,
            "epochs": max(every, epochs),
            "every": every,
            **data.start._asdict(),
            "early_stopping": self.plan.early_stopping,
            "devices": [nearest(self.plan.devices)],
            "progress": False,
        }
        alone = fit(
            self.plan.build,
            member.hypers,
            data.train,
            data.validation,
            **(arguments | changes),
        )
        rows = min(len(alone.history["epoch"]), len(member.history["epoch"]))
        largest = 0.0
        for name in self.runs.curves:
            a, b = alone.history[name][:rows], member.history[name][:rows]
            scale = np.maximum(np.maximum(abs(a), abs(b)), np.finfo(np.float32).tiny)
            largest = max(largest, *(abs(a - b) / scale).tolist(), 0.0)
        return Replay(alone, largest)

    def predict(self, x: Inputs) -> Any:
        """Every member's outputs for every row of ``x``: (members, rows, ...)."""
        each = [self.member(i).predict(x) for i in range(len(self.members))]
        return jax.tree.map(lambda *outputs: jnp.stack(outputs), *each)

    def ensemble(self, x: Inputs, link: Callable[[Any], Any] = lambda y: y) -> Any:
        """The mean over all members of ``link(outputs)`` for every row of ``x``.

        Args:
          x: inputs.
          link: ``jax.nn.softmax`` for classifiers, whose probabilities are averaged.
        """
        return jax.tree.map(lambda a: a.mean(axis=0), link(self.predict(x)))

    def to_frame(self) -> Any:
        """A pandas table with one row for each member, the best trial's first."""
        return tables.members_frame(self)

    def to_curves(self) -> Any:
        """A pandas table with one row for each member, block and metric."""
        return tables.curves_frame(self)

    def tensorboard(self, directory: str | Path) -> Path:
        """Writes every run for TensorBoard, with its curves and its hyperparameters.

        Each run is a folder, and takes TensorBoard some time to read: of a sweep of
        thousands write ``best(100)``.

        Args:
          directory: of all folders; a new one for each sweep, since TensorBoard joins
            all that it finds of a run. Look at it with ``tensorboard --logdir
            DIRECTORY``.

        Raises:
          ModuleNotFoundError: if tensorboardX is not installed.
        """
        return logging.write_tensorboard(self, directory)

    def report(self, path: str | Path) -> Path:
        """Writes a page, in one file, that says in words and figures what came out.

        It answers what is asked after every search: whether the best lies at an edge,
        what share diverged and why, how far seeds and settings differ, what matters,
        and what to search next. Its parts are in ``jaxnet.search.reporting``.

        Args:
          path: of the file, such as ``report.html``; it is written over.

        Raises:
          ModuleNotFoundError: if matplotlib or scipy is not installed.
        """
        try:
            from jaxnet.search.reporting import write_report
        except ModuleNotFoundError as error:
            error.add_note("Install it with: pip install matplotlib scipy")
            raise
        return write_report(self, path)

    def __str__(self) -> str:
        return tables.render(self)

    __repr__ = __str__

    def _number(self, i: int) -> int:
        members = self.members
        if not -len(members) <= i < len(members):
            raise ValueError(f"i should be less than {len(members)} members, got {i}.")
        return int(members[i])

    def _kept(self, metric: str) -> np.ndarray:
        """A metric of every member of the plan, where its kept state is from."""
        runs, every = self.runs, self.plan.every
        return kept_rows(
            runs.curves[metric], runs.epochs, runs.bad_step, runs.best_epoch, every
        )

    def _inputs(self, i: int) -> tuple[Fit, PRNGKey, Data]:
        """A member, and what it was trained with."""
        plan = self.plan
        rest, fold = divmod(self._number(i), plan.folds)
        key = jax.random.fold_in(plan.key, rest % plan.seeds)
        data = jax.device_put(to_host(plan.data), nearest(plan.devices))
        if data.train_rows is not None and data.held_rows is not None:
            data = data._replace(
                train=take_rows(data.train, data.train_rows[fold]),
                validation=take_rows(data.train, data.held_rows[fold]),
            )
        return self.member(i), key, data
