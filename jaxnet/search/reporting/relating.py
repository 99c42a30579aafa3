"""Figures of several hyperparameters at once: parallel coordinates and a heat map."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle

from jaxnet.checks import check_choice
from jaxnet.figures import BLACK, GREY, ORANGE, figure, legend_above
from jaxnet.search.reporting.scales import (
    Scores,
    coordinates,
    label_of,
    marks,
    names_by_influence,
    places,
    score_marks,
    scores_of,
    set_axis,
    set_ticks,
)
from jaxnet.search.reporting.trials import Trials, trials_of
from jaxnet.search.showing import shown

MANY = 500
"""From so many trials on they are drawn as pixels, which keeps a file small."""

DIVERGED = 0.1
"""How far beyond the worst score of parallel coordinates trials that diverged end."""


def draw_parallel(result: Any, stem: Path) -> Path:
    """A line for each trial through all hyperparameters that vary, to its score.

    Colours are ranks; the best is on top, and trials that diverged are dotted.

    Args:
      result: a `Sweep`.
      stem: the path without an ending.

    Raises:
      ValueError: if all trials have the same setting.
    """
    trials = trials_of(result)
    names = sorted(names_by_influence(trials, at_least=1))
    scores, count, feasible = scores_of(trials), len(trials.settings), trials.feasible
    beyond = -DIVERGED if trials.maximize else 1.0 + DIVERGED
    score = np.where(feasible, scores.share(trials.means), beyond)
    lines = np.stack([*(places(trials, name) for name in names), score], axis=1)
    x = np.arange(lines.shape[1])
    paths = np.stack([np.broadcast_to(x, lines.shape), lines], axis=2)[::-1]
    good = feasible[::-1]
    alpha = float(np.clip(30 / count, 0.15, 0.8))
    width = 1.6 if count <= 100 else 0.9
    look = {"rasterized": count > MANY, "linewidths": width, "alpha": alpha}
    with figure(stem, size=(max(8.0, 1.6 + 1.75 * len(x)), 4.8)) as (fig, ax):
        bad = LineCollection(list(paths[~good]), colors=GREY, linestyles=":", **look)
        ranks = np.arange(feasible.sum(), 0, -1)
        norm = Normalize(1, max(2, len(ranks)))
        ranked = LineCollection(list(paths[good]), cmap="viridis", norm=norm, **look)
        ranked.set_array(ranks)
        ax.add_collection(bad)
        ax.add_collection(ranked)
        if feasible.any():
            ax.plot(x, lines[0], color="white", linewidth=5.5, zorder=4)
            ax.plot(x, lines[0], color=ORANGE, linewidth=3.2, zorder=5, label="best")
            solid = {"cmap": "viridis", "norm": norm}
            bar = fig.colorbar(LineCollection([], **solid), ax=ax, pad=0.02, aspect=30)
            bar.set_label("rank (1 is the best)")
            bar.ax.invert_yaxis()
            bar.ax.grid(visible=False)
        if not feasible.all():
            ax.plot([], [], ":", color=GREY, label="diverged")
        ticks = [marks(trials.varied[name]) for name in names]
        ticks.append(score_marks(scores) if feasible.any() else [])
        for i, of_axis in enumerate(ticks):
            _draw_axis(ax, float(i), of_axis)
        if not feasible.all():
            _draw_axis(
                ax, float(x[-1]), [(beyond, "diverged")], start=beyond, end=beyond
            )
        titles = [label_of(name) for name in (*names, trials.monitor)]
        ax.set_xticks(x, titles, rotation=20 if max(map(len, titles)) > 15 else 0)
        low, high = min(0.0, lines.min()), max(1.0, lines.max())
        ax.set(xlim=(-0.1, len(x) - 0.5), ylim=(low - 0.05, high + 0.05), yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(axis="x", length=0)
        legend_above(fig)
    return stem.with_suffix(".png")


def _draw_axis(
    ax: Axes,
    x: float,
    ticks: list[tuple[float, str]],
    start: float = 0.0,
    end: float = 1.0,
) -> None:
    line = {"color": BLACK, "linewidth": 1.2, "zorder": 6}
    box = {"facecolor": "white", "alpha": 0.8, "pad": 0.8, "linewidth": 0}
    ax.plot([x, x], [start, end], **line)
    for at, text in ticks:
        ax.plot([x, x + 0.03], [at, at], **line)
        ax.text(x + 0.05, at, text, fontsize=10, va="center", bbox=box, zorder=7)


def draw_heatmap(
    result: Any, stem: Path, x: str | None = None, y: str | None = None
) -> Path:
    """The score as colour over two hyperparameters.

    Where there are a few values of both and as many trials as combinations or more, as
    from a grid, these are cells, each with the best of its trials. Otherwise each
    trial is a point: nothing is said about what was not tried.

    Args:
      result: a `Sweep`.
      stem: the path without an ending.
      x: a hyperparameter; by default of those that tell most about the score.
      y: another one.

    Raises:
      ValueError: if fewer than two hyperparameters vary, or x and y are none of them.
    """
    trials = trials_of(result)
    names, scores = names_by_influence(trials, at_least=2), scores_of(trials)
    for axis, name in (("x", x), ("y", y)):
        if name is not None:
            check_choice(axis, name, names)
    x = x or next(name for name in names if name != y)
    y = y or next(name for name in names if name != x)
    if x == y:
        raise ValueError(f"x and y should differ, got {x!r} for both.")
    colors = colormaps["viridis_r" if trials.maximize else "viridis"]
    levels = [_levels(trials, name) for name in (x, y)]
    count = len(levels[0]) * len(levels[1])
    with figure(stem, size=(8.0, 5.6)) as (fig, ax):
        if count <= len(trials.settings) and max(map(len, levels)) <= 30:
            drawn = _draw_cells(
                ax, trials, scores, colors, {x: levels[0], y: levels[1]}
            )
        else:
            drawn = _draw_dots(ax, trials, scores, colors, x, y)
        if trials.feasible.any():
            worst = "min" if trials.maximize else "max"
            extend = worst if scores.off.any() else "neither"
            bar = fig.colorbar(drawn, ax=ax, extend=extend)
            bar.set_label(f"{label_of(trials.monitor)} (darker is better)")
            bar.ax.grid(visible=False)
            set_ticks(bar.ax.yaxis, scores.low, scores.high, scores.log)
        legend_above(fig)
    return stem.with_suffix(".png")


def _levels(trials: Trials, name: str) -> list[Any]:
    """The values of a hyperparameter, in the order of its dimension."""
    dimension = trials.varied[name]
    return sorted(set(trials.values(name)), key=dimension.where)


def _draw_dots(
    ax: Axes, trials: Trials, scores: Scores, colors: Colormap, x: str, y: str
) -> Any:
    at = [coordinates(trials, name) for name in (x, y)]
    set_axis(ax, "x", trials.varied[x], x)
    set_axis(ax, "y", trials.varied[y], y)
    feasible, count = trials.feasible, len(trials.settings)
    size = 70 if count <= 100 else (30 if count <= MANY else 9)
    look = {"rasterized": count > MANY}
    # The best are drawn last, and so on top.
    order = np.flatnonzero(feasible)[::-1]
    drawn = ax.scatter(
        *(a[order] for a in at),
        c=trials.means[order],
        s=size,
        cmap=colors,
        norm=scores.norm(),
        linewidths=0,
        **look,
    )
    if not feasible.all():
        cross = {"marker": "x", "color": GREY, "linewidths": 1.2}
        ax.scatter(*(a[~feasible] for a in at), s=0.5 * size, **cross, **look)
        ax.scatter([], [], s=35, label="diverged", **cross)
    if feasible.any():
        ring = {"facecolors": "none", "edgecolors": ORANGE, "linewidths": 2.5}
        ax.scatter(*(a[:1] for a in at), s=size + 130, label="best", **ring)
    return drawn


def _draw_cells(
    ax: Axes,
    trials: Trials,
    scores: Scores,
    colors: Colormap,
    levels: dict[str, list[Any]],
) -> Any:
    (x, columns), (y, rows) = levels.items()
    best = np.full((len(rows), len(columns)), np.nan)
    tried = np.zeros(best.shape, bool)
    # From the worst to the best, so that the best of a cell stays.
    for i in reversed(range(len(trials.settings))):
        setting = trials.settings[i]
        at = rows.index(setting[y]), columns.index(setting[x])
        tried[at] = True
        if trials.feasible[i]:
            best[at] = trials.means[i]
    drawn = ax.pcolormesh(best, cmap=colors, norm=scores.norm(), edgecolors="white")
    ax.set_xticks(np.arange(len(columns)) + 0.5, [label_of(v) for v in columns])
    ax.set_yticks(np.arange(len(rows)) + 0.5, [label_of(v) for v in rows])
    if sum(len(shown(v)) + 2 for v in columns) > 56:
        ax.tick_params(axis="x", labelrotation=40)
    ax.set(xlabel=label_of(x), ylabel=label_of(y))
    ax.grid(visible=False)
    ax.tick_params(length=0)
    bad = np.argwhere(tried & np.isnan(best)) + 0.5
    if len(bad):
        ax.scatter(bad[:, 1], bad[:, 0], marker="x", color=BLACK, label="all diverged")
    if best.size <= 64:
        for row, column in np.argwhere(np.isfinite(best)):
            r, g, b, _ = colors(scores.norm()(best[row, column]))
            dark = 0.3 * r + 0.6 * g + 0.1 * b < 0.5
            text = {"ha": "center", "va": "center", "fontsize": 12}
            text["color"] = "white" if dark else BLACK
            ax.text(column + 0.5, row + 0.5, f"{best[row, column]:.3g}", **text)
    if trials.feasible.any():
        first = trials.settings[0]
        corner = (columns.index(first[x]), rows.index(first[y]))
        frame = {
            "fill": False,
            "edgecolor": ORANGE,
            "linewidth": 3.0,
            "zorder": 5,
            "label": "best",
        }
        ax.add_patch(Rectangle(corner, 1, 1, **frame))
    if len(trials.varied) > 2:
        ax.set_title("the best of each cell over the other hyperparameters")
    return drawn
