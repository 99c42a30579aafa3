"""The figure of noise: curves with equal noise, and how much noise there is."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from experiments.batch_size.findings import best_ratio, curves_at
from experiments.batch_size.grid import Grid
from experiments.batch_size.listening import Listening
from jaxnet.figures import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    figure,
    plain_log,
)
from jaxnet.statistics import mean_interval

_COLORS = (BLUE, GREEN, SKY, YELLOW, ORANGE, PURPLE)


def draw_noise(grid: Grid, listening: Listening, stem: Path) -> None:
    """Training curves with equal noise, and the measured noise of the gradient."""
    with figure(stem, 1, 2, size=(9.6, 4.6)) as (_, (ax, noise)):
        ratio = best_ratio(grid) / 4
        curves = curves_at(grid, ratio, 0)
        for color, (size, rows) in zip(_COLORS, curves.items(), strict=False):
            epochs = np.arange(1, rows.shape[1] + 1)
            _log_band(ax, epochs, rows, color=color, label=f"b = {size}")
        ax.set(xlabel="epoch", ylabel="training loss", yscale="log")
        plain_log(ax.yaxis)
        ax.set_title(f"equal noise: rate = b / {1 / ratio:g}")
        ax.legend()
        # Zero has no place on this axis.
        x = np.maximum(listening.times, 0.5)
        kinds = ((BLUE, "every example", 0.96), (ORANGE, "batches of 16 and 256", 1.04))
        each = zip(*listening.scales(), strict=True)
        for (color, label, shift), scales in zip(kinds, each, strict=True):
            mean, low, high = np.transpose(scales)
            bars = {"yerr": [mean - low, high - mean], "fmt": "o"}
            noise.errorbar(shift * x, mean, **bars, color=color, label=label)
        noise.set(xlabel="epochs trained", xscale="log", yscale="log")
        noise.set_ylabel("batch with noise = signal")
        noise.set_xticks(x, [str(time) for time in listening.times], minor=False)
        noise.minorticks_off()
        plain_log(noise.yaxis)
        last = listening.scales()[-1][0].mean
        noise.set_title(f"gradient noise at the end: b = {last:.0f}")
        noise.legend(loc="lower right")


def _log_band(
    ax: Axes, x: np.ndarray, rows: np.ndarray, *, color: str, label: str
) -> None:
    """The geometric mean over seeds, and its interval: both are above 0."""
    each = [mean_interval(column) for column in np.log(rows).T]
    mean, low, high = np.exp(np.transpose(each))
    ax.plot(x, mean, color=color, label=label)
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
