"""Scales of a sweep's figures: hyperparameters and scores as coordinates and ticks."""

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from jaxnet.figures import plain_log
from jaxnet.search.dimensions import Choice, Dimension
from jaxnet.search.reporting.explaining import influences
from jaxnet.search.reporting.trials import Trials, spreads
from jaxnet.search.showing import shown

JITTER = 0.5
"""How far apart trials with the same choice are drawn: this part of its place."""

ROUND = [1, 2, 2.5, 5, 10]
"""Steps between ticks, times a power of ten."""

_GOLDEN = 0.6180339887498949


class Scores(NamedTuple):
    """The scale of the scores: from the best to the worst that is shown.

    A few that are far worse than the others are left off, since all others would
    look the same beside them.

    Attributes:
      low: the smallest that is shown.
      high: the largest that is shown.
      log: whether on a log scale.
      label: for the axis.
      off: which trials are feasible and not shown, (trials,).
    """

    low: float
    high: float
    log: bool
    label: str
    off: Bool[np.ndarray, " trials"]

    def share(self, scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Where scores are between low and high, in [0, 1]; NaN stays."""
        ends = np.array([self.low, self.high])
        scores = np.clip(scores, *ends)
        if self.log:
            scores, ends = np.log10(scores), np.log10(ends)
        return (scores - ends[0]) / (ends[1] - ends[0])

    def point(self, share: float) -> float:
        """The score at a share, which may be outside of [0, 1]."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def norm(self) -> Normalize:
        """For colours."""
        return (LogNorm if self.log else Normalize)(self.low, self.high, clip=True)


def scores_of(trials: Trials) -> Scores:
    """The scale of the scores of trials."""
    better = "higher" if trials.maximize else "lower"
    label = f"{label_of(trials.monitor)}\n({better} is better)"
    means = trials.means[trials.feasible]
    off = np.zeros(len(trials.settings), bool)
    if not means.size:
        return Scores(0.0, 1.0, False, label, off)
    log = spreads(means)
    costs = np.log10(means) if log else means
    costs = -costs if trials.maximize else costs
    worst, best = costs.max(), costs.min()
    middle = float(np.quantile(costs, 0.75)) - best
    if middle > 0 and worst > best + 4.0 * middle:
        off[: len(means)] = costs > best + 4.0 * middle
        worst = costs[costs <= best + 4.0 * middle].max()
    ends = sorted((-best, -worst) if trials.maximize else (best, worst))
    low, high = (10.0**end if log else end for end in ends)
    if not low < high:  # One trial, or all the same.
        low, high, log = (
            low - 0.05 * abs(low) - 1e-9,
            high + 0.05 * abs(high) + 1e-9,
            False,
        )
    return Scores(float(low), float(high), log, label, off)


def label_of(name: Any) -> str:
    """A name or value, as text that matplotlib does not take for a formula."""
    return shown(name).replace("$", r"\$")


def names_by_influence(trials: Trials, at_least: int) -> list[str]:
    """The hyperparameters that vary, those that tell most about the score first.

    Raises:
      ValueError: if there are fewer than ``at_least``.
    """
    if len(trials.varied) < at_least:
        raise ValueError(
            f"this figure is of {at_least} or more hyperparameters that vary, and "
            f"there are {len(trials.varied)}: {[*trials.varied]}. Search over more."
        )
    first = influences(trials)
    return [*first, *(name for name in trials.varied if name not in first)]


def coordinates(trials: Trials, name: str) -> Float[np.ndarray, " trials"]:
    """Where trials are on an axis: numbers; choices by place, a little apart."""
    dimension, values = trials.varied[name], trials.values(name)
    if not isinstance(dimension, Choice):
        return np.array(values, float)
    at = np.array([dimension.values.index(value) for value in values], float)
    return at + JITTER * (trials.numbers * _GOLDEN % 1.0 - 0.5)


def places(trials: Trials, name: str) -> Float[np.ndarray, " trials"]:
    """Where trials are along a dimension, in [0, 1]; choices a little apart."""
    dimension = trials.varied[name]
    if isinstance(dimension, Choice):
        return (coordinates(trials, name) + 0.5) / len(dimension.values)
    return np.array([dimension.where(value) for value in trials.values(name)])


def set_axis(
    ax: Axes, which: Literal["x", "y"], dimension: Dimension, name: str
) -> None:
    """Gives an axis the scale, limits, ticks and label of a hyperparameter."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    set_limits = ax.set_xlim if which == "x" else ax.set_ylim
    axis.set_label_text(label_of(name))
    if isinstance(dimension, Choice):
        count = len(dimension.values)
        axis.set_ticks(range(count), [label_of(value) for value in dimension.values])
        set_limits(-0.6, count - 0.4)
        if which == "x" and sum(len(shown(v)) + 2 for v in dimension.values) > 26:
            axis.set_tick_params(labelrotation=40)
        return
    if dimension.log:
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        margin = (high / low) ** 0.05
        set_limits(low / margin, high * margin)
    else:
        margin = 0.05 * (high - low)
        set_limits(low - margin, high + margin)
    set_ticks(axis, low, high, dimension.log, integer=dimension.integer)


def set_ticks(
    axis: Axis, low: float, high: float, log: bool, *, integer: bool = False
) -> None:
    """Ticks that are few enough to be read."""
    if log and high / low > 200:
        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_formatter(NullFormatter())
    elif log and high / low > 4:
        plain_log(axis)
    else:
        axis.set_major_locator(MaxNLocator(5, steps=ROUND, integer=integer))
        axis.set_minor_formatter(NullFormatter())
        if log:
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def marks(dimension: Dimension) -> list[tuple[float, str]]:
    """Ticks along a dimension as places in [0, 1] with their text."""
    if isinstance(dimension, Choice):
        return [(dimension.where(v), label_of(v)) for v in dimension.values]
    ticks = _ticks(float(dimension.low), float(dimension.high), dimension.log)
    whole = [t for t in ticks if not dimension.integer or t.is_integer()]
    return [(dimension.where(tick), f"{tick:g}") for tick in whole]


def score_marks(scores: Scores) -> list[tuple[float, str]]:
    """Likewise, of the scores."""
    ticks = _ticks(scores.low, scores.high, scores.log)
    at = scores.share(np.array(ticks, float))
    return [(float(place), f"{t:g}") for place, t in zip(at, ticks, strict=True)]


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Round numbers between two."""
    if log and high / low > 200:
        ticks = LogLocator(numticks=6).tick_values(low, high)
    elif log and high / low > 4:
        ticks = LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(low, high)
    else:
        ticks = MaxNLocator(4, steps=ROUND).tick_values(low, high)
    return [float(tick) for tick in ticks if low <= tick <= high]
