"""A case: contestants that do the same work, and what we expect of ours."""

import math
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

PRODUCTS = "matrix products alone"
"""The contestant that has the machine's limit for computing, where a case has it."""


PLATFORMS = "JAX_PLATFORMS"
"""The environment variable that says what contestants train on, "cpu" or "gpu"."""


def torch_device() -> str:
    """Where PyTorch trains: on a GPU if JAX does, and PyTorch was built for it."""
    import torch

    wanted = os.environ.get(PLATFORMS) == "gpu"
    return "cuda" if wanted and torch.cuda.is_available() else "cpu"


class Turn(NamedTuple):
    """What a contestant measures in one turn.

    Attributes:
      value: in the unit of its case; less is better.
      score: how good what it made is, such as an accuracy; more is better.
    """

    value: float
    score: float = math.nan


Measure = Callable[[], float | Turn]


class Case(NamedTuple):
    """What is measured, and by whom.

    Attributes:
      unit: of what contestants measure, less of which is better.
      contestants: functions by name, the first of them ours. Each prepares itself,
        and returns the function that measures.
      targets: for some of the others the largest ratio of our measurement to theirs
        that the project allows itself.
      score: what the score of a turn is, "" if the case has none.
      enough: the least score that every turn should have; None if ours should only
        be no lower than theirs.
      rounds: at most, of what takes long.
      warm_up: whether each has a turn before the first that counts. What runs in a
        new process every time needs none.
    """

    unit: str
    contestants: Mapping[str, Callable[[], Measure]]
    targets: Mapping[str, float]
    score: str = ""
    enough: float | None = None
    rounds: int = 100
    warm_up: bool = True
