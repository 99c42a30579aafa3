"""Standardization, with statistics from the training set only."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxnet.data.batching import example_count

AnyArray = np.ndarray | jax.Array


class Standardizer(NamedTuple):
    """The mean and standard deviation of each feature of a training set.

        standardizer = standardizer_of(x_train)
        x_train, x_test = map(standardizer.apply, (x_train, x_test))

    Attributes:
      mean: of each feature, the shape of one example.
      std: likewise, with divisor n as in scikit-learn; 1 where a feature is
        constant, so that it becomes 0 and not NaN.
    """

    mean: Float[np.ndarray, "*features"]
    std: Float[np.ndarray, "*features"]

    def apply(self, x: AnyArray) -> AnyArray:
        """``(x - mean) / std``, for the training set, or any other."""
        return (x - self.mean[None]) / self.std[None]

    def invert(self, z: AnyArray) -> AnyArray:
        """``z * std + mean``: standardized values in the units of ``x`` again."""
        return z * self.std[None] + self.mean[None]


def standardizer_of(x: AnyArray) -> Standardizer:
    """The statistics of a training set.

    Args:
      x: (examples, *features).

    Raises:
      ValueError: if ``x`` is empty or not finite.
    """
    example_count(x)
    x = np.asarray(x)
    if not np.isfinite(x).all():
        raise ValueError(
            f"x holds {int((~np.isfinite(x)).sum())} values that are not finite, which "
            "would make every mean NaN. Drop or impute them first."
        )
    mean, std = x.mean(axis=0), x.std(axis=0)
    # Rounding leaves a constant feature a deviation of some units in the last place.
    constant = std <= 10 * np.finfo(std.dtype).eps * np.abs(mean)
    std = np.where(constant, 1.0, std).astype(std.dtype)
    return Standardizer(np.asarray(mean), std)
