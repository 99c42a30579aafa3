"""Central differences, with an estimate of how far they may be off.

Truncation makes ``(f(x + h v) - f(x - h v)) / 2 h`` wrong by a multiple of h squared,
rounding by a multiple of ``u |f| / h``, u being the spacing of floats at 1. The best h
for both is near the cube root of u, but how near depends on the function: so several
are tried, and the one is taken that agrees best with all smaller ones.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

_LADDER = (16.0, 4.0, 1.0, 0.25)
"""Multiples of the cube root of u that are tried as steps."""

SAMPLES = 16
"""Points in a step at which a gradient is asked for."""

_SAFETY = 3.0
"""How far beyond the estimate the error may be."""


class Difference(NamedTuple):
    """A derivative along a direction, by central differences.

    Attributes:
      value: of the derivative.
      error: how far it may be off for a smooth function.
      step: h, to either side.
      direction: that was really gone, after rounding.
    """

    value: float
    error: float
    step: float
    direction: np.ndarray


def steps_for(spacing: float, eps: float | None) -> tuple[float, ...]:
    """The steps to try: those around the cube root of u, or ``eps`` and half of it."""
    if eps is not None:
        return (eps, eps / 2)
    return tuple(factor * spacing ** (1 / 3) for factor in _LADDER)


def central_difference(
    f: Callable[[np.ndarray], float],
    x: np.ndarray,
    direction: np.ndarray,
    *,
    noise: float,
    steps: Sequence[float],
) -> Difference:
    """The derivative of ``f`` at ``x`` along a direction, and what is known of it.

    Args:
      f: from an array to a float.
      x: where.
      direction: of the shape of ``x``.
      noise: of f, as `noise_of` measures it.
      steps: two or more, each smaller than the one before.
    """
    tried = [_try(f, x, direction, h, noise) for h in steps]
    found = []
    for k, (one, smaller) in enumerate(itertools.pairwise(tried)):
        # Against the next smaller step; and against all others, beside their own
        # rounding, since two may agree by luck.
        truncation = abs(one.value - smaller.value)
        for other in tried[k + 2 :]:
            beyond = abs(one.value - other.value) - other.rounding
            truncation = max(truncation, beyond)
        error = _SAFETY * (truncation + one.rounding)
        found.append(Difference(one.value, error, one.h, one.direction))
    return min(found, key=lambda one: one.error)


def mean_along(
    slope: Callable[[np.ndarray], float], x: np.ndarray, difference: Difference
) -> tuple[float, float]:
    """The mean of a derivative over the step of a difference, and how it varies.

    By the fundamental theorem of calculus the mean of the right derivative is the
    difference, whether or not there are kinks on the way.

    Args:
      slope: the derivative along the direction, from a point.
      x: the middle of the step.
      difference: whose step and direction.

    Returns:
      The mean over `SAMPLES` points, and how far the mean may be off if the slope
      jumps between two of them.
    """
    places = (2 * np.arange(SAMPLES) + 1) / SAMPLES - 1
    moved = (x + (t * difference.step) * difference.direction for t in places)
    slopes = [slope(np.asarray(point, x.dtype)) for point in moved]
    return float(np.mean(slopes)), (max(slopes) - min(slopes)) / SAMPLES


def noise_of(f: Callable[[np.ndarray], float], x: np.ndarray, spacing: float) -> float:
    """How far rounding moves f: what remains of it over steps that are far too small.

    Second differences of nearly equal points are noise; of n independent errors with
    variance s**2 they have the variance 6 s**2. It is no less than ``u |f|``.

    Args:
      f: from an array to a float.
      x: around which point.
      spacing: u.

    References:
      Moré and Wild, *Estimating Computational Noise*, 2011.
    """
    signs = np.where(np.arange(x.size).reshape(x.shape) % 2, 1.0, -1.0)
    tiny = 8 * spacing * max(1.0, float(np.abs(x).max()))
    moved = (x + (k * tiny * signs).astype(x.dtype) for k in range(-4, 5))
    values = [f(np.asarray(point)) for point in moved]
    second = np.diff(values, n=2)
    measured = float(np.sqrt(np.mean(second**2) / 6))
    return max(measured, spacing * max(map(abs, values)))


class _Try(NamedTuple):
    h: float
    value: float
    rounding: float
    direction: np.ndarray


def _try(
    f: Callable[[np.ndarray], float],
    x: np.ndarray,
    direction: np.ndarray,
    h: float,
    noise: float,
) -> _Try:
    step = (h * direction).astype(x.dtype)
    # NumPy makes scalars of arrays without axes.
    up, down = np.asarray(x + step), np.asarray(x - step)
    above, below = f(up), f(down)
    # Where x + h v is rounded, the derivative along what was really gone is compared.
    gone = (up.astype(np.float64) - down.astype(np.float64)) / (2 * h)
    return _Try(
        h,
        (above - below) / (2 * h),
        noise / h,
        gone,
    )
