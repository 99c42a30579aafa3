"""The figures of the regression experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from experiments.regression import sine
from experiments.regression.capacity import Net, best, verdict
from experiments.regression.config import Config
from jaxnet.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    band,
    figure,
    legend_above,
    plain_log,
)
from jaxnet.statistics import Interval, mean_interval

if TYPE_CHECKING:
    from experiments.regression import diabetes

_LOSSES = {
    "train_loss": ("training", BLUE),
    "validation_loss": ("validation", ORANGE),
}


def draw_sine(
    config: Config, runs: Sequence[sine.Run], nets: Sequence[Net], out: Path
) -> list[Path]:
    """The fit, loss curves, fits of all nets, and their errors over the width."""
    _draw_fit(config, runs[0], out / "fit")
    histories = [run.fit.history for run in runs]
    variance = (config.noise**2, f"noise variance, {config.noise**2:.3g}")
    ends = [history["validation_loss"][-1] for history in histories]
    seeds = "1 seed" if len(runs) == 1 else f"{len(runs)} seeds"
    title = f"{seeds}: the validation loss ends at {np.mean(ends):.3g}"
    _draw_loss(histories, variance, title, out / "loss")
    _draw_nets(config, runs[0].points, nets, out / "capacity")
    _draw_widths(config, nets, out / "width")
    return [out / f"{name}.png" for name in ("fit", "loss", "capacity", "width")]


def draw_diabetes(
    runs: Sequence["diabetes.Run"], difference: Interval, out: Path
) -> list[Path]:
    """Predictions, loss curves, and the comparison with linear models."""
    _draw_predictions(runs[0], out / "predictions")
    fit = runs[0].fit
    guess = (1.0, "predicting the mean")
    title = f"the first of {len(runs)} splits"
    _draw_loss([fit.history], guess, title, out / "loss", kept=fit.best_epoch)
    _draw_baselines(runs, difference, out / "baselines")
    return [out / f"{name}.png" for name in ("predictions", "loss", "baselines")]


def _draw_fit(config: Config, run: sine.Run, stem: Path) -> None:
    with figure(stem) as (fig, ax):
        units = "unit" if config.width == 1 else "units"
        label = f"net of {config.width} {units}, {config.steps:,} steps"
        outputs = np.asarray(run.fit.predict(sine.grid()))
        _draw_curve(ax, run.points, outputs, label)
        apart = np.sqrt(np.mean((outputs - sine.curve(sine.grid())) ** 2))
        title = f"the net is {apart:.2g} from the curve, root mean square"
        ax.set(xlabel="x", ylabel="y", title=title)
        legend_above(fig)


def _draw_curve(ax: Axes, points: sine.Points, outputs: np.ndarray, label: str) -> None:
    """The noise-free curve, what a net made of the points, and the points."""
    x = sine.grid()
    ax.plot(x, sine.curve(x), "--", color=GREY, label="sin(πx)")
    ax.plot(x, outputs, color=BLUE, label=label)
    x, y = points.train
    ax.plot(x, y, "o", color=BLACK, markersize=4, label=f"{len(x)} noisy points")
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])


def _draw_loss(
    histories: Sequence[dict[str, np.ndarray]],
    reference: tuple[float, str],
    title: str,
    stem: Path,
    *,
    kept: int | None = None,
) -> None:
    """Loss curves, with a line at the reference, a loss and its name."""
    rows = min(len(history["epoch"]) for history in histories)
    steps = histories[0]["epoch"][:rows]
    with figure(stem) as (fig, ax):
        for name, (label, color) in _LOSSES.items():
            losses = np.array([history[name][:rows] for history in histories])
            band(ax, steps, losses, color=color, label=label)
        loss, label = reference
        ax.axhline(loss, color=GREY, linestyle="--", label=label)
        if kept is not None:
            ax.axvline(kept, color=GREEN, linestyle=":", label=f"kept: step {kept}")
        ax.set(xlabel="gradient step", ylabel="mean squared error", yscale="log")
        plain_log(ax.yaxis)
        ax.set_title(title)
        legend_above(fig)


def _draw_nets(
    config: Config, points: sine.Points, nets: Sequence[Net], stem: Path
) -> None:
    """One panel for each net; of more than four widths only the outer and the best."""
    depths = sorted({net.depth for net in nets})
    widths = sorted({net.width for net in nets})
    if len(widths) > 4:
        widths = sorted({widths[0], best(nets).width, widths[-1]})
    size = (1.0 + 2.9 * len(widths), 1.3 + 2.6 * len(depths))
    shape = {"sharex": True, "sharey": True, "squeeze": False}
    with figure(stem, len(depths), len(widths), size=size, **shape) as (fig, axes):
        for net in nets:
            if net.width not in widths:
                continue
            ax = axes[depths.index(net.depth), widths.index(net.width)]
            _draw_curve(ax, points, net.outputs, "net")
            word = "best" if net is best(nets) else verdict(net, config.noise)
            title = f"{_layers(net.depth)} of {net.width}"
            ax.set_title(f"{title}: {word}" if word else title)
        # One very wild net would flatten all the others.
        y = np.asarray(points.train[1])
        axes[0, 0].set_ylim(y.min() - 0.4, y.max() + 0.4)
        fig.supxlabel("x")
        fig.supylabel("y")
        legend_above(fig)


def _draw_widths(config: Config, nets: Sequence[Net], stem: Path) -> None:
    """Training and validation loss over the width, for each depth."""
    depths = sorted({net.depth for net in nets})
    size = (2.0 + 3.5 * len(depths), 4.5)
    with figure(stem, 1, len(depths), size=size, sharey=True, squeeze=False) as (
        fig,
        axes,
    ):
        for depth, ax in zip(depths, axes[0], strict=True):
            row = sorted((n for n in nets if n.depth == depth), key=lambda n: n.width)
            widths = np.array([net.width for net in row])
            for name, (label, color) in _LOSSES.items():
                losses = np.array([getattr(net, name) for net in row]).T
                band(ax, widths, losses, color=color, label=label)
            ax.axhline(
                config.noise**2, color=GREY, linestyle="--", label="noise variance"
            )
            ax.set_xscale("log", base=2)
            ax.set_xlim(0.85 * widths[0], 1.18 * widths[-1])
            ax.set_xticks(widths, [str(width) for width in widths])
            lowest = min(row, key=lambda net: np.mean(net.validation_loss))
            title = f"{_layers(depth)}: lowest with {lowest.width}"
            ax.set(xlabel="units in each layer", title=title)
        axes[0, 0].set_ylabel("mean squared error")
        axes[0, 0].set_ylim(bottom=0.0)
        legend_above(fig)


def _layers(depth: int) -> str:
    return "1 layer" if depth == 1 else f"{depth} layers"


def _draw_predictions(run: "diabetes.Run", stem: Path) -> None:
    measured = run.patients.y.invert(run.patients.test[1])
    predicted = run.patients.y.invert(run.predicted)
    with figure(stem, size=(5.6, 5.6)) as (_, ax):
        limits = [0, 350]
        ax.plot(limits, limits, "--", color=GREY, label="perfect prediction")
        label = f"{len(measured)} patients of the test set"
        ax.plot(measured, predicted, "o", color=BLUE, alpha=0.7, label=label)
        ax.set(xlabel="progression, measured", ylabel="progression, predicted")
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        ax.legend(loc="upper left", fontsize=11)


def _draw_baselines(
    runs: Sequence["diabetes.Run"], difference: Interval, stem: Path
) -> None:
    names = {"linear_r2": "linear\nregression", "ridge_r2": "ridge", "r2": "net"}
    values = np.array([[run.metrics[name] for name in names] for run in runs])
    with figure(stem, size=(7.0, 4.8)) as (_, ax):
        ax.plot(range(3), values.T, "o-", color=GREY, alpha=0.5, linewidth=1)
        colors = (PURPLE, GREEN, BLUE)
        for i, (column, color) in enumerate(zip(values.T, colors, strict=True)):
            mean, low, high = mean_interval(column)
            ends = np.array([[mean - low], [high - mean]])
            ax.errorbar(
                i + 0.12, mean, ends, fmt="s", color=color, capsize=5, markersize=8
            )
        ax.set_xticks(range(3), list(names.values()))
        ax.set(ylabel="R² on the test set", xlim=(-0.4, 2.5))
        if len(runs) > 1:
            ends = f"{difference.low:.3f} to {difference.high:.3f}"
            ax.set_title(
                f"{len(runs)} splits, and their mean with 95 % interval\n"
                f"net - ridge: {ends}, {difference.verdict()}"
            )
