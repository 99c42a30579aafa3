"""The trials of a sweep as arrays: what its figures and its report are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxnet.search.dimensions import Choice, Dimension, Range, plain
from jaxnet.search.space import varying

FACTOR = 20.0
"""Numbers above 0 whose largest is this many times the smallest get a log scale."""


@dataclass(frozen=True)
class Trials:
    """Trials by rank, the best first.

    Attributes:
      space: what was searched; for settings that were given, and not drawn, the
        smallest one that holds them.
      varied: the dimensions that have more than one value in it, sorted by name.
      settings: of each trial; None for what it does not have.
      numbers: by which the sweep knows them, (trials,).
      scores: of each run, as the sweep ranks them, NaN if it diverged.
      halved: the epochs after which a trial was dropped; 0 if it was not, (trials,).
      stopped: whether a run ended before the last epoch without diverging, (trials,).
      monitor: what the scores are.
      maximize: whether more of it is better.
    """

    space: dict[str, Any]
    varied: dict[str, Dimension]
    settings: list[dict[str, Any]]
    numbers: Int[np.ndarray, " trials"]
    scores: Float[np.ndarray, "trials runs"]
    halved: Int[np.ndarray, " trials"]
    stopped: Bool[np.ndarray, " trials"]
    monitor: str
    maximize: bool

    @property
    def means(self) -> Float[np.ndarray, " trials"]:
        """The mean over the runs of each trial; NaN if one of them diverged."""
        return self.scores.mean(axis=1)

    @property
    def feasible(self) -> Bool[np.ndarray, " trials"]:
        """Whether no run diverged. Feasible trials come first."""
        return np.isfinite(self.means)

    @property
    def distinct(self) -> Bool[np.ndarray, " trials"]:
        """Whether no trial before it has the same setting: it would be the same."""
        keys = [
            tuple(setting[name] for name in self.varied) for setting in self.settings
        ]
        first = {key: i for i, key in reversed([*enumerate(keys)])}
        return np.isin(np.arange(len(keys)), list(first.values()))

    @property
    def compared(self) -> Bool[np.ndarray, " trials"]:
        """Whose scores are comparable: distinct, feasible, and not dropped early."""
        return self.distinct & self.feasible & (self.halved == 0)

    @property
    def places(self) -> Float[np.ndarray, " trials"]:
        """The rank of each trial from 0, the mean for equals; NaN if infeasible."""
        count = int(self.feasible.sum())
        kinds = np.stack([self.halved, self.means], axis=1)[:count]
        new = np.ones(count, bool)
        new[1:] = (kinds[1:] != kinds[:-1]).any(axis=1)
        group = np.cumsum(new) - 1
        mean = np.bincount(group, np.arange(count)) / np.maximum(np.bincount(group), 1)
        return np.append(mean[group], np.full(len(self.settings) - count, np.nan))

    def values(self, name: str) -> list[Any]:
        """Of one hyperparameter, by rank."""
        return [setting[name] for setting in self.settings]


def trials_of(result: Any) -> Trials:
    """The trials of a `Sweep`."""
    plan, runs = result.plan, result.runs
    names = sorted({name for setting in plan.settings for name in setting})
    # The space is of all trials, also if these are the best few of them.
    every = [{n: plain(s.get(n)) for n in names} for s in plan.settings]
    space = _searched(every) if plan.space is None else dict(plan.space)
    rows = np.asarray(result._kept(result.monitor), float)
    rows = np.where(np.isfinite(rows), rows, np.nan).reshape(len(plan.settings), -1)
    short = (~runs.active & (runs.bad_step == 0)).reshape(rows.shape).any(axis=1)
    # A score may be infinite without a step that was: that is infeasible as well.
    bad = np.isnan(rows[result.trials]).any(axis=1)
    numbers = result.trials[np.argsort(bad, kind="stable")]
    return Trials(
        space=space,
        varied={
            name: dimension
            for name, dimension in varying(space).items()
            if len({setting[name] for setting in every}) > 1
        },
        settings=[every[trial] for trial in numbers],
        numbers=numbers,
        scores=rows[numbers],
        halved=runs.halved[numbers],
        stopped=short[numbers],
        monitor=result.monitor,
        maximize=result.maximize,
    )


def spreads(values: Float[np.ndarray, " values"]) -> bool:
    """Whether values, of which some may be NaN, are best seen on a log scale."""
    values = values[np.isfinite(values)]
    if values.size == 0 or values.min() <= 0:
        return False
    return bool(values.max() >= FACTOR * values.min())


def _searched(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The smallest space that holds settings."""
    found = {}
    for name in settings[0]:
        values = list(dict.fromkeys(setting[name] for setting in settings))
        found[name] = _dimension(values) if len(values) > 1 else values[0]
    return found


def _dimension(values: list[Any]) -> Dimension:
    types = {type(value) for value in values}
    if not types <= {int, float}:
        return Choice(tuple(values))
    log = spreads(np.array(values, float))
    try:
        return Range(min(values), max(values), log, integer=types == {int})
    except ValueError:  # They are too close to be a range, or too large.
        return Choice(tuple(values))
