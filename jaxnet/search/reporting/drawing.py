"""The figures of a sweep.

Each is written as ``stem.png`` and ``stem.svg``, and the path of the first is
returned. Trials that diverged are there in all of them, and marked.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from jaxnet.checks import check_int
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    figure,
    legend_above,
)
from jaxnet.search.reporting.relating import draw_heatmap, draw_parallel
from jaxnet.search.reporting.scales import (
    ROUND,
    Scores,
    coordinates,
    label_of,
    names_by_influence,
    scores_of,
    set_axis,
    set_ticks,
)
from jaxnet.search.reporting.trials import Trials, spreads, trials_of
from jaxnet.statistics import mean_interval

__all__ = ["draw_axes", "draw_curves", "draw_heatmap", "draw_parallel"]

MANY = 500
"""From so many trials on they are drawn as pixels, which keeps a file small."""

WITH_BARS = 60
"""Up to so many trials have the interval over their runs."""

STRIP = 0.1
"""The part of the score axis that is for trials that diverged."""


def draw_axes(result: Any, stem: Path) -> Path:
    """Each hyperparameter that varies against the score, the most telling first.

    A point is a trial, the mean over its runs, with the 95 % interval if there are
    few. Scores far worse than the others are triangles at the edge, and trials with a
    run that diverged are in the strip beyond it.

    Args:
      result: a `Sweep`.
      stem: the path without an ending.

    Raises:
      ValueError: if all trials have the same setting.
    """
    trials = trials_of(result)
    names, scores = names_by_influence(trials, at_least=1), scores_of(trials)
    columns = 2 if len(names) in (2, 4) else min(3, len(names))
    rows = -(-len(names) // columns)
    size = (8.0, 4.8) if len(names) == 1 else (1.4 + 3.4 * columns, 1.2 + 3.1 * rows)
    shape = {"sharey": True, "squeeze": False}
    with figure(stem, rows, columns, size=size, **shape) as (fig, axes):
        for ax in axes.flat[len(names) :]:
            ax.remove()
        panels = axes.ravel()[: len(names)]
        _set_score_axis(panels[0], trials, scores)
        for name, ax in zip(names, panels, strict=True):
            set_axis(ax, "x", trials.varied[name], name)
            _draw_points(ax, coordinates(trials, name), trials, scores)
        for ax in axes[:, 0]:
            ax.set_ylabel(scores.label)
        legend_above(fig)
    return stem.with_suffix(".png")


def _set_score_axis(ax: Axes, trials: Trials, scores: Scores) -> None:
    """Limits that leave room beyond the worst for the strip."""
    room = {True: 0.05, False: 0.05 if trials.feasible.all() else 0.05 + STRIP}
    low, high = room[not trials.maximize], room[trials.maximize]
    ax.set_yscale("log" if scores.log else "linear")
    ax.set_ylim(scores.point(-low), scores.point(1.0 + high))
    set_ticks(ax.yaxis, scores.low, scores.high, scores.log)
    if not trials.feasible.any():
        ax.set_yticks([])


def _draw_points(
    ax: Axes, x: Float[np.ndarray, " trials"], trials: Trials, scores: Scores
) -> None:
    feasible, off, cut = trials.feasible, scores.off, trials.stopped
    y, many = np.clip(trials.means, scores.low, scores.high), len(x) > MANY
    size, alpha = (30, 0.8) if len(x) <= 200 else (14, 0.35 if many else 0.6)
    for chosen, color, marker, label in (
        (feasible & ~off & cut, SKY, "o", "stopped early"),
        (feasible & ~off & ~cut, BLUE, "o", "trained to the end"),
        (off, PURPLE, "v" if trials.maximize else "^", "off the scale"),
    ):
        if chosen.any():
            look = {"color": color, "marker": marker, "linewidths": 0}
            points = {"s": size, "alpha": alpha, "rasterized": many}
            ax.scatter(x[chosen], y[chosen], **points, **look)
            ax.scatter([], [], s=30, label=label, **look)
    if len(x) <= WITH_BARS and trials.scores.shape[1] > 1:
        for i in np.flatnonzero(feasible & ~off):
            _, low, high = mean_interval(trials.scores[i])
            bottom, top = sorted(ax.get_ylim())
            ends = [max(low, bottom), min(high, top)]
            ax.plot(
                [x[i], x[i]], ends, color=GREY, linewidth=0.8, alpha=0.6, zorder=1.5
            )
    if not feasible.all():
        edge, strip = (0.0, STRIP) if trials.maximize else (1.0 - STRIP, 1.0)
        ax.axhspan(*_in_axes(ax, (edge, strip)), color="#F3F3F3", linewidth=0, zorder=0)
        (at,) = _in_axes(ax, (edge + 0.5 * STRIP if not trials.maximize else 0.05,))
        cross = {"marker": "x", "color": BLACK, "linewidths": 1.2, "s": 28}
        faint = {"alpha": 0.2 if many else 1.0, "rasterized": many}
        ax.scatter(x[~feasible], np.full(sum(~feasible), at), **cross, **faint)
        ax.scatter([], [], label="diverged", **cross)
    if feasible.any():
        star = {"marker": "*", "color": ORANGE, "edgecolors": "white", "zorder": 5}
        ax.scatter(x[:1], y[:1], s=230, linewidths=0.8, label="best", **star)


def _in_axes(ax: Axes, shares: tuple[float, ...]) -> list[float]:
    """Data coordinates at shares of the height of the axes."""
    points = ax.transData.inverted().transform(
        ax.transAxes.transform([(0.0, share) for share in shares])
    )
    return points[:, 1].tolist()


def draw_curves(result: Any, stem: Path, n: int = 5) -> Path:
    """The curves of the best n trials over the epochs, the others faint.

    Means over the runs of a trial; of the best one with the 95 % interval. There is a
    panel for what ranks the trials, and one for the loss if that is another.

    Args:
      result: a `Sweep`.
      stem: the path without an ending.
      n: trials that have a colour, at least 1; at most five of them are used.
    """
    check_int("n", n)
    trials, names = trials_of(result), list(result.runs.curves)
    bases = dict.fromkeys((_base(trials.monitor), "loss"))
    panels = [base for base in bases if any(_base(name) == base for name in names)]
    size = (9.0, 4.8) if len(panels) == 1 else (13.0, 4.8)
    with figure(stem, 1, len(panels), size=size, squeeze=False) as (fig, axes):
        for base, ax in zip(panels, axes[0], strict=True):
            _draw_panel(ax, result, trials, base, n)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside right upper")
    return stem.with_suffix(".png")


def _base(name: str) -> str:
    """A metric without the part of the data that it is of."""
    return name.removeprefix("train_").removeprefix("validation_")


def _draw_panel(ax: Axes, result: Any, trials: Trials, base: str, best: int) -> None:
    curves, every = result.runs.curves, result.plan.every
    count, each = trials.scores.shape
    members = trials.numbers[:, None] * each + np.arange(each)
    parts = [n for n in (f"validation_{base}", f"train_{base}", base) if n in curves]
    x = (np.arange(curves[parts[0]].shape[1]) + 1) * every
    colored = min(best, 5, int(trials.feasible.sum()))
    marker = "o" if len(x) == 1 else None
    faint_values, best_values = [np.zeros(0)], [np.zeros(0)]
    for part in parts:
        rows = np.asarray(curves[part], float)[members]
        means = rows.mean(axis=1)
        if part == parts[0]:
            faint = np.stack([np.broadcast_to(x, means.shape), means], axis=2)
            alpha = float(np.clip(20 / count, 0.02, 0.5))
            look = {"colors": GREY, "linewidths": 0.8, "rasterized": count > MANY}
            ax.add_collection(
                LineCollection(list(faint[colored:]), alpha=alpha, **look)
            )
            if count > colored:
                ax.plot([], [], color=GREY, linewidth=0.8, label="others")
            faint_values.append(means.ravel())
        for i in range(colored):
            color = (ORANGE, BLUE, GREEN, PURPLE, YELLOW)[i]
            style, label = ("-", f"rank {i + 1}") if part == parts[0] else ("--", None)
            line = {"linewidth": 2.6 if i == 0 else 1.6, "marker": marker}
            ax.plot(x, means[i], style, color=color, label=label, zorder=9 - i, **line)
        if colored and each > 1 and part == parts[0]:
            ends = np.array([mean_interval(column)[1:] for column in rows[0].T]).T
            ax.fill_between(x, *ends, color=ORANGE, alpha=0.2, linewidth=0)
        best_values.append(means[:colored].ravel())
    if not colored:
        ax.text(0.5, 0.5, "all trials diverged", transform=ax.transAxes, ha="center")
    elif len(parts) == 2:
        ax.plot([], [], "--", color=BLACK, label="training")
        ax.plot([], [], "-", color=BLACK, label="validation")
    _set_curve_limits(ax, *map(np.concatenate, (faint_values, best_values)))
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=ROUND, integer=True))
    ax.set(xlabel="epoch", ylabel=label_of(base))
    ax.set_xlim(0 if len(x) > 1 else 0.5 * x[0], 1.02 * x[-1] if len(x) > 1 else None)


def _set_curve_limits(
    ax: Axes, every: Float[np.ndarray, " n"], best: Float[np.ndarray, " m"]
) -> None:
    """Limits that hold the best, and most of the others: not those that explode."""
    every, best = every[np.isfinite(every)], best[np.isfinite(best)]
    if not every.size:
        ax.set_yticks([])
        return
    first, third = np.quantile(every, [0.25, 0.75])
    apart = 1.5 * (third - first)
    ends = [max(every.min(), first - apart), min(every.max(), third + apart)]
    low, high = min([ends[0], *best]), max([ends[1], *best])
    if low > 0 and spreads(np.array([low, high])):
        ax.set_yscale("log")
        ax.set_ylim(low / 1.2, high * 1.2)
        set_ticks(ax.yaxis, low, high, log=True)
    elif high > low:
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
