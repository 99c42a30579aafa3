"""Batches that grow in place of a learning rate that falls, with the same noise."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

import jaxnet
from experiments.batch_size.config import EXAMPLES, Config
from experiments.batch_size.problem import Data, task
from jaxnet.schedules import steps
from jaxnet.types import Hypers

FIRST_RATE, FIRST_SIZE = 0.5, 16
"""Twice the best rate of the grid: fast at first, and noisy."""

FACTOR = 4
"""What the rate is divided by, or the batch multiplied, after each third."""

CONSTANT = ("constant", "constant / 4", "constant / 16")
KINDS = (*CONSTANT, "decay", "growth")


class Growth(NamedTuple):
    """All runs. Axes: seeds, then epochs; by kind.

    Attributes:
      curves: the training loss in each epoch.
      losses: on validation data after each epoch.
      errors: the share of wrong answers there.
      steps: how many were taken, one number for each kind.
      seconds: of the sweep, by phase.
    """

    curves: dict[str, Float[np.ndarray, "seeds epochs"]]
    losses: dict[str, Float[np.ndarray, "seeds epochs"]]
    errors: dict[str, Float[np.ndarray, "seeds epochs"]]
    steps: dict[str, int]
    seconds: dict[str, float]


def batch_sizes(epochs: int) -> dict[int, int]:
    """From which epoch on batches are how large, where they grow."""
    third = epochs // 3
    return {i * third: FIRST_SIZE * FACTOR**i for i in range(3)}


def build(h: Hypers) -> jaxnet.Task:
    """The net of a setting. Schedules of the rate count steps, those of sizes epochs.

    Args:
      h: "learning_rate", "factor" that it is multiplied by after each third, "grows",
        "epochs".
    """
    an_epoch = EXAMPLES // FIRST_SIZE
    sizes = batch_sizes(h["epochs"])
    boundaries = [an_epoch * first for first in sizes if first]
    rate = steps(h["learning_rate"], boundaries, h["factor"])
    if h["grows"]:
        return task(h["learning_rate"] * h["factor"], sizes)
    return task(rate, FIRST_SIZE)


def run_growth(config: Config, data: Data, *, progress: bool = False) -> Growth:
    """Trains all kinds for every seed."""
    common: dict[str, Any] = {
        "learning_rate": FIRST_RATE,
        "factor": 1.0,
        "grows": False,
        "epochs": config.long_epochs,
    }
    changes = [{"learning_rate": FIRST_RATE / 4**i} for i in range(len(CONSTANT))]
    changes += [{"factor": 1 / FACTOR}, {"grows": True}]
    swept = jaxnet.sweep(
        build,
        [common | change for change in changes],
        data.train,
        data.validation,
        key=jax.random.key(config.seed),
        epochs=config.long_epochs,
        seeds=config.seeds,
        devices=config.devices or None,
        chunk=config.chunk or "auto",
        progress=progress,
    )

    def by_kind(name: str) -> dict[str, np.ndarray]:
        rows = swept.runs.curves[name].reshape(len(KINDS), config.seeds, -1)
        return dict(zip(KINDS, rows, strict=True))

    counts = [np.asarray(group.state.step) for group in swept.runs.stacks]
    taken = [counts[stack][slot] for stack, slot in swept.runs.place]
    return Growth(
        by_kind("train_loss"),
        by_kind("validation_loss"),
        {name: 1 - rows for name, rows in by_kind("validation_accuracy").items()},
        dict(zip(KINDS, map(int, taken[:: config.seeds]), strict=True)),
        swept.seconds,
    )


def expected_steps(epochs: int) -> Int[np.ndarray, "2"]:
    """The steps of an unchanging and of a growing batch size, by counting."""
    sizes, third = batch_sizes(epochs).values(), epochs // 3
    growing = sum(third * (EXAMPLES // size) for size in sizes)
    return np.array([epochs * (EXAMPLES // FIRST_SIZE), growing])
