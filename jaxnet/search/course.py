"""The course of a sweep: all groups of members, from the first epoch to the last."""

import functools
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxnet.checkpoint.keeping import CheckpointError, Keeper
from jaxnet.checks import check_choice
from jaxnet.search.halving import Halving, survivors
from jaxnet.search.planning import Plan
from jaxnet.search.ranking import kept_rows
from jaxnet.search.results import Runs, Sweep
from jaxnet.search.resuming import trials_of
from jaxnet.search.running import Running, compile_all


class Course:
    """A sweep that is compiled, and starts, or goes on from a checkpoint.

    Args:
      plan: what is to be done.
      monitor: the metric that ranks settings.
      maximize: whether more of it is better.
      keeper: of checkpoints.

    Raises:
      ValueError: if there is no such metric, or the checkpoint is damaged.
    """

    def __init__(self, plan: Plan, monitor: str, maximize: bool, keeper: Keeper):
        self._plan, self._monitor, self._maximize = plan, monitor, maximize
        self._keeper = keeper
        self._groups = [Running(plan, group) for group in plan.groups]
        start, inits = time.perf_counter(), {}
        lowered = (one for group in self._groups for one in group.lowered(inits))
        first = next(lowered)
        metrics = sorted(first.out_info[1])
        check_choice("monitor", monitor, metrics)
        compile_all(itertools.chain([first], lowered))
        self._seconds = {"compile": time.perf_counter() - start, "run": 0.0}
        shape = (plan.members, plan.epochs // plan.every)
        self._curves = {name: np.full(shape, np.nan, np.float32) for name in metrics}
        self._halved = np.zeros(len(plan.settings), int)
        self._rungs, self._saves, self._unsaved = 0, 0, False
        self._start = time.perf_counter()
        known = 0 if keeper.found is None else self._restore()
        for group in self._groups[known:]:
            group.init()

    def train(
        self,
        stops: Sequence[int],
        halving: Halving | None,
        update: Callable[[int, str], None],
    ) -> None:
        """Trains all that is left, and writes it down from time to time.

        Args:
          stops: epochs after which settings are dropped; the last is the end.
          halving: which are.
          update: called with the number of members' epochs that are done, and a text.

        Raises:
          CheckpointError: if a checkpoint could not be written.
        """
        plan = self._plan

        def record(ids: np.ndarray, block: int, rows: dict[str, Any]) -> None:
            for name, values in rows.items():
                self._curves[name][ids, block : block + values.shape[1]] = values
            active = sum(int(group.active.sum()) for group in self._groups)
            ahead = sum(
                int((plan.epochs - group.epochs[group.active]).sum())
                for group in self._groups
            )
            done = plan.members * plan.epochs - ahead
            update(done, f"{active:,} members in training")
            self._unsaved = True
            if self._keeper.due():
                self._save()

        for last in stops[self._rungs :]:
            for group in self._groups:
                group.train(last, record)
            if halving is not None and last < plan.epochs:
                self._drop(halving, last)
            self._rungs += 1
        jax.block_until_ready([group.members for group in self._groups])
        if self._unsaved:
            self._save()

    def result(self) -> Sweep:
        """All that came out so far."""
        ran = time.perf_counter() - self._start
        seconds = self._seconds | {"run": self._seconds["run"] + ran}
        return Sweep.of(
            self._plan, self._runs(), self._monitor, self._maximize, seconds
        )

    def _drop(self, halving: Halving, epoch: int) -> None:
        """Stops the trials that are behind, or have a member that diverged."""
        plan, runs = self._plan, self._runs()
        scores = kept_rows(
            runs.curves[self._monitor],
            runs.epochs,
            runs.bad_step,
            runs.best_epoch,
            plan.every,
        )
        there = np.flatnonzero(self._halved == 0)
        means = scores.reshape(len(self._halved), -1)[there].mean(axis=1)
        costs = -means if self._maximize else means
        dropped = np.delete(there, survivors(halving, costs))
        self._halved[dropped] = epoch
        each = plan.seeds * plan.folds
        ids = dropped[:, None] * each + np.arange(each)
        for group in self._groups:
            group.stop(ids.ravel())

    def _runs(self) -> Runs:
        """What all groups know, in one table."""
        groups = self._groups
        ids = np.concatenate([group.ids for group in groups])
        by_member = np.argsort(ids)

        def column(name: str) -> np.ndarray:
            return np.concatenate([getattr(group, name) for group in groups])[by_member]

        places = [
            np.stack([np.full(len(group.ids), i), group.slots()], axis=1)
            for i, group in enumerate(groups)
        ]
        return Runs(
            curves=self._curves,
            bad_step=column("bad_step"),
            epochs=column("epochs"),
            active=column("active"),
            best_epoch=column("best_epoch"),
            halved=self._halved.copy(),
            stacks=[group.members for group in groups],
            place=np.concatenate(places)[by_member],
        )

    def _save(self) -> None:
        plan, keeper = self._plan, self._keeper
        if not keeper.on:
            return
        tree = {
            "groups": [group.tree() for group in self._groups],
            "curves": self._curves,
            "halved": self._halved,
        }
        sizes = _batches(len(plan.settings), keeper.found and keeper.found[1])
        ran = time.perf_counter() - self._start
        meta = {
            "trials": self._trials,
            "batches": sizes,
            "firsts": [group.first for group in self._groups],
            "rungs": self._rungs,
            "run_seconds": self._seconds["run"] + ran,
        }
        self._saves += 1
        self._unsaved = False
        try:
            keeper.save(self._saves, tree, meta)
        except CheckpointError as error:
            error.result = self.result()
            raise

    @functools.cached_property
    def _trials(self) -> list[dict[str, Any]]:
        return trials_of(self._plan)

    def _restore(self) -> int:
        """Goes to where the checkpoint is; returns how many groups it has."""
        assert self._keeper.found is not None, "there is something to go on from"
        self._saves, meta = self._keeper.found
        groups, trials = self._groups[: len(meta["firsts"])], len(meta["trials"])
        members = self._plan.members * trials // len(self._plan.settings)
        tree = self._keeper.load(
            {
                "groups": [group.shapes() for group in groups],
                "curves": {
                    name: curve[:members] for name, curve in self._curves.items()
                },
                "halved": self._halved[:trials],
            }
        )
        for group, first, part in zip(
            groups, meta["firsts"], tree["groups"], strict=True
        ):
            group.restore(part, first)
        for name, curve in tree["curves"].items():
            self._curves[name][:members] = curve
        self._halved[:trials] = tree["halved"]
        self._seconds["run"] = meta["run_seconds"]
        # Trials that are new start at the first rung, which is the last as well.
        self._rungs = meta["rungs"] if trials == len(self._plan.settings) else 0
        return len(groups)


def _batches(trials: int, meta: Any) -> list[int]:
    """How many trials came at a time: at first, and each time that some were added."""
    before = [] if meta is None else meta["batches"]
    new = trials - sum(before)
    return [*before, *([new] if new else [])]
