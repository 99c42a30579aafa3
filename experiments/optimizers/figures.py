"""The figures of the optimizers experiment; those of functions are drawn here."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from experiments.optimizers import contours, momentum
from experiments.optimizers.figures_adaptive import draw_adaptive
from experiments.optimizers.figures_digits import COLORS, draw_batches, draw_race
from experiments.optimizers.found import Found
from experiments.optimizers.rules import RULES
from jaxnet.figures import BLACK, BLUE, GREY, ORANGE, figure, legend_above

_TITLES = {
    "along": "bowl along the axes",
    "across": "bowl turned by 45°",
    "valley": "Rosenbrock's valley",
}

_FAMILIES = {
    "one rate for all": ("sgd", "momentum", "nesterov", "newton"),
    "adaptive": tuple(RULES[3:]),
}


def draw(found: Found, out: Path) -> list[Path]:
    """Batches, paths, momentum, what adapts, and the race on the digits."""
    draw_batches(found, out / "batches")
    _draw_paths(found, out / "paths")
    _draw_momentum(found, out / "momentum")
    draw_adaptive(found, out / "adaptive")
    draw_race(found, out / "race")
    names = ("batches", "paths", "momentum", "adaptive", "race")
    return [out / f"{name}.png" for name in names]


def _draw_paths(found: Found, stem: Path) -> None:
    with figure(stem, 2, 3, size=(12.0, 7.4)) as (fig, axes):
        for column, name in enumerate(contours.SURFACES):
            for row, rules in enumerate(_FAMILIES.values()):
                ax = axes[row, column]
                _draw_surface(ax, found, name)
                for rule in rules[::-1]:  # The plain rule on top.
                    race = found.functions.races[name]
                    _draw_path(
                        ax, race.paths[rule][: int(race.steps[rule][0]) + 1], rule
                    )
                mean = {r: found.functions.races[name].steps[r].mean() for r in rules}
                best = min((r for r in rules if r != "newton"), key=mean.__getitem__)
                line = f"{best} is first: {mean[best]:.0f} steps"
                ax.set_title(f"{_TITLES[name]}\n{line}" if row == 0 else line)
        legend_above(fig, [axes[0, 0], axes[1, 0]])


def _draw_surface(ax: Axes, found: Found, name: str) -> None:
    """Contours, the start and the minimum."""
    surface = contours.SURFACES[name]
    margin = 0.45
    start, minimum = found.functions.races[name].starts[0], np.array(surface.minimum)
    corners = np.stack([surface.low, surface.high, minimum, start])
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
    x = np.linspace(left - margin, right + margin, 121)
    y = np.linspace(bottom - margin, top + margin, 121)
    values = np.asarray(surface.value(jnp.stack(jnp.meshgrid(x, y))))
    levels = np.linspace(0.03, np.sqrt(values.max()), 12) ** 2
    ax.contour(x, y, values, levels=levels, colors=GREY, alpha=0.35, linewidths=0.8)
    ax.plot(*start, "o", color=BLACK, markersize=7)
    ax.plot(*minimum, "*", color=BLACK, markersize=14)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel="x", ylabel="y")
    ax.grid(visible=False)


def _draw_path(ax: Axes, path: np.ndarray, rule: str) -> None:
    if rule == "newton":
        style = {"color": BLACK, "linestyle": "--", "marker": "s", "markersize": 4}
    else:
        style = {"color": COLORS[rule], "marker": ".", "markersize": 4}
    ax.plot(*path.T, label=rule, linewidth=1.6, clip_on=True, **style)


def _draw_momentum(found: Found, stem: Path) -> None:
    with figure(stem, 2, 2, size=(11.0, 8.0)) as (_, axes):
        _draw_sketch(axes[0, 0], "momentum")
        _draw_sketch(axes[0, 1], "nesterov")
        _draw_overshoot(axes[1, 0], found)
        _draw_conditions(axes[1, 1], found)


def _draw_sketch(ax: Axes, rule: str) -> None:
    """One step of either rule, from the same place with the same velocity."""
    curvature, rate = np.array([1.0, 6.0]), 0.12

    def gradient(x: np.ndarray) -> np.ndarray:
        return curvature * x

    x, v = np.array([-1.6, 0.6]), np.array([1.0, -1.15])
    coast = momentum.MOMENTUM * v
    seen = x if rule == "momentum" else x + coast
    (after, _) = momentum.STEPS[rule](gradient, x, v, np.asarray(rate), 0.9)
    line = np.linspace(-2.4, 1.2, 121), np.linspace(-1.25, 1.35, 121)
    values = 0.5 * (line[0][None] ** 2 + 6 * line[1][:, None] ** 2)
    ax.contour(*line, values, levels=12, colors=GREY, alpha=0.35, linewidths=0.8)
    arrows = {
        "momentum": (x, x + coast, BLUE),
        "rate times gradient": (x + coast, after, ORANGE),
        "step": (x, after, BLACK),
    }
    for start, end, color in arrows.values():
        shape = {"color": color, "lw": 2.4, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", **shape})
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    for i, (label, (_, _, color)) in enumerate(arrows.items()):
        style = {"color": color, "ha": "right", "va": "top", "bbox": box}
        ax.text(0.98, 0.97 - 0.09 * i, label, transform=ax.transAxes, **style)
    ax.plot(*seen, "o", color=ORANGE, markersize=9, zorder=4)
    ax.plot(0, 0, "*", color=BLACK, markersize=14)
    where = "where it is" if rule == "momentum" else "where momentum leads"
    ax.set(title=f"{rule}: the gradient {where}", xticks=[], yticks=[])
    ax.set(aspect="equal")
    ax.grid(visible=False)


def _draw_overshoot(ax: Axes, found: Found) -> None:
    worst = {rule: 100 * over.max() for rule, over in found.functions.overshoot.items()}
    for rule, over in found.functions.overshoot.items():
        ax.plot(found.functions.rates, 100 * over, color=COLORS[rule], label=rule)
    ax.set(
        xscale="log",
        ylim=(-4, 108),
        xlabel="learning rate, in units of 1 / curvature",
        ylabel="overshoot, % of the start",
        title="largest overshoot: momentum "
        f"{worst['momentum']:.0f} %, nesterov {worst['nesterov']:.0f} %",
    )
    ax.legend(loc="upper left")


def _draw_conditions(ax: Axes, found: Found) -> None:
    line = np.geomspace(
        found.functions.conditions[0], found.functions.conditions[-1], 100
    )
    gain = [
        momentum.steps_for_a_tenth(found.functions.shrinking[rule][-1]).mean()
        for rule in ("sgd", "momentum")
    ]
    for rule, rates in found.functions.shrinking.items():
        color = COLORS[rule]
        steps = momentum.steps_for_a_tenth(rates).mean(axis=1)
        ax.plot(found.functions.conditions, steps, "o", color=color, label=rule)
        formula = momentum.steps_for_a_tenth(momentum.formula(rule, line))
        ax.plot(line, formula, color=color, linewidth=1.4)
    ax.plot([], [], color=BLACK, linewidth=1.4, label="formulas")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="condition number",
        ylabel="steps to a tenth",
        title=f"at {found.functions.conditions[-1]:,.0f} momentum is "
        f"{gain[0] / gain[1]:.0f} times as fast",
    )
    ax.legend(loc="upper left")
