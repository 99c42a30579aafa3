"""Few digits to learn from, fewer, and more; and many to see what was learned.

A seed has its own training, validation and test set, so that intervals over seeds
speak of other data as well as of other weights.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import jaxnet
from experiments.augmentation.config import Config
from jaxnet.types import Batch

VALIDATION = 200
"""Digits to choose by."""

DIGITS = 1797

MORE = 4
"""The largest training set is so many times the one that was asked for."""

FEWER = 3
"""The smallest is this part of it."""


class Problem(NamedTuple):
    """The digits of one seed, each part as ``(images, labels)``.

    Attributes:
      train: by size. All have as many rows, since those of smaller sets are repeated:
        an epoch is as many steps for each, and one program serves all.
      validation: to choose by.
      test: all other digits.
    """

    train: dict[int, Batch]
    validation: Batch
    test: Batch


def sizes(config: Config) -> tuple[int, int, int]:
    """How many digits there are in the training sets, each with those before it.

    To within a few, since each of the ten digits has its share.
    """
    return config.examples // FEWER, config.examples, MORE * config.examples


def load(config: Config, seed: int) -> Problem:
    """The split of a seed, with as many of each digit in every part."""
    images, labels = load_digits(return_X_y=True)
    shaped = np.asarray(images, np.float32).reshape(-1, 8, 8) / 16
    data = shaped, np.asarray(labels, np.int32)
    few, some, many = sizes(config)
    shares = np.array([few, some - few, many - some, VALIDATION]) / DIGITS
    fractions = (*shares.tolist(), 1.0 - float(shares.sum()))
    key = jax.random.key(seed)
    *parts, validation, test = jaxnet.split(data, key, fractions, stratify=data[1])
    train = {}
    for count, size in enumerate(sizes(config), start=1):
        x, y = (np.concatenate(a) for a in zip(*parts[:count], strict=True))
        rows = np.resize(np.arange(len(y)), many)
        train[size] = jnp.asarray(x[rows]), jnp.asarray(y[rows])
    return Problem(train, *jax.tree.map(jnp.asarray, (validation, test)))
