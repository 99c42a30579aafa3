"""The figures of the two-layer experiment."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from experiments.two_layer.devices import OnDevice
from experiments.two_layer.staging import WAYS, Change, Timing
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    band,
    figure,
    legend_above,
    plain_log,
)

_COLORS: dict[str, str] = {"eager": ORANGE, "jit": BLUE, "scan": GREEN}


def draw(
    pytorch: np.ndarray,
    keras: np.ndarray,
    timings: Sequence[Timing],
    change: Change,
    on_devices: Sequence[OnDevice],
    out: Path,
) -> list[Path]:
    """Loss curves, what a step costs, and when compiling pays."""
    _draw_losses(pytorch, keras, out / "loss")
    _draw_steps(timings, on_devices, out / "steps")
    _draw_change(change, out / "compiling")
    return [out / f"{name}.png" for name in ("loss", "steps", "compiling")]


def _draw_losses(pytorch: np.ndarray, keras: np.ndarray, stem: Path) -> None:
    with figure(stem, 1, 2, size=(11.0, 4.6)) as (_, axes):
        left, right = axes
        # Over orders, the mean that tells is that of the logarithms.
        powers = np.log10(pytorch)
        band(left, np.arange(powers.shape[1]), powers, color=BLUE, label="Adam")
        left.yaxis.set_major_formatter("$10^{{{x:.0f}}}$")
        ends = 10.0 ** powers.mean(axis=0)[[0, -1]]
        left.set_title(f"PyTorch's: from {_number(ends[0])} to {_number(ends[1])}")
        left.set_xlabel("step of Adam")
        steps = np.arange(keras.shape[1])
        band(right, steps, keras, color=PURPLE, label="gradient descent")
        ends = keras.mean(axis=0)[[0, -1]]
        right.set_title(f"Keras's: from {_number(ends[0])} to {_number(ends[1])}")
        right.set(xlabel="step of gradient descent", ylim=(0.0, 1.1 * keras.max()))
        for ax in axes:
            ax.set_ylabel("mean squared error")


def _number(value: float) -> str:
    """A number for a title: 0.88, or a power of ten."""
    if value >= 1e-3:
        return f"{value:.2g}"
    power = int(np.floor(np.log10(value)))
    return f"{value / 10.0**power:.1f} · $10^{{{power}}}$"


def _draw_steps(
    timings: Sequence[Timing], on_devices: Sequence[OnDevice], stem: Path
) -> None:
    """The step in three ways, and on each kind of device, for each width."""
    names = list(dict.fromkeys(one.name for one in on_devices))
    widths = [timing.width for timing in timings]
    with figure(stem, 1, 2, size=(11.0, 4.8), sharey=True) as (_, axes):
        for i, way in enumerate(WAYS):
            rows = [1e3 * timing.step[way] for timing in timings]
            _marks(axes[0], i, len(WAYS), rows, _COLORS[way], way)
        for i, name in enumerate(names):
            rows = [1e3 * one.step for one in on_devices if one.name == name]
            color = (BLACK, SKY, PURPLE)[i % 3]
            _marks(axes[1], i, len(names), rows, color, name)
        ratio = np.median(timings[0].ratios("eager", "scan"))
        axes[0].set_title(f"{widths[0]} units: a loop is {ratio:.0f} times faster")
        axes[1].set_title(f"scan on {' and '.join(names)}")
        axes[0].set(ylabel="milliseconds a step", yscale="log")
        low, high = axes[0].get_ylim()
        axes[0].set_ylim(0.5 * low, 4.0 * high)
        plain_log(axes[0].yaxis)
        for ax in axes:
            ax.set_xticks(range(len(widths)), [f"{width:,}" for width in widths])
            ax.set_xlabel("hidden units")
            ax.grid(axis="x", visible=False)
            ax.set_xlim(-0.5, len(widths) - 0.3)
            ax.legend(loc="upper left", ncols=3)


def _marks(
    ax: Axes, i: int, count: int, rows: Sequence[np.ndarray], color: str, label: str
) -> None:
    """One mark for each width: the median, with the range of the rounds."""
    share = 0.8 / count
    x = np.arange(len(rows)) + (i - (count - 1) / 2) * share
    medians = np.array([np.median(row) for row in rows])
    ends = [
        [m - row.min() for m, row in zip(medians, rows, strict=True)],
        [row.max() - m for m, row in zip(medians, rows, strict=True)],
    ]
    mark = {"fmt": "o", "markersize": 10, "capsize": 5, "linewidth": 1.6}
    ax.errorbar(x, medians, ends, color=color, label=label, **mark)
    for at, median in zip(x, medians, strict=True):
        ax.annotate(
            f"{median:.2g}",
            (at, median),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
        )


def _draw_change(change: Change, stem: Path) -> None:
    """Seconds after a change of the program, over the steps that it then takes."""
    pays = change.pays_after()
    steps = np.geomspace(1, max(1000.0, 10 * pays if np.isfinite(pays) else 0), 100)
    with figure(stem) as (fig, ax):
        for way, label in (("eager", "eager, dynamic"), ("jit", "jit, static")):
            totals, color = change.totals(way, steps), _COLORS[way]
            ax.plot(steps, np.median(totals, axis=0), color=color, label=label)
            ends = totals.min(axis=0), totals.max(axis=0)
            ax.fill_between(steps, *ends, color=color, alpha=0.2, linewidth=0)
        title = "compiling never pays here"
        if np.isfinite(pays):
            ax.axvline(pays, color=BLACK, linestyle=":")
            title = f"compiling pays after {pays:.0f} steps"
        ax.set(
            xlabel="steps after a change of the program",
            ylabel=f"seconds, range of {len(change.first)} rounds",
            xscale="log",
            yscale="log",
            title=f"{change.width} units: {title}",
        )
        plain_log(ax.xaxis)
        plain_log(ax.yaxis)
        legend_above(fig)
