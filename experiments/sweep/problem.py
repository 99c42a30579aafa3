"""What a sweep is about: a `build`, its space, and data in three parts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from jaxnet.types import Batch, Hypers


class Problem(NamedTuple):
    """A problem to search good hyperparameters for.

    Attributes:
      build: hyperparameters to the task.
      space: what to search.
      train: examples, ``(x, y)``.
      validation: likewise, to choose settings by.
      test: likewise, looked at once at the end.
      metric: the name of what is compared, on validation and on test data.
      maximize: whether more of it is better.
      epochs: passes over the training data, unless others are asked for.
      every: epochs in a block, if these divide by it.
      link: from a model's outputs to what an ensemble averages.
      score: ``(averaged outputs, y) -> metric``.
      enough: a test score that the best setting should reach.
      described: which data these are, for the result file.
    """

    build: Callable[[Hypers], Any]
    space: Mapping[str, Any]
    train: Batch
    validation: Batch
    test: Batch
    metric: str
    maximize: bool
    epochs: int
    every: int
    link: Callable[[jax.Array], jax.Array]
    score: Callable[[jax.Array, jax.Array], float]
    enough: float
    described: dict[str, Any]
