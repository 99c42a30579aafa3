"""The figures of nets for digits: one, some or all examples in a step, and the race."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from experiments.optimizers import batches, noise, race
from experiments.optimizers.found import Found
from experiments.optimizers.rules import RULES
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
    plain_log,
)
from jaxnet.statistics import Interval, mean_interval

COLORS = {
    "sgd": GREY,
    "momentum": BLUE,
    "nesterov": SKY,
    "adagrad": ORANGE,
    "adadelta": YELLOW,
    "rmsprop": GREEN,
    "adam": PURPLE,
    "amsgrad": BLACK,
}

_WAYS = {"one": ORANGE, "some": BLUE, "all": GREEN}


def draw_batches(found: Found, stem: Path) -> None:
    """The loss on three clocks, and the noise beside its formula."""
    with figure(stem, 2, 2, size=(11.0, 7.8)) as (fig, axes):
        clocks = ("epochs", "steps", "milliseconds")
        for ax, clock in zip(axes.flat, clocks, strict=False):
            _draw_clock(ax, found, clock)
        _draw_noise(axes[1, 1], found)
        legend_above(fig)


def _draw_clock(ax: Axes, found: Found, clock: str) -> None:
    first = {}
    for name, runs in found.batches.items():
        if clock == "milliseconds":
            x, until = 1e3 * runs.seconds.mean(axis=0), 1e3 * runs.seconds
        else:
            x = until = getattr(runs, clock)
        size = batches.WAYS[name].batch_size
        label = f"{size} example{'s' * (size > 1)} a step"
        _draw_losses(ax, x, runs.losses, color=_WAYS[name], label=label)
        first[size] = float(np.mean(runs.until(until)))
    winner = min(first, key=first.__getitem__)
    ax.axhline(batches.TARGET, color=BLACK, linewidth=1, linestyle=":")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=f"{clock}, one run at a time" if "milli" in clock else clock,
        ylabel="training loss",
        ylim=(0.02, 3),
        title=f"fewest {clock} to a loss of {batches.TARGET:g}: "
        f"{winner} example{'s' * (winner > 1)}",
    )
    plain_log(ax.yaxis)


def _draw_losses(
    ax: Axes, x: np.ndarray, losses: np.ndarray, *, color: str, label: str
) -> None:
    """The geometric mean over seeds with its interval, as the axis is logarithmic."""
    each = [mean_interval(column) for column in np.log(losses).T]
    mean, low, high = np.exp(np.transpose(each))
    ax.plot(x, mean, color=color, label=label)
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)


def _draw_noise(ax: Axes, found: Found) -> None:
    measured = found.noise
    line = np.geomspace(1, batches.EXAMPLES - 1, 200)
    ax.plot(line, 1 / np.sqrt(line), color=BLUE, linewidth=1.4)
    within = noise.shares(line, batches.EXAMPLES)
    ax.plot(line, within, color=ORANGE, linewidth=1.4)
    kinds = (
        ("with replacement", "replaced", BLUE, "o"),
        ("as in an epoch", "unreplaced", ORANGE, "s"),
    )
    for label, name, color, marker in kinds:
        each = [mean_interval(column) for column in getattr(measured, name).T]
        mean, low, high = np.transpose(each)
        ax.errorbar(
            measured.sizes,
            mean,
            [mean - low, high - mean],
            fmt=marker,
            color=color,
            label=label,
        )
    slope = mean_interval(measured.slopes()).mean
    ax.set(
        xscale="log",
        yscale="log",
        ylim=(0.02, 1.5),
        xlabel="examples in a batch, b",
        ylabel="noise, that of one = 1",
        title=f"gradient noise falls as $b^{{{slope:.3f}}}$; lines: formulas",
    )
    ax.legend(loc="lower left")


def draw_race(found: Found, stem: Path) -> None:
    """Training loss, what a rate costs, and the error on test data."""
    columns = {"width_ratios": [1.0, 1.0, 0.9]}
    with figure(stem, 1, 3, size=(14.0, 5.4), gridspec_kw=columns) as (fig, axes):
        _draw_training(axes[0], found)
        _draw_rates(axes[1], found)
        _draw_errors(axes[2], found)
        legend_above(fig)


def _draw_training(ax: Axes, found: Found) -> None:
    last = {}
    for i, rule in enumerate(RULES):
        curves = np.stack([split.curves[i] for split in found.splits])
        mean = curves.mean(axis=0)
        epochs = np.arange(1, len(mean) + 1)
        ax.plot(epochs, mean, color=COLORS[rule], label=rule)
        end = mean_interval(curves[:, -1])
        # Side by side, since they would cover each other.
        _draw_interval(ax, epochs[-1] + 0.3 * (i + 1), end, COLORS[rule])
        last[rule] = end.mean
    ax.set(
        yscale="log",
        xlabel="epoch",
        ylabel="training loss, each at its best rate",
        title=f"lowest at the end: {min(last, key=last.__getitem__)}",
    )
    plain_log(ax.yaxis)


def _draw_interval(ax: Axes, x: float, one: Interval, color: str) -> None:
    ax.plot([x, x], [one.low, one.high], color=color, linewidth=1.4, alpha=0.7)


def _draw_rates(ax: Axes, found: Found) -> None:
    best = []
    for i, rule in enumerate(RULES):
        losses = np.stack([split.losses[i] for split in found.splits])
        each = [mean_interval(column) for column in losses.T]
        mean = np.array([one.mean for one in each])
        rates = race.rates(rule, losses.shape[1])
        ax.plot(rates, mean, "o-", color=COLORS[rule], markersize=4)
        for rate, one in zip(rates, each, strict=True):
            _draw_interval(ax, rate, one, COLORS[rule])
        best.append(rates[np.nanargmin(mean)])
    ax.set(
        xscale="log",
        yscale="log",
        ylim=(0.1, 3),
        xlabel="learning rate",
        ylabel="validation loss",
        title=f"best rates: from {min(best):.2g} to {max(best):.2g}",
    )
    plain_log(ax.yaxis)


def _draw_errors(ax: Axes, found: Found) -> None:
    """Paired differences, since splits differ more than rules do."""
    adam = race.Runner("adam", False)
    runners = [runner for runner in race.RUNNERS if runner != adam][::-1]
    for i, runner in enumerate(runners):
        one = race.above_adam(runner, found.splits)
        ax.errorbar(
            one.mean,
            i,
            xerr=[[one.mean - one.low], [one.high - one.mean]],
            fmt="s" if runner.decays else "o",
            color=COLORS[runner.rule],
            capsize=4,
        )
    ax.axvline(0, color=COLORS["adam"], linewidth=1.4)
    ax.set_yticks(range(len(runners)), [str(runner) for runner in runners])
    error = race.row(adam, found.splits, "test_error").mean()
    better = ", ".join(race.better_than_adam(found.splits)) or "none"
    ax.set(
        xlabel=f"test error less Adam's {error:.1f} %, in %",
        title=f"error below Adam's: {better}",
    )
