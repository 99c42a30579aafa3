"""The figures of the search experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from experiments.search import function
from experiments.search.budgets import SAMPLERS, squares
from experiments.search.config import Config
from experiments.search.digits import Repeat
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    band,
    figure,
    legend_above,
    plain_log,
)

_COLORS = {"grid": ORANGE, "random": BLUE, "sobol": GREEN}

_SHOWN = function.Bumps(0.72, 0.4)
"""The function of the lecture's figure, whose bump no grid of nine points meets."""


def draw(
    config: Config,
    regrets: dict[str, np.ndarray],
    of_function: list[int],
    losses: dict[str, np.ndarray],
    budgets: list[int],
    runs: Sequence[Repeat],
    out: Path,
) -> list[Path]:
    """Nine trials, the best with each budget of both searches, and what matters."""
    _draw_points(config, out / "points")
    label = "distance from the largest value"
    repeats = f"{config.functions} functions"
    _draw_budgets(of_function, regrets, label, repeats, out / "function")
    label = "best validation loss"
    repeats = f"{config.seeds} splits of the digits"
    _draw_budgets(budgets, losses, label, repeats, out / "digits")
    _draw_influence(runs, out / "influence")
    names = ("points", "function", "digits", "influence")
    return [out / f"{name}.png" for name in names]


def _draw_points(config: Config, stem: Path) -> None:
    """Nine trials as a grid and at random, with the two parts of the function."""
    key = jax.random.key(config.seed)
    ratios = {"width_ratios": [4, 1, 4, 1], "height_ratios": [1, 4]}
    with figure(stem, 2, 4, size=(9.6, 5.2), gridspec_kw=ratios) as (_, axes):
        for column, name in ((0, "grid"), (2, "random")):
            settings = SAMPLERS[name](function.SPACE, function.DRAWN, key)
            x, y = np.array([(one["x"], one["y"]) for one in settings]).T
            top, corner = axes[0, column : column + 2]
            square, side = axes[1, column : column + 2]
            corner.axis("off")
            _draw_part(top, x, _SHOWN.g, across=False)
            _draw_part(side, y, _SHOWN.h, across=True)
            _draw_square(square, x, y)
            values = len({round(one, 9) for one in x.tolist()})
            best = float(_SHOWN(x, y).max())
            top.set_title(
                f"{name}: {values} values of what matters\nbest of nine {best:.2f}"
            )


def _draw_square(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    line = np.linspace(0.0, 1.0, 101)
    surface = _SHOWN(line[None, :], line[:, None])
    ax.contourf(line, line, surface, levels=12, cmap="Greys", alpha=0.5)
    ax.plot(x, y, "o", color=BLACK, markersize=7, clip_on=False)
    best = int(_SHOWN(x, y).argmax())
    ax.plot(x[best], y[best], "o", color=ORANGE, markersize=11, clip_on=False)
    ax.set(xlabel="what matters", ylabel="what hardly does", xticks=[], yticks=[])
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.grid(visible=False)


def _draw_part(ax: Axes, at: np.ndarray, part: Any, *, across: bool) -> None:
    """One part of the function at the edge, and where trials meet it."""
    line = np.linspace(0.0, 1.0, 201)
    for place in sorted(set(at.tolist())):
        value = part(np.array(place))
        ends = ([place, place], [0.0, value])
        ax.plot(*(ends[::-1] if across else ends), color=BLACK, linewidth=1)
    curve = (line, part(line))
    ax.plot(*(curve[::-1] if across else curve), color=BLUE)
    # Both on the scale of what matters, which is the point.
    limits = {"xlim": (0, 1), "ylim": (0, 1)}
    ax.set(xticks=[], yticks=[], **limits)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(visible=False)


def _draw_budgets(
    budgets: list[int],
    found: dict[str, np.ndarray],
    label: str,
    repeats: str,
    stem: Path,
) -> None:
    """The best with each budget, by sampler: mean and interval over the repeats."""
    ends = [f"{name} {rows[:, -1].mean():.2g}" for name, rows in found.items()]
    with figure(stem) as (fig, ax):
        for name, rows in found.items():
            band(ax, np.array(budgets), rows, color=_COLORS[name], label=name)
        ax.set(xlabel="trials", ylabel=label, yscale="log")
        ax.set_xscale("log")
        ticks = squares(budgets[-1])
        ax.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
        ax.xaxis.set_minor_formatter(NullFormatter())
        plain_log(ax.yaxis)
        ax.set_title(f"{repeats}, {budgets[-1]} trials:\n{', '.join(ends)}")
        legend_above(fig)


def _draw_influence(runs: Sequence[Repeat], stem: Path) -> None:
    """The loss of the random trials against each hyperparameter."""
    names = ("learning_rate", "weight_decay")
    rows = [
        (run.tried.settings[row], run.losses[row])
        for run in runs
        for row in run.tried.rows("random")
    ]
    losses = np.array([loss for _, loss in rows])
    with figure(stem, 1, 2, size=(8.0, 3.8), sharey=True) as (fig, axes):
        for ax, name in zip(axes, names, strict=True):
            values = np.array([setting[name] for setting, _ in rows])
            ax.plot(values, losses, ".", color=BLUE, alpha=0.5, markersize=5)
            ax.axhline(np.log(10), color=GREY, linestyle="--", label="guessing")
            ax.set(xlabel=name.replace("_", " "), xscale="log", yscale="log")
            ax.set_title(f"lowest loss at {values[losses.argmin()]:.2g}")
        plain_log(axes[0].yaxis)
        axes[0].set_ylabel("validation loss")
        legend_above(fig)
