"""The figures of the newsgroups experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxnet.figures import BLUE, ORANGE, band, figure, legend_above


def draw_confusion(confusion: np.ndarray, names: Sequence[str], stem: Path) -> Path:
    """The share of each group's posts that was taken for each group."""
    posts = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    share = confusion / posts
    with figure(stem, size=(10.5, 9.5)) as (fig, ax):
        image = ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
        ticks = range(len(names))
        ax.set_xticks(ticks, names, rotation=60, ha="right", rotation_mode="anchor")
        ax.set_yticks(ticks, names)
        ax.tick_params(labelsize=10)
        ax.grid(visible=False)
        for i, j in zip(*np.nonzero(share >= 0.03), strict=True):
            color = "white" if share[i, j] > 0.5 else "black"
            text = f"{100 * share[i, j]:.0f}"
            ax.text(j, i, text, ha="center", va="center", color=color, fontsize=9)
        ax.set(xlabel="taken for", ylabel="group of the post")
        bar = fig.colorbar(image, ax=ax, shrink=0.6)
        bar.set_label("share of the group's test posts")
    return stem.with_suffix(".png")


def draw_curves(histories: Sequence[Mapping[str, np.ndarray]], stem: Path) -> Path:
    """Loss and accuracy of training and validation posts, over the epochs."""
    epochs = histories[0]["epoch"]
    with figure(stem, 1, 2, size=(10.0, 4.5)) as (fig, axes):
        for ax, (name, label) in zip(
            axes, (("loss", "cross-entropy"), ("accuracy", "accuracy")), strict=True
        ):
            for part, color in (("train", BLUE), ("validation", ORANGE)):
                rows = np.array([history[f"{part}_{name}"] for history in histories])
                label_of = {"train": "training", "validation": "validation"}[part]
                band(ax, epochs, rows, color=color, label=label_of)
            ax.set(xlabel="epoch", ylabel=label)
        legend_above(fig)
    return stem.with_suffix(".png")
