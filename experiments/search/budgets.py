"""Grid, random and Sobol search: the best that each finds with a number of trials."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from jaxnet import search
from jaxnet.search.samplers import Setting
from jaxnet.search.space import Space

SAMPLERS = {"grid": search.grid, "random": search.random, "sobol": search.sobol}


class Tried:
    """The settings that all three try with every budget.

    A grid is laid out for its budget, so each has one of its own; the others go on
    where they were with a smaller one.

    Attributes:
      settings: of all budgets and samplers together.
      budgets: from 1 to the largest.
    """

    def __init__(self, space: Space, budgets: list[int], key: jax.Array):
        self.budgets = budgets
        self.settings: list[Setting] = []
        self._rows: dict[str, list[np.ndarray]] = {}
        grids = [search.grid(space, budget, key) for budget in budgets]
        self._rows["grid"] = [self._add(grid) for grid in grids]
        for i, name in enumerate(("random", "sobol")):
            own = jax.random.fold_in(key, i)
            rows = self._add(SAMPLERS[name](space, budgets[-1], own))
            self._rows[name] = [rows[:budget] for budget in budgets]

    def best(self, scores: Float[np.ndarray, " settings"]) -> dict[str, np.ndarray]:
        """The lowest score with each budget, by sampler, each (budgets,)."""
        return {
            name: np.array([scores[one].min() for one in rows])
            for name, rows in self._rows.items()
        }

    def rows(self, name: str) -> np.ndarray:
        """The places of what a sampler tries with the largest budget."""
        return self._rows[name][-1]

    def _add(self, settings: list[Setting]) -> np.ndarray:
        first = len(self.settings)
        self.settings += settings
        return np.arange(first, len(self.settings))


def squares(largest: int) -> list[int]:
    """Budgets of which grids in two dimensions make the most: 1, 4, 9, 16, ..."""
    return [i * i for i in range(1, math.isqrt(largest) + 1)]


def repeat(one: Callable[[int], dict[str, np.ndarray]], seeds: range) -> dict[str, Any]:
    """What each sampler found in each repeat, by sampler, each (seeds, budgets)."""
    found = [one(seed) for seed in seeds]
    return {name: np.stack([row[name] for row in found]) for name in SAMPLERS}
