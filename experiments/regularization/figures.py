"""The figures of the regularization experiment."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

import jaxnet
from experiments.regularization.config import Config
from experiments.regularization.seeds import SAME, UNDERFIT, Seed
from experiments.regularization.training import STRENGTHS
from experiments.regularization.weights import NEAR, Linear, kernels
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
from jaxnet.statistics import Interval, mean_interval, paired_difference

_TASKS = {
    "true": ("all labels true", "true", BLUE),
    "noisy": ("some labels wrong", "wrong", ORANGE),
}
"""By task: for the legend, in a title, and a color."""

_KINDS = {
    "l1": ("L1", "strength"),
    "l2": ("L2", "strength"),
    "dropout": ("dropout", "share of units dropped"),
    "stopping": ("stopping", "epochs trained"),
}
"""By kind: its name and that of its strength."""


def draw(
    config: Config,
    seeds: Sequence[Seed],
    rows: Sequence[dict[str, float]],
    nets: Sequence[dict[str, jaxnet.Fit]],
    linear: dict[str, Linear],
    out: Path,
) -> list[Path]:
    """Curves, strengths, weights, both kinds of decay, and what choosing gains."""
    _draw_curves(config, seeds, out / "curves")
    _draw_strengths(seeds, rows, out / "strengths")
    _draw_weights(nets, linear, out / "weights")
    _draw_decay(seeds, rows, out / "decay")
    _draw_gains(seeds, out / "gains")
    names = ("curves", "strengths", "weights", "decay", "gains")
    return [out / f"{name}.png" for name in names]


def _draw_curves(config: Config, seeds: Sequence[Seed], stem: Path) -> None:
    """Training and validation loss: too strong a penalty, and none."""
    panels = [("true", *UNDERFIT), ("true", "none", 0.0), ("noisy", "none", 0.0)]
    titles = [
        f"L2 of {UNDERFIT[1]:g}",
        "no regularization",
        f"{config.noise:.0%} of the labels wrong",
    ]
    epochs = np.arange(1, config.epochs + 1)
    with figure(stem, 1, 3, size=(10.5, 4.5), sharey=True) as (fig, axes):
        for ax, (task, kind, strength), title in zip(axes, panels, titles, strict=True):
            for part, color in (("train", BLUE), ("validation", ORANGE)):
                curves = _curves(seeds, f"{part}_loss", task, kind, strength)
                label = "training loss" if part == "train" else "validation loss"
                band(ax, epochs, curves, color=color, label=label)
            reached = _curves(seeds, "train_accuracy", task, kind, strength)[:, -1]
            word = ", underfits" if reached.mean() < 0.9 else ""
            ax.set_title(f"{title}{word}:\ntraining accuracy {reached.mean():.0%}")
            ax.set(xlabel="epoch")
        axes[0].set_ylabel("cross-entropy in nats")
        axes[0].set_yscale("log")
        plain_log(axes[0].yaxis)
        legend_above(fig)


def _curves(
    seeds: Sequence[Seed], name: str, task: str, kind: str, strength: float
) -> np.ndarray:
    return np.stack([one.studies[task].curve(name, kind, strength) for one in seeds])


def _draw_strengths(
    seeds: Sequence[Seed], rows: Sequence[dict[str, float]], stem: Path
) -> None:
    """Validation error over the strength of each kind, beside none."""
    with figure(stem, 1, 4, size=(13.0, 5.0), sharey=True) as (fig, axes):
        for ax, (kind, (name, unit)) in zip(axes, _KINDS.items(), strict=True):
            lines = [f"{name}: chosen - none, on test"]
            for task, (label, word, color) in _TASKS.items():
                _draw_kind(ax, seeds, task, kind, color, label)
                change = [row[f"{task}_{kind}_minus_none"] for row in rows]
                lines.append(f"{word}: {_points(mean_interval(change))}")
            ax.set_title("\n".join(lines), fontsize=12)
            ax.set_xlabel(unit)
        axes[0].set_ylabel("validation error in %")
        axes[0].set_ylim(0, 40)
        epochs = STRENGTHS["stopping"]
        axes[3].set_xscale("log", base=2)
        axes[3].set_xticks(epochs, [f"{x:g}" for x in epochs])
        legend_above(fig)


def _draw_kind(
    ax: Axes, seeds: Sequence[Seed], task: str, kind: str, color: str, label: str
) -> None:
    strengths = np.array(STRENGTHS[kind])
    errors = np.stack([one.studies[task].errors(kind) for one in seeds])
    none = np.concatenate([one.studies[task].errors("none") for one in seeds])
    band(ax, strengths, errors, color=color, label=label)
    ax.axhline(
        none.mean(), color=color, linestyle="--", linewidth=1.4, label=f"{label}, none"
    )
    if kind in ("l1", "l2"):
        ax.set_xscale("log")


def _points(change: Interval) -> str:
    return f"{change.mean:+.1f} ({change.low:+.1f} to {change.high:+.1f})"


def _draw_weights(
    nets: Sequence[dict[str, jaxnet.Fit]], linear: dict[str, Linear], stem: Path
) -> None:
    """The shares of weights below a size, of nets and of linear classifiers."""
    of_nets = {
        name: np.concatenate([np.abs(kernels(fits[kind])) for fits in nets])
        for kind, name in (("none", "none"), ("l2", "L2"), ("l1", "L1"))
    }
    of_linear = {name: np.abs(one.kernels).ravel() for name, one in linear.items()}
    colors = {"none": GREY, "L2": BLUE, "L1": ORANGE, "L1, proximal": GREEN}
    with figure(stem, 1, 2, size=(10.0, 4.6), sharey=True) as (fig, axes):
        for ax, found in zip(axes, (of_nets, of_linear), strict=True):
            for name, sizes in found.items():
                sizes = np.sort(sizes)
                share = 100.0 * np.arange(1, len(sizes) + 1) / len(sizes)
                ax.plot(np.maximum(sizes, 1e-5), share, color=colors[name], label=name)
            ax.axvline(NEAR, color=BLACK, linewidth=1, linestyle=":")
            ax.set(xscale="log", xlim=(1e-5, 3.0), xlabel="size of a weight, |w|")
        near = {k: 100.0 * np.mean(v < NEAR) for k, v in of_nets.items()}
        zero = {k: 100.0 * np.mean(v == 0.0) for k, v in of_linear.items()}
        axes[0].set_title(
            f"net: {near['L1']:.0f} % of the weights below {NEAR:g}\n"
            f"with L1, {near['L2']:.0f} % with L2, {near['none']:.0f} % with none"
        )
        axes[1].set_title(
            f"linear: exactly zero {zero['L1']:.0f} % by L1's\n"
            f"gradient, {zero['L1, proximal']:.0f} % by its proximal step"
        )
        axes[0].set_ylabel("share of smaller weights in %")
        legend_above(fig, list(axes))


def _draw_decay(
    seeds: Sequence[Seed], rows: Sequence[dict[str, float]], stem: Path
) -> None:
    """L2 and decoupled decay over their strengths, for momentum and for Adam."""
    panels = {
        "momentum": ("none", "l2", "decay", "decay_minus_l2"),
        "adam": ("adam", "adam_l2", "adam_decay", "adam_decay_minus_adam_l2"),
    }
    with figure(stem, 1, 2, size=(10.0, 4.8), sharey=True) as (fig, axes):
        for ax, (rule, (none, penalty, decay, name)) in zip(
            axes, panels.items(), strict=True
        ):
            for kind, label, color in (
                (penalty, "L2 penalty", BLUE),
                (decay, "decoupled decay", ORANGE),
            ):
                errors = np.stack([one.studies["noisy"].errors(kind) for one in seeds])
                band(ax, np.array(STRENGTHS[kind]), errors, color=color, label=label)
            error = np.mean([one.studies["noisy"].errors(none) for one in seeds])
            ax.axhline(error, color=GREY, linestyle="--", label="none")
            same, best = (
                mean_interval([row[f"noisy_{rule}_{name}{end}"] for row in rows])
                for end in (f"_at_{SAME:g}", "")
            )
            ax.set_title(
                f"{rule.capitalize()}, decay - L2 in points:\n"
                f"both at {SAME:g}: {_points(same)}\neach at its best: {_points(best)}"
            )
            ax.set(xscale="log", xlabel="strength")
        axes[0].set_ylabel("validation error in %")
        axes[0].set_ylim(0, 40)
        legend_above(fig)


def _draw_gains(seeds: Sequence[Seed], stem: Path) -> None:
    """What the best of so many settings seems to gain, and what it gains."""
    seemed, gained = np.stack([one.gains for one in seeds], axis=1)
    tried = np.arange(1, seemed.shape[1] + 1)
    difference = paired_difference(seemed[:, -1], gained[:, -1])
    with figure(stem) as (fig, ax):
        label = "on the digits it was chosen by"
        band(ax, tried, seemed, color=ORANGE, label=label)
        band(ax, tried, gained, color=BLUE, label="on fresh digits")
        ax.axhline(0.0, color=GREY, linewidth=1)
        ax.set(xlabel="settings tried", ylabel="gain over none, points")
        # The best of few drawn at random is mostly far worse than none.
        ax.set_ylim(-1.5, None)
        ax.set_title(
            f"the best of {len(tried)} settings seems better than it is:\n"
            f"{_points(difference)} points"
        )
        legend_above(fig)
