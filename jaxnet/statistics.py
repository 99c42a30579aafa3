"""Means over seeds, with their uncertainty."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Values = Sequence[float] | Sequence[int] | np.ndarray


class Interval(NamedTuple):
    """A mean, and an interval that holds the true one 95 times of 100.

    Attributes:
      mean: of the values.
      low: the lower end; NaN for a single value, which says nothing about spread.
      high: the upper end; likewise.
    """

    mean: float
    low: float
    high: float

    def verdict(self) -> str:
        """What a difference with this interval says.

        >>> Interval(0.2, 0.1, 0.3).verdict(), Interval(0.2, -0.1, 0.5).verdict()
        ('larger', 'no difference seen')
        """
        if self.low > 0:
            return "larger"
        return "smaller" if self.high < 0 else "no difference seen"


def mean_interval(values: Values) -> Interval:
    """Mean and Student's 95 % interval, ``mean ± t(n - 1) * std / sqrt(n)``.

    Args:
      values: one for each seed, at least 1.

    Raises:
      ValueError: if there is none.

    References:
      Student, *The Probable Error of a Mean*, 1908.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(
            f"values should be one number for each seed, got shape {values.shape}."
        )
    mean, n = float(values.mean()), len(values)
    if n == 1:
        return Interval(mean, float("nan"), float("nan"))
    from scipy import special  # Here, since it takes longer to import than jaxnet.

    half = float(special.stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def paired_difference(a: Values, b: Values) -> Interval:
    """The mean of ``a - b``, where entry i of both is from the same seed.

    What a seed does to both, such as easy data, cancels: this is the interval of
    the paired t-test.

    Raises:
      ValueError: if lengths differ.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise ValueError(
            "a and b should have one value for each seed, got shapes "
            f"{a.shape} and {b.shape}."
        )
    return mean_interval(a - b)
