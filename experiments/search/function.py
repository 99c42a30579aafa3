"""A function of low effective dimension: f(x, y) = g(x) + h(y), and h matters little.

Both are bumps whose places are drawn, x and y are in [0, 1]; the largest value is 1.
Bergstra and Bengio draw it for nine trials: a grid sees g at three places, random
trials at nine.
"""

from typing import NamedTuple

import jax
import numpy as np

from experiments.search.budgets import Tried
from jaxnet import search

SPACE = {"x": search.uniform(0.0, 1.0), "y": search.uniform(0.0, 1.0)}

SHARE, WIDTH = 0.9, 0.12
"""Of g: its part of f, and the standard deviation of its bump."""

DRAWN = 9
"""Trials of the lecture's figure."""


class Bumps(NamedTuple):
    """One such function.

    Attributes:
      x: where g is largest.
      y: where h is.
    """

    x: float
    y: float

    def g(self, x: np.ndarray) -> np.ndarray:
        """The part that matters."""
        return SHARE * np.exp(-0.5 * ((x - self.x) / WIDTH) ** 2)

    def h(self, y: np.ndarray) -> np.ndarray:
        """The part that does not."""
        return (1.0 - SHARE) * np.exp(-0.5 * ((y - self.y) / (2 * WIDTH)) ** 2)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The whole function."""
        return self.g(x) + self.h(y)


def draw(seed: int) -> Bumps:
    """The function of a seed."""
    return Bumps(*np.random.default_rng(seed).random(2).tolist())


def regret(budgets: list[int], seed: int) -> dict[str, np.ndarray]:
    """How far below 1 the best is that each sampler finds, for each budget."""
    bumps = draw(seed)
    tried = Tried(SPACE, budgets, jax.random.key(seed))
    x, y = np.array([(one["x"], one["y"]) for one in tried.settings]).T
    return tried.best(1.0 - bumps(x, y))
