"""How to set a strength: by one validation set, by cross-validation, by peeking.

The candidates are no penalty and every strength of L2. Whoever chooses reports the
score that the choice had; the test set says what it is worth.
"""

from typing import NamedTuple

import jax
import numpy as np

import jaxnet
from experiments.regularization.config import Config
from experiments.regularization.training import SETTINGS, Study, build, of_kind, setting
from jaxnet.types import Batch

FOLDS = 5

CANDIDATES = [*of_kind("none"), *of_kind("l2")]

WIDE = [one for one in SETTINGS if not one[0].startswith("adam")]
"""Every setting for momentum, among which a wide search peeks."""

ORDERS = 500
"""In which the settings of a wide search are tried."""


class Choice(NamedTuple):
    """What was chosen, and what was thought of it.

    Attributes:
      reported: error in the score that it was chosen by, in percent.
      actual: error on the test set of the net from all training data, in percent.
    """

    reported: float
    actual: float


def choose(config: Config, study: Study, train: Batch, seed: int) -> dict[str, Choice]:
    """The choice of every method on the digits of one seed.

    "split" holds out a fifth of the training data, "folds" every fifth in turn, and
    "peeking" takes a test set that is its own.
    """
    sweep = jaxnet.sweep(
        build,
        [setting(config, train, *candidate) for candidate in CANDIDATES],
        train,
        key=jax.random.fold_in(jax.random.key(seed), 2),
        epochs=config.epochs,
        folds=FOLDS,
        devices=config.devices or None,
        progress=False,
    )
    accuracy = sweep.runs.curves["validation_accuracy"][:, -1].astype(float)
    held = 100.0 * (1.0 - accuracy.reshape(len(CANDIDATES), FOLDS))
    peeked = np.array([study.error(*one) for one in CANDIDATES])
    found = {
        "split": _best(held[:, 0], CANDIDATES),
        "folds": _best(held.mean(axis=1), CANDIDATES),
        "peeking": _best(peeked, CANDIDATES),
    }
    return {
        name: Choice(error, study.on_test(*one)["error"])
        for name, (error, one) in found.items()
    }


def gains(study: Study, seed: int) -> np.ndarray:
    """What the best of so many settings gains over no regularization, in points.

    The settings of a wide search are tried in many orders, and of those tried so far
    the one with the lowest error on the peeked-at set is taken.

    Returns:
      Means over the orders, (2, settings): as it seems on the peeked-at set, and as it
      is on the test set, for 1, 2, ... settings tried.
    """
    peeked = np.array([study.error(*one) for one in WIDE])
    fresh = np.array([study.on_test(*one)["error"] for one in WIDE])
    generator = np.random.default_rng(seed)
    orders = generator.permuted(np.tile(np.arange(len(WIDE)), (ORDERS, 1)), axis=1)
    # Where the lowest error so far is, the first among equals.
    tried = peeked[orders]
    lowest = np.minimum.accumulate(tried, axis=1)
    fell = np.concatenate([np.ones((ORDERS, 1), bool), np.diff(lowest) < 0], axis=1)
    last = np.maximum.accumulate(np.where(fell, np.arange(len(WIDE))[None], 0), axis=1)
    chosen = np.take_along_axis(orders, last, axis=1)
    none = WIDE.index(("none", 0.0))
    seemed, gained = peeked[none] - lowest, fresh[none] - fresh[chosen]
    return np.stack([seemed.mean(axis=0), gained.mean(axis=0)])


def _best(
    errors: np.ndarray, candidates: list[tuple[str, float]]
) -> tuple[float, tuple[str, float]]:
    """The lowest error, and the first candidate that has it."""
    best = int(np.nanargmin(errors))
    return float(errors[best]), candidates[best]
