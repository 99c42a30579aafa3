"""The figures of the net: what each learning rate did, and what matters most."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from experiments.learning_rate.ladder import NOISE, Ladder
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    YELLOW,
    band,
    figure,
    plain_log,
)
from jaxnet.statistics import mean_interval

_COLORS = {"low": BLUE, "good": GREEN, "high": PURPLE, "very high": ORANGE}

_TOP = 10.0
"""The largest loss that is shown: above the spike of a rate that just holds."""


def draw_ladder(ladder: Ladder, stem: Path) -> None:
    """The four curves of CS231n's figure, and where each rate ends."""
    with figure(stem, 1, 2, size=(12.0, 5.0), sharey=True) as (_, axes):
        _draw_curves(axes[0], ladder)
        _draw_ends(axes[1], ladder)
        plain_log(axes[0].yaxis)


def _draw_curves(ax: Axes, ladder: Ladder) -> None:
    epochs = np.arange(ladder.train.shape[-1] + 1)
    for name, row in ladder.rungs.items():
        color, label = _COLORS[name], f"{name} {ladder.rates[row]:.2g}"
        first = ladder.first[:, None]
        rows = np.concatenate([first, ladder.train[row]], axis=1)
        if np.isfinite(rows).all():
            band(ax, epochs, rows, color=color, label=label)
            continue
        # A run that diverges leaves through the top, most in the first epoch.
        ends = [(0, first.mean()), (0.01 * len(epochs), _TOP)]
        ax.plot(*np.transpose(ends), color=color, label=label)
        gone = ladder.diverged[row]
        middle = np.median(gone[gone > 0]) if (gone > 0).any() else 0
        ax.annotate(
            f"not finite after step {middle:.0f}",
            ends[1],
            xytext=(8, -4),
            textcoords="offset points",
            va="top",
            color=color,
        )
    good, high = (
        mean_interval(ladder.train[ladder.rungs[name], :, -1])
        for name in ("good", "high")
    )
    ax.set(
        xlabel="epoch",
        ylabel="training loss",
        yscale="log",
        ylim=(0.05, _TOP),
        title=f"at the end: good {good.mean:.3f}, high {high.mean:.3f}",
    )
    ax.legend(loc="upper right", bbox_to_anchor=(1.0, 0.88))


def _draw_ends(ax: Axes, ladder: Ladder) -> None:
    """The final loss of each rate; crosses at the top where every run diverged."""
    last = ladder.train[..., -1]
    finite = np.asarray(np.isfinite(last).all(axis=1))
    ends = np.array([mean_interval(row) for row in last[finite]])
    mean, low, high = ends.T
    ax.fill_between(ladder.rates[finite], low, high, color=BLACK, alpha=0.15)
    ax.plot(ladder.rates[finite], mean, color=BLACK, linewidth=1.5, zorder=1)
    for name, row in ladder.rungs.items():
        if finite[row]:
            x, y = ladder.rates[row], last[row].mean()
            ax.plot(x, y, "o", color=_COLORS[name], markersize=11)
    gone = ladder.diverged > 0
    all_ = gone.all(axis=1)
    some = gone.any(axis=1) & ~all_
    for rows, color, sign, label in (
        (some, YELLOW, "+", "some"),
        (all_, ORANGE, "x", "all"),
    ):
        height = np.full(rows.sum(), 0.8 * _TOP)
        cross = {"color": color, "markersize": 9, "label": f"{label} runs diverge"}
        ax.plot(ladder.rates[rows], height, sign, **cross)
    ax.axhline(NOISE**2, color=GREY, linestyle="--", label="noise variance")
    bound = mean_interval(2.0 / ladder.curvature)
    ax.axvspan(bound.low, bound.high, color=ORANGE, alpha=0.25, linewidth=0)
    ax.axvline(bound.mean, color=ORANGE, linestyle=":", label="2 / curvature at start")
    first = float(ladder.rates[int(all_.argmax())])
    ax.set(
        xlabel="learning rate",
        xscale="log",
        title=f"from {first:.2g} on every run diverges",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(0.02, 0.88))


def draw_importance(shares: dict[str, np.ndarray], stem: Path) -> None:
    """The share of the variance that each hyperparameter explains."""
    intervals = {name: mean_interval(values) for name, values in shares.items()}
    names = sorted(shares, key=lambda name: intervals[name].mean)
    most = names[-1].replace("_", " ")
    with figure(stem, size=(8.0, 4.2)) as (_, ax):
        for i, name in enumerate(names):
            mean, low, high = intervals[name]
            color = ORANGE if name == "learning_rate" else BLUE
            ax.barh(i, mean, color=color, height=0.6)
            ends = np.array([[mean - low], [high - mean]])
            ax.errorbar(mean, i, xerr=ends, color=BLACK, capsize=5, linewidth=1.5)
        ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        ax.axvline(0.0, color=BLACK, linewidth=1)
        ax.set(
            xlabel="share of the final loss's variance that it explains alone",
            xlim=(-0.05, 1.0),
            title=f"the {most} explains most: {100 * intervals[names[-1]].mean:.0f} %",
        )
        ax.grid(axis="y", visible=False)
