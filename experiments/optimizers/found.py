"""All that the experiment found, for its tables and its figures."""

from typing import NamedTuple

import numpy as np

from experiments.optimizers.adagrad import Walk
from experiments.optimizers.batches import Runs
from experiments.optimizers.contours import Race
from experiments.optimizers.noise import Noise
from experiments.optimizers.race import Split
from experiments.optimizers.reddi import Played
from experiments.optimizers.wilson import Found as Solved


class Functions(NamedTuple):
    """What came of the parts without a net.

    Attributes:
      races: by the names of `contours.SURFACES`.
      rates: learning rates of the overshoot, in units of 1 / curvature.
      overshoot: by rule, at each of these.
      same: how far the lecture's equations are from `jaxnet.optimizer`.
      conditions: condition numbers.
      shrinking: by rule, each (conditions, seeds).
      walk: of Adagrad and RMSprop.
      games: by the names of `reddi.GAMES`.
      solved: Wilson's problem, by rule.
    """

    races: dict[str, Race]
    rates: np.ndarray
    overshoot: dict[str, np.ndarray]
    same: float
    conditions: np.ndarray
    shrinking: dict[str, np.ndarray]
    walk: Walk
    games: dict[str, Played]
    solved: dict[str, Solved]


class Found(NamedTuple):
    """What came out of all parts.

    Attributes:
      batches: by the names of `batches.WAYS`.
      noise: of mini-batch gradients.
      functions: all without a net.
      splits: of the digits.
    """

    batches: dict[str, Runs]
    noise: Noise
    functions: Functions
    splits: list[Split]
