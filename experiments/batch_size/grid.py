"""Learning rates x batch sizes, with and without warm-up, as one sweep."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Int

import jaxnet
from experiments.batch_size.config import EXAMPLES, Config
from experiments.batch_size.problem import CLASSES, Data, task
from jaxnet.schedules import warm_up
from jaxnet.types import Hypers

RATES: Float[np.ndarray, " rates"] = 2.0 ** np.arange(-7, 3)

GUESSING = float(np.log(CLASSES))
"""The loss of equal probabilities: what a run that diverged is counted as."""

KINDS = ("constant", "warm-up")


class Grid(NamedTuple):
    """All runs of the grid. Axes: batch sizes, rates, kinds, seeds, then epochs.

    Attributes:
      batch_sizes: (sizes,).
      curves: the training loss in each epoch, (sizes, rates, kinds, seeds, epochs).
      losses: on validation data at the end, at most `GUESSING`.
      errors: the share of wrong answers there.
      seconds: of the sweep, by phase.
    """

    batch_sizes: Int[np.ndarray, " sizes"]
    curves: Float[np.ndarray, "sizes rates 2 seeds epochs"]
    losses: Float[np.ndarray, "sizes rates 2 seeds"]
    errors: Float[np.ndarray, "sizes rates 2 seeds"]
    seconds: dict[str, float]


def build(h: Hypers) -> jaxnet.Task:
    """The net of a setting.

    With and without warm-up is one program: the share of the climbing rate is traced.

    Args:
      h: "learning_rate", "batch_size", "climbing" (0.0 for a constant rate, 1.0 for
        warm-up), "warm_up" in epochs.
    """
    rate, climbing = h["learning_rate"], h["climbing"]
    climb = warm_up(rate, h["warm_up"] * (EXAMPLES // h["batch_size"]))

    def schedule(step: ArrayLike) -> Any:
        return climbing * climb(step) + (1.0 - climbing) * rate

    return task(schedule, h["batch_size"])


def settings_of(config: Config) -> list[dict[str, Any]]:
    """All of the grid, the last axis changing fastest."""
    return [
        {
            "batch_size": size,
            "learning_rate": float(rate),
            "climbing": climbing,
            "warm_up": config.warm_up,
        }
        for size in config.batch_sizes
        for rate in RATES
        for climbing in (0.0, 1.0)
    ]


def run_grid(config: Config, data: Data, *, progress: bool = False) -> Grid:
    """Trains all of the grid for every seed."""
    swept = jaxnet.sweep(
        build,
        settings_of(config),
        data.train,
        data.validation,
        key=jax.random.key(config.seed),
        epochs=config.epochs,
        seeds=config.seeds,
        devices=config.devices or None,
        chunk=config.chunk or "auto",
        progress=progress,
    )
    shape = (len(config.batch_sizes), len(RATES), 2, config.seeds, config.epochs)
    curves = {name: rows.reshape(shape) for name, rows in swept.runs.curves.items()}
    last = curves["validation_accuracy"][..., -1]
    return Grid(
        np.array(config.batch_sizes),
        curves["train_loss"],
        np.fmin(curves["validation_loss"][..., -1], GUESSING),
        1.0 - np.where(np.isnan(last), 1 / CLASSES, last),
        swept.seconds,
    )


def noise_scale(
    rate: Float[np.ndarray, "*shape"], batch_size: Int[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """The noise scale of plain SGD, ``g = rate (N / b - 1)``, about ``rate N / b``.

    It is how strongly a step's gradient differs from that of all examples, per unit
    of training time ``rate * steps``; with all examples in a batch it is zero.

    References:
      Smith & Le, *A Bayesian Perspective on Generalization and Stochastic Gradient
      Descent*, 2018, section 4.
    """
    return rate * (EXAMPLES / batch_size - 1.0)


def diagonal(grid: Grid, ratio: float) -> list[tuple[int, int]]:
    """The places in the grid with one ratio of rate and batch size, by batch size."""
    return [
        (i, int(j))
        for i, size in enumerate(grid.batch_sizes)
        for j in np.flatnonzero(np.isclose(RATES, ratio * size))
    ]
