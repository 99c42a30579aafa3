"""Successive halving: most settings are judged early, few are trained to the end."""

import math
from typing import NamedTuple

import numpy as np

from jaxnet.checks import check_int


class Halving(NamedTuple):
    """Trains all settings for a little, then only the best for longer, and so on.

    After ``min_epochs`` the best ``1 / factor`` of the settings go on, after
    ``min_epochs * factor`` the best of those, up to the last epoch. A learning rate
    that is fast at first may not be the best in the end: where that is to be feared,
    take more ``min_epochs``.

    Attributes:
      factor: one in ``factor`` goes on, rounded up; at least 2.
      min_epochs: before the first decision, at least 1.

    References:
      Jamieson & Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter
      Optimization*, 2016, figure 3.
    """

    factor: int = 3
    min_epochs: int = 1


def rungs(rule: Halving | None, epochs: int, every: int) -> list[int]:
    """After how many epochs settings are dropped; none at the end.

    Args:
      rule: None for never.
      epochs: in all.
      every: epochs in a block: what is between is rounded up to whole ones.

    Raises:
      ValueError: if the rule makes no sense, or leaves no decision to be made.
    """
    if rule is None:
        return []
    check_int("halving: factor", rule.factor, at_least=2)
    check_int("halving: min_epochs", rule.min_epochs)
    found, epoch = [], rule.min_epochs
    while epoch < epochs:
        found.append(-(-epoch // every) * every)
        epoch = found[-1] * rule.factor
    found = [epoch for epoch in found if epoch < epochs]
    if not found:
        raise ValueError(
            f"halving: min_epochs={rule.min_epochs} leaves nothing to decide in "
            f"{epochs} epochs. Use fewer min_epochs, or train for longer."
        )
    return found


def survivors(rule: Halving, costs: np.ndarray) -> np.ndarray:
    """Which settings go on: places in ``costs``, (ceil(settings / factor),) or fewer.

    Args:
      rule: how many.
      costs: one for each setting that is still there, the lower the better; NaN for
        one that is out of the question.
    """
    count = math.ceil(len(costs) / rule.factor)
    order = np.argsort(costs, kind="stable")[:count]  # NaN comes last.
    return order[np.isfinite(costs[order])]
