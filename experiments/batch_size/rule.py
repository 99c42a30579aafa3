"""The best learning rate for each batch size, and the power of it that this is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from experiments.batch_size.config import EXAMPLES
from experiments.batch_size.grid import RATES, Grid
from jaxnet.statistics import mean_interval

SMALL = EXAMPLES // 16
"""The largest batch that is called much smaller than the data."""


class Rule(NamedTuple):
    """What power of the batch size the best rate is. Axes: kinds, seeds.

    Attributes:
      best: the best rates, (sizes, kinds, seeds).
      small: the power from the smallest batch to `SMALL`, (kinds, seeds).
      large: from `SMALL` to the largest, (kinds, seeds).
      local: between neighbours, (sizes - 1, kinds, seeds).
    """

    best: Float[np.ndarray, "sizes 2 seeds"]
    small: Float[np.ndarray, "2 seeds"]
    large: Float[np.ndarray, "2 seeds"]
    local: Float[np.ndarray, "steps 2 seeds"]


def fit_rule(grid: Grid) -> Rule:
    """The power of every seed. 1 is the linear rule, 0.5 that of the square root."""
    log_best = np.apply_along_axis(lowest, 1, np.log(grid.losses))
    sizes = np.log2(grid.batch_sizes)
    steps = np.diff(sizes)[:, None, None]
    return Rule(
        2.0**log_best,
        slope(sizes, log_best, grid.batch_sizes <= SMALL),
        slope(sizes, log_best, grid.batch_sizes >= SMALL),
        np.diff(log_best, axis=0) / steps,
    )


def lowest(losses: Float[np.ndarray, " rates"]) -> float:
    """The log2 of the rate with the lowest loss, between those of the grid.

    It is the lowest point of the parabola through the best one and its neighbours, in
    the logarithms of both; at an end of the grid it is the end.

    Args:
      losses: logarithms of the losses at `RATES`.
    """
    x, i = np.log2(RATES), int(np.argmin(losses))
    if i in (0, len(losses) - 1):
        return float(x[i])
    before, at, after = losses[i - 1 : i + 2]
    bend = before - 2 * at + after
    step = x[1] - x[0]
    # All three are equal where every run diverged.
    return float(x[i] + (0.5 * step * (before - after) / bend if bend > 0 else 0.0))


def slope(
    x: Float[np.ndarray, " sizes"],
    y: Float[np.ndarray, "sizes 2 seeds"],
    used: np.ndarray,
) -> Float[np.ndarray, "2 seeds"]:
    """The slope of the least-squares line through some of the points; NaN for one."""
    if used.sum() < 2:
        return np.full(y.shape[1:], np.nan)
    x, y = x[used], y[used]
    centred = (x - x.mean())[:, None, None]
    return (centred * (y - y.mean(axis=0))).sum(axis=0) / (centred**2).sum()


def breaks_at(rule: Rule, grid: Grid, kind: int) -> int | None:
    """The first batch size to which the best rate grows less than linearly.

    It is the first whose power from the one before is below 1 by all of its interval;
    None if there is none.
    """
    for size, powers in zip(grid.batch_sizes[1:], rule.local[:, kind], strict=True):
        if mean_interval(powers).high < 1.0:
            return int(size)
    return None


def expected(
    batch_sizes: Int[np.ndarray, " sizes"], scale: float
) -> Float[np.ndarray, " sizes"]:
    """The best rates that a gradient's noise allows, up to a factor.

    ``1 / (1 + B / b)`` with B the batch at which noise and signal are equal: linear
    for small batches, constant for large ones.

    References:
      McCandlish et al., *An Empirical Model of Large-Batch Training*, 2018, eq. 2.8.
    """
    return 1.0 / (1.0 + scale / batch_sizes)


def expected_power(batch_sizes: Int[np.ndarray, " sizes"], scale: float) -> float:
    """The power of the batch size that `expected` is, up to `SMALL`."""
    y = np.log2(expected(batch_sizes, scale))[:, None, None]
    return float(slope(np.log2(batch_sizes), y, batch_sizes <= SMALL)[0, 0])
