"""One look for all figures: large enough for a slide, safe for colour-blind eyes.

    with figure(out / "loss") as (fig, ax):
        ax.plot(steps, loss, color=BLUE, label="training")
        ax.set(xlabel="gradient step", ylabel="mean squared error")
        legend_above(fig)

writes ``loss.png`` and ``loss.svg``. Nothing goes through pyplot, so no backend is
chosen, no figure stays open, and the style ends with the block.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from jaxnet.statistics import mean_interval

# Okabe & Ito's palette, told apart with every common kind of colour blindness.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, YELLOW = "#CC79A7", "#56B4E9", "#E69F00"
BLACK, GREY = "#222222", "#888888"

STYLE: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "legend.fontsize": 12,
    "savefig.dpi": 160,
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxnet",  # The same figure is the same file, byte for byte.
}


@contextmanager
def figure(
    stem: Path,
    rows: int = 1,
    columns: int = 1,
    *,
    size: tuple[float, float] = (8.0, 4.5),
    **subplots: Any,
) -> Iterator[tuple[Figure, Any]]:
    """A figure that is saved as ``stem.png`` and ``stem.svg`` when the block ends.

    Args:
      stem: the path without an ending.
      rows: of axes.
      columns: of axes.
      size: width and height in inches; by default 16:9.
      **subplots: for ``Figure.subplots``, such as ``sharey=True``.

    Yields:
      The figure, and its axes: one, or an array of them.
    """
    with matplotlib.rc_context(STYLE):
        fig = Figure(figsize=size, layout="constrained")
        yield fig, fig.subplots(rows, columns, **subplots)
        fig.savefig(stem.with_suffix(".png"))
        fig.savefig(stem.with_suffix(".svg"), metadata={"Date": None})


def band(ax: Axes, x: np.ndarray, rows: np.ndarray, *, color: str, label: str) -> None:
    """Draws the mean over seeds, and its 95 % interval as a band.

    Args:
      ax: where.
      x: (points,).
      rows: (seeds, points); for a single seed there is no band.
      color: of line and band.
      label: for the legend.
    """
    mean, low, high = np.transpose([mean_interval(column) for column in rows.T])
    marker = "o" if len(x) == 1 else None  # A line with one point is not seen.
    ax.plot(x, mean, color=color, label=label, marker=marker)
    if len(rows) > 1:
        ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)


def legend_above(fig: Figure, axes: Sequence[Axes] | None = None) -> None:
    """One legend for the whole figure, above it, where it covers no data.

    Args:
      fig: the figure.
      axes: whose labels to show; those of the first by default.
    """
    shown: dict[str, Any] = {}
    for ax in fig.axes[:1] if axes is None else axes:
        handles, labels = ax.get_legend_handles_labels()
        shown |= dict(zip(labels, handles, strict=True))
    fig.legend(
        list(shown.values()),
        list(shown),
        loc="outside upper left",
        ncols=len(shown),
        columnspacing=1.4,
        handlelength=1.6,
    )


def plain_log(axis: Axis) -> None:
    """Labels a logarithmic axis with 0.1, 0.2, 0.5, 1 in place of powers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
