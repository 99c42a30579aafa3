"""The figures of the normalization experiment."""

from pathlib import Path

import numpy as np

from experiments.normalization.config import Config
from experiments.normalization.findings import (
    ENOUGH,
    loss_range,
    spread_over_scales,
    working_rates,
)
from experiments.normalization.inputs import RATES, Prepared
from experiments.normalization.landscape import KINDS, Landscape
from experiments.normalization.nets import PLACES, Trained
from jaxnet.figures import (
    BLUE,
    GREY,
    ORANGE,
    band,
    figure,
    legend_above,
    plain_log,
)

_PLACES = {
    "none": (GREY, "no batch norm"),
    "before": (BLUE, "before the activation"),
    "after": (ORANGE, "after it"),
}

_INPUTS = {
    "raw": (GREY, "raw inputs"),
    "norm": (ORANGE, "batch norm of raw inputs"),
    "standardized": (BLUE, "standardized inputs"),
}

_KINDS = dict(zip(KINDS, (GREY, BLUE, ORANGE), strict=True))


def draw(
    config: Config,
    prepared: dict[str, Prepared],
    trained: dict[tuple[str, float], Trained],
    seen: dict[str, Landscape],
    out: Path,
) -> list[Path]:
    """Inputs, sensitivity, speed, and the landscape."""
    _draw_inputs(prepared, out / "inputs")
    _draw_sensitivity(config, trained, out / "sensitivity")
    _draw_speed(config, trained, out / "speed")
    _draw_landscape(seen, out / "landscape")
    names = ("inputs", "sensitivity", "speed", "landscape")
    return [out / f"{name}.png" for name in names]


def _draw_inputs(prepared: dict[str, Prepared], stem: Path) -> None:
    """Validation loss over the learning rate."""
    worst = 1.0
    with figure(stem) as (fig, ax):
        for name, (color, label) in _INPUTS.items():
            losses = np.minimum(prepared[name].losses, worst)
            band(ax, np.array(RATES), losses.T, color=color, label=label)
        raw, best = (RATES[prepared[name].best] for name in ("raw", "standardized"))
        ax.set(xscale="log", yscale="log", xlabel="learning rate")
        ax.set_ylabel("validation loss")
        plain_log(ax.yaxis)
        ax.set_title(
            f"The best rate is {raw:g} on raw inputs, {best:g} on standardized"
        )
        legend_above(fig)


def _draw_sensitivity(
    config: Config, trained: dict[tuple[str, float], Trained], stem: Path
) -> None:
    """Accuracy over the learning rate, and over the scale of the weights."""
    scales = sorted((1.0, *config.scales))
    with figure(stem, 1, 2, size=(9.6, 4.5), sharey=True) as (fig, axes):
        for place, (color, label) in _PLACES.items():
            rows = trained[place, 1.0].accuracies[..., -1].T
            band(axes[0], np.array(config.rates), rows, color=color, label=label)
        for place in ("none", "before"):
            color, label = _PLACES[place]
            tested = np.stack([trained[place, scale].test for scale in scales], axis=1)
            band(axes[1], np.array(scales), tested, color=color, label=label)
        axes[0].set(xlabel="learning rate", ylabel="accuracy", ylim=(0, 1))
        axes[1].set(xlabel="scale of the first weights, 1 is He's")
        rates = [working_rates(trained[place, 1.0]).mean() for place in PLACES]
        axes[0].set_title(
            f"validation data: above {ENOUGH:g} at {rates[0]:.1f} rates\n"
            f"without batch norm, {rates[1]:.1f} before, {rates[2]:.1f} after"
        )
        spread = [
            spread_over_scales(trained, place).mean() for place in ("none", "before")
        ]
        axes[1].set_title(
            f"test data, best rate: a spread of {spread[0]:.2f}\n"
            f"without batch norm, {spread[1]:.2f} with it before"
        )
        for ax in axes:
            ax.set_xscale("log")
        legend_above(fig)


def _draw_speed(
    config: Config, trained: dict[tuple[str, float], Trained], stem: Path
) -> None:
    """Validation loss by epoch, at the best learning rate of each."""
    epochs = np.arange(1, config.epochs + 1)
    with figure(stem) as (fig, ax):
        for place, (color, label) in _PLACES.items():
            one = trained[place, 1.0]
            rate = config.rates[one.best]
            text = f"{label} ({rate:g})"
            band(ax, epochs, one.losses[one.best], color=color, label=text)
        ax.set(xlabel="epoch", ylabel="validation loss", yscale="log")
        plain_log(ax.yaxis)
        test = {place: 100 * trained[place, 1.0].test.mean() for place in PLACES}
        ax.set_title(
            f"Test accuracy {test['none']:.1f} % without batch norm, "
            f"{test['before']:.1f} % before, {test['after']:.1f} % after"
        )
        legend_above(fig)


def _draw_landscape(seen: dict[str, Landscape], stem: Path) -> None:
    """The range of the loss within a step, and how far the gradient turns."""
    with figure(stem, 1, 2, size=(9.6, 4.5)) as (fig, axes):
        for name, one in seen.items():
            color, steps = _KINDS[name], np.arange(1, one.loss.shape[1] + 1)
            low, high = one.lowest.mean(axis=0), one.highest.mean(axis=0)
            axes[0].fill_between(steps, low, high, color=color, alpha=0.45, label=name)
            axes[0].plot(steps, one.loss.mean(axis=0), color=color, linewidth=1)
            width = max(1, len(steps) // 25)
            kept = len(steps) // width * width
            means = (
                one.distance[:, :kept].reshape(len(one.loss), -1, width).mean(axis=2)
            )
            middle = steps[:kept].reshape(-1, width).mean(axis=1)
            band(axes[1], middle, means, color=color, label=name)
        axes[0].set(xlabel="gradient step", ylabel="loss, range along the gradient")
        axes[0].set(yscale="log")
        plain_log(axes[0].yaxis)
        axes[1].set(xlabel="gradient step", ylim=(0, None))
        axes[1].set_ylabel("largest change of the gradient\nin a step, over its length")
        turned = [one.distance.mean() for one in seen.values()]
        axes[1].set_title(
            f"mean {turned[0]:.1f} without batch norm,\n"
            f"{turned[1]:.1f} with it, {turned[2]:.1f} with noise as well"
        )
        ranges = [loss_range(one).mean() for one in seen.values()]
        axes[0].set_title(
            f"mean range {ranges[0]:.2f} without batch norm,\n"
            f"{ranges[1]:.2f} with it, {ranges[2]:.2f} with noise as well"
        )
        legend_above(fig)
