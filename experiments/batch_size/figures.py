"""The figures of the experiment: the grid, the rule, and what takes noise away."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullFormatter, NullLocator

from experiments.batch_size.config import EXAMPLES
from experiments.batch_size.findings import best_ratio
from experiments.batch_size.grid import KINDS, RATES, Grid, diagonal
from experiments.batch_size.growth import FACTOR, FIRST_RATE, FIRST_SIZE, Growth
from experiments.batch_size.listening import Listening, falls, noise_in
from experiments.batch_size.noise_figures import draw_noise
from experiments.batch_size.rule import SMALL, Rule, expected
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
from jaxnet.statistics import mean_interval

_COLORS = {"constant": BLUE, "warm-up": ORANGE}


def draw(
    grid: Grid, rule: Rule, growth: Growth, listening: Listening, out: Path
) -> list[Path]:
    """All five."""
    _draw_grid(grid, rule, out / "grid")
    _draw_rule(grid, rule, listening, out / "rule")
    draw_noise(grid, listening, out / "noise")
    _draw_growth(growth, out / "growth")
    _draw_plateau(listening, out / "plateau")
    names = ("grid", "rule", "noise", "growth", "plateau")
    return [out / f"{name}.png" for name in names]


def _draw_grid(grid: Grid, rule: Rule, stem: Path) -> None:
    """The loss over rates and batch sizes, with and without warm-up."""
    means = grid.losses.mean(axis=-1)
    norm = LogNorm(means.min(), means.max())
    x, rows = np.log2(RATES), np.arange(len(grid.batch_sizes))
    with figure(stem, 1, 2, size=(9.6, 5.2), sharey=True) as (fig, axes):
        for kind, ax in enumerate(axes):
            seen = means[:, :, kind]
            colors = {"norm": norm, "cmap": "viridis_r", "shading": "nearest"}
            ax.pcolormesh(x, rows, seen, **colors)
            _draw_lines(ax, grid, seen)
            best = [mean_interval(row) for row in np.log2(rule.best[:, kind])]
            ax.errorbar(
                [one.mean for one in best],
                rows,
                xerr=[one.high - one.mean for one in best],
                fmt="o",
                color=ORANGE,
                markeredgecolor="white",
                markersize=9,
                label="lowest, 95 % interval",
            )
            ticks = range(-6, 3, 2)
            ax.set_xticks(ticks, [f"1/{2**-t}" if t < 0 else f"{2**t}" for t in ticks])
            ax.set_yticks(rows, [str(size) for size in grid.batch_sizes])
            limits = {"xlim": (-7.5, 2.5), "ylim": (-0.5, rows[-1] + 0.5)}
            ax.set(xlabel="learning rate", **limits)
            powers = rule.small[kind].mean(), rule.large[kind].mean()
            ax.set_title(
                f"{('constant rate', 'with warm-up')[kind]}: best rate\n"
                f"as b to the power {powers[0]:.2f}, then {powers[1]:.2f}"
            )
            ax.grid(visible=False)
        axes[0].set_ylabel("batch size")
        image = axes[0].collections[0]
        bar = fig.colorbar(image, ax=axes, label="validation loss", pad=0.02)
        ticks = [t for t in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2.2) if t >= means.min()]
        bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
        bar.ax.yaxis.set_minor_locator(NullLocator())
        legend_above(fig, [axes[0]])


def _draw_lines(ax: Axes, grid: Grid, means: np.ndarray) -> None:
    """Lines of equal loss, and of equal rate / batch, which go the same way."""
    x, rows = np.log2(RATES), np.arange(len(grid.batch_sizes))
    levels = means.min() * np.array([1.05, 1.2, 1.5, 2.5, 4.5])
    ax.contour(x, rows, means, levels=levels, colors="white", linewidths=1)
    for k, power in enumerate((-4, -2, 0)):
        ratio = best_ratio(grid) * 2.0**power
        ax.plot(
            np.log2(ratio * grid.batch_sizes),
            rows,
            color=BLACK,
            linestyle="--",
            linewidth=1.2,
            label=None if k else "equal rate / batch",
        )


def _draw_rule(grid: Grid, rule: Rule, listening: Listening, stem: Path) -> None:
    """The best rates beside both rules, and the error along the linear one."""
    sizes = grid.batch_sizes
    with figure(stem, 1, 2, size=(9.6, 4.8)) as (fig, (ax, errors)):
        start = 2.0 ** np.log2(rule.best[0, 0]).mean()
        growth = sizes / sizes[0]
        ax.plot(sizes, start * growth, color=BLACK, linestyle="--", label="linear rule")
        root = start * np.sqrt(growth)
        ax.plot(sizes, root, color=GREY, linestyle=":", label="square root")
        for kind, name in enumerate(KINDS):
            each = [mean_interval(row) for row in np.log2(rule.best[:, kind])]
            mean, low, high = 2.0 ** np.transpose(each)
            ax.errorbar(
                sizes * 1.06 ** (2 * kind - 1),
                mean,
                yerr=[mean - low, high - mean],
                fmt="o",
                color=_COLORS[name],
                label=name,
            )
        scale = noise_in(listening, grid.curves.shape[-1])
        line = np.geomspace(sizes[0], sizes[-1])
        bend = expected(line, scale) / expected(line[:1], scale)
        label = f"from the noise, B = {scale:.0f}"
        ax.plot(line, start * bend, color=GREEN, linewidth=1.5, label=label)
        ax.set(ylabel="best learning rate", ylim=(0.5 * start, None), yscale="log")
        ax.set_yscale("log", base=2)
        plain_log(ax.yaxis)
        power = mean_interval(rule.small[0])
        ax.set_title(
            f"power {power.mean:.2f} ({power.low:.2f} to {power.high:.2f})\n"
            f"up to b = {SMALL}, then {np.mean(rule.large[0]):.2f}"
        )
        line = diagonal(grid, best_ratio(grid))
        at = np.array([sizes[i] for i, _ in line])
        for kind, name in enumerate(KINDS):
            rows = np.stack([grid.errors[i, j, kind] for i, j in line], axis=1)
            band(errors, at, 100 * rows, color=_COLORS[name], label=name)
        errors.set(ylabel="validation error in %", ylim=(5, 100), yscale="log")
        plain_log(errors.yaxis)
        errors.set_title(
            f"error along the linear rule,\nrate = b / {1 / best_ratio(grid):g}"
        )
        for one in (ax, errors):
            one.set(xlabel="batch size")
            sizes_on(one, sizes)
        legend_above(fig)


def _draw_growth(growth: Growth, stem: Path) -> None:
    """Falling rate and growing batch against epochs and against steps."""
    colors = {"constant": GREY, "decay": BLUE, "growth": ORANGE}
    names = {
        "constant": "neither",
        "decay": f"rate / {FACTOR}",
        "growth": f"batch x {FACTOR}",
    }
    with figure(stem, 1, 2, size=(9.6, 4.6), sharey=True) as (fig, axes):
        for kind, color in colors.items():
            rows = growth.curves[kind]
            epochs = np.arange(1, rows.shape[1] + 1)
            steps = epochs * EXAMPLES // FIRST_SIZE
            if kind == "growth":
                third = len(epochs) // 3
                steps = np.cumsum(
                    np.repeat(EXAMPLES // (FIRST_SIZE * FACTOR ** np.arange(3)), third)
                )
            for ax, x in zip(axes, (epochs, steps), strict=True):
                band(ax, x, rows, color=color, label=names[kind])
        axes[0].set(xlabel="epoch", ylabel="training loss", yscale="log")
        axes[1].set(xlabel="step")
        plain_log(axes[0].yaxis)
        apart = (growth.curves["growth"] / growth.curves["decay"] - 1).mean()
        axes[0].set_title(f"both alike: {100 * apart:+.1f} % on average")
        few, many = growth.steps["growth"], growth.steps["decay"]
        axes[1].set_title(f"in {few:,} steps of {many:,}")
        legend_above(fig)


def _draw_plateau(listening: Listening, stem: Path) -> None:
    """The loss where the rate listens to it, and the rate."""
    epochs = np.arange(1, listening.curves.shape[-1] + 1)
    with figure(
        stem, 2, 1, size=(8.0, 5.4), sharex=True, gridspec_kw={"height_ratios": [3, 1]}
    ) as (fig, (ax, below)):
        band(ax, epochs, listening.curves[0], color=GREY, label="constant rate")
        for i, (curve, rates) in enumerate(
            zip(listening.curves[1], listening.rates[1], strict=True)
        ):
            style = {"color": GREEN, "alpha": 0.9 if i == 0 else 0.25}
            style["linewidth"] = 2.2 if i == 0 else 1.0
            label = "falls on a plateau, one line a seed" if i == 0 else None
            ax.plot(epochs, curve, label=label, **style)
            # That of the epoch, not that at its end.
            used = np.append(FIRST_RATE, rates[:-1])
            below.step(epochs, used, where="mid", **style)
        ax.set(ylabel="training loss", yscale="log")
        below.set(xlabel="epoch", ylabel="rate", yscale="log")
        plain_log(ax.yaxis)
        below.set_ylim(0.5 * listening.rates.min(), 2 * FIRST_RATE)
        more = falls(listening)
        if len(more):
            one = mean_interval(more)
            ax.set_title(
                f"the first fall of the rate takes "
                f"{-100 * one.mean:.0f} % off the loss at once"
            )
        legend_above(fig)


def sizes_on(ax: Axes, sizes: np.ndarray) -> None:
    """A logarithmic axis of batch sizes."""
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(size) for size in sizes], minor=False)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
