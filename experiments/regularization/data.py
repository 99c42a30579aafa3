"""Few digits to learn from, and many to see what was learned.

A seed has its own training, validation and test set, so that intervals over seeds
speak of other data as well as of other weights.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import jaxnet
from experiments.regularization.config import Config
from jaxnet.types import Batch

VALIDATION = 150
"""Digits to choose by."""

DIGITS = 1797


class Problem(NamedTuple):
    """The digits of one seed, each part as ``(images, labels)``.

    Attributes:
      train: by task: with its own labels in "true", and with a share of wrong ones
        in "noisy".
      validation: to choose by; its labels are right.
      test: all other digits.
    """

    train: dict[str, Batch]
    validation: Batch
    test: Batch


TASKS = ("true", "noisy")


def load(config: Config, seed: int) -> Problem:
    """The split of a seed, with as many of each digit in every part."""
    images, labels = load_digits(return_X_y=True)
    data = np.asarray(images, np.float32) / 16, np.asarray(labels, np.int32)
    shares = np.array([config.examples, VALIDATION]) / DIGITS
    fractions = (*shares.tolist(), 1.0 - float(shares.sum()))
    key = jax.random.key(seed)
    parts = jaxnet.split(data, key, fractions, stratify=data[1])
    (x, y), validation, test = jax.tree.map(jnp.asarray, parts)
    noisy = jnp.asarray(replaced(np.asarray(y), config.noise, seed))
    return Problem({"true": (x, y), "noisy": (x, noisy)}, validation, test)


def replaced(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The labels, of which a share is another one than it was.

    Args:
      labels: 0 to 9, (examples,).
      share: rounded to whole examples.
      seed: which of them, and what they become.
    """
    generator = np.random.default_rng(seed)
    wrong = generator.permutation(len(labels))[: round(share * len(labels))]
    changed = labels.copy()
    # Another digit: one to nine further on the circle of ten.
    changed[wrong] = (labels[wrong] + generator.integers(1, 10, len(wrong))) % 10
    return changed
