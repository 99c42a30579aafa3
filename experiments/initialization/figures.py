"""The figures of the initialization experiment."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from experiments.initialization.deep import STARTS, Kind, Trained
from experiments.initialization.kinds import ACTIVATIONS
from experiments.initialization.shattering import (
    ANGLES,
    NEAR,
    Shattering,
    expected,
    near,
)
from experiments.initialization.signals import Signals, factor
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    YELLOW,
    band,
    figure,
    legend_above,
)
from jaxnet.statistics import mean_interval

_SHOWN = {
    "0.01 randn": GREY,
    "PyTorch default": YELLOW,
    "Xavier": BLUE,
    "orthogonal": SKY,
    "He": GREEN,
    "randn": ORANGE,
}

_HELPS = {
    "plain": (GREY, "o"),
    "batch norm": (ORANGE, "s"),
    "skip": (SKY, "^"),
    "both": (BLUE, "D"),
}


def draw(
    depths: tuple[int, ...],
    signals: Signals,
    shattering: Shattering,
    trained: dict[Kind, Trained],
    out: Path,
) -> list[Path]:
    """Signals by depth, shattered gradients, and trained nets."""
    _draw_signals(signals, out / "signals")
    _draw_shattering(shattering, out / "shattering")
    _draw_trained(depths, trained, out / "training")
    names = ("signals", "shattering", "training")
    return [out / f"{name}.png" for name in names]


def _draw_signals(signals: Signals, stem: Path) -> None:
    """One column for each activation: what goes forwards, what comes back."""
    size = (11.0, 6.2)
    with figure(stem, 2, 4, size=size, sharex=True, sharey=True) as (fig, axes):
        for column, name in zip(axes.T, ACTIVATIONS, strict=True):
            for start, color in _SHOWN.items():
                one = signals.of(start, name)
                for ax, rows in zip(column, one[:2], strict=True):
                    _line(ax, rows, color, start)
            kept = min(_SHOWN, key=lambda start: _change(signals, start, name))
            times = factor(signals.of(kept, name).gradients).mean()
            column[0].set_title(
                f"{name}: steadiest {kept},\n{times:.2f} a layer", size=12
            )
            column[1].set_xlabel("layer")
        for ax in axes.flat:
            ax.set(yscale="log", ylim=(1e-12, 1e6))
            ax.set_yticks([1e-12, 1e-6, 1.0, 1e6])
        axes[0, 0].set_ylabel("activations (std)")
        axes[1, 0].set_ylabel("gradients (rms)")
        legend_above(fig)


def _change(signals: Signals, start: str, activation: str) -> float:
    """How far from 1 what a layer multiplies a gradient by is."""
    times = factor(signals.of(start, activation).gradients).mean()
    return abs(np.log(times)) if np.isfinite(times) and times > 0 else np.inf


def _line(ax: Axes, rows: np.ndarray, color: str, label: str) -> None:
    """The geometric mean over seeds, up to where a float32 ends."""
    layers = np.arange(1, rows.shape[1] + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.exp(np.log(rows.astype(float)).mean(axis=0))
    mean = np.where(np.isfinite(mean) & (mean > 0), mean, np.nan)
    # Xavier's and the orthogonal line are one.
    style = (0, (3, 3)) if label == "orthogonal" else "-"
    ax.plot(layers, mean, color=color, label=label, linestyle=style)


def _draw_shattering(shattering: Shattering, stem: Path) -> None:
    """Correlations over the angle, without and with skip connections."""
    colors = [SKY, BLUE, BLACK, PURPLE, GREEN]
    with figure(stem, 1, 2, size=(9.6, 4.5), sharey=True) as (fig, axes):
        kinds = (("plain", shattering.plain), ("with skips", shattering.skip))
        for ax, (text, by_depth) in zip(axes, kinds, strict=True):
            for i, (depth, rows) in enumerate(by_depth.items()):
                color = colors[i % len(colors)]
                band(ax, ANGLES[1:], rows[:, 1:], color=color, label=f"{depth} layers")
                due = expected(depth, skip=text != "plain")
                ax.plot(ANGLES[1:], due[1:], ":", color=color, linewidth=1.4)
            deepest = near([*by_depth.values()][-1]).mean()
            ax.set_title(
                f"{text}: {deepest:.2f} at {NEAR} rad, {[*by_depth][-1]} layers"
            )
            ax.set(
                xscale="log", xlabel="angle between two inputs (rad)", ylim=(-0.1, 1.02)
            )
            ax.axvline(NEAR, color=GREY, linewidth=1)
        axes[0].plot([], [], ":", color=GREY, label="theory, n → ∞")
        axes[0].set_ylabel("correlation of their gradients")
        legend_above(fig)


def _draw_trained(
    depths: tuple[int, ...], trained: dict[Kind, Trained], stem: Path
) -> None:
    """Accuracies with intervals: a panel a depth, a row an initializer."""
    size = (9.6, 4.6)
    with figure(stem, 1, len(depths), size=size, sharey=True, squeeze=False) as found:
        fig, axes = found[0], found[1][0]
        for ax, depth in zip(axes, depths, strict=True):
            for i, (help_, (color, marker)) in enumerate(_HELPS.items()):
                rows = [
                    (j + 0.16 * (1.5 - i), mean_interval(trained[kind].test))
                    for j, start in enumerate(reversed(STARTS))
                    if (kind := Kind(depth, help_, start)) in trained
                ]
                y = [place for place, _ in rows]
                means = np.array([one.mean for _, one in rows])
                half = [one.high - one.mean for _, one in rows]
                ax.errorbar(
                    means,
                    y,
                    xerr=half,
                    fmt=marker,
                    color=color,
                    label=help_,
                    markersize=7,
                )
            ax.axvline(0.1, color=BLACK, linestyle=":", linewidth=1.2)
            here = [kind for kind in trained if kind.depth == depth]
            best = max(here, key=lambda kind: trained[kind].test.mean())
            accuracy = 100 * trained[best].test.mean()
            title = f"{depth} layers: {accuracy:.0f} % with {best.help}"
            ax.set(xlim=(0, 1.02), xlabel="test accuracy", title=title)
            ax.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        axes[0].set_yticks(range(len(STARTS)), reversed(STARTS))
        legend_above(fig)
