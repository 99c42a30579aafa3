"""Early stopping: when to stop, and which state to keep."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.checks import check_choice, check_int, check_number


class EarlyStopping(NamedTuple):
    """Stops when a metric has not improved for a while, and goes back to the best.

    Attributes:
      patience: evaluations without improvement after which training stops, at
        least 1. There is one evaluation every ``every`` epochs of `fit`.
      min_delta: by how much the metric has to get better to count, at least 0.
      monitor: a column of the history, such as "validation_accuracy".
      maximize: whether larger is better.
    """

    patience: int = 10
    min_delta: float = 0.0
    monitor: str = "validation_loss"
    maximize: bool = False


class Best(NamedTuple):
    """The best value so far, and how long it has stood: of one run, or of many.

    Attributes:
      value: in the metric's own units; NaN before the first.
      epoch: the number of epochs after which it was measured.
      stale: evaluations since then.
    """

    value: Any = math.nan
    epoch: Any = 0
    stale: Any = 0


def check_stopping(rule: EarlyStopping) -> None:
    """Raises ValueError unless the rule makes sense."""
    check_int("early_stopping: patience", rule.patience)
    check_number("early_stopping: min_delta", rule.min_delta, at_least=0.0)


def monitored(rule: EarlyStopping, metrics: Mapping[str, Any]) -> Any:
    """The metric that the rule watches.

    Raises:
      ValueError: if there is no metric of that name.
    """
    check_choice("early_stopping: monitor", rule.monitor, metrics)
    return metrics[rule.monitor]


def observe(rule: EarlyStopping, best: Best, value: Any, epoch: Any) -> Best:
    """The best after one more evaluation; ``stale`` is 0 if this one is it.

    A value that is not finite is never better. Numbers and traced arrays will do.
    """
    xp = jnp if isinstance(value, jax.Array) else np
    sign = -1.0 if rule.maximize else 1.0
    gain = sign * (best.value - value)
    better = xp.isfinite(value) & (xp.isnan(best.value) | (gain > rule.min_delta))
    return Best(
        xp.where(better, value, best.value),
        xp.where(better, epoch, best.epoch),
        xp.where(better, 0, best.stale + 1),
    )
