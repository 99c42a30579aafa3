"""How exact finite differences are, over their step: the V-shaped curve.

A large step truncates the Taylor series, a small one loses digits in f(x + eps) - f(x).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.autograd.exercises import tanh_of_log

EPS = np.logspace(-13, -0.5, 76)
"""The steps that are tried, six a decade. The points are at 0.5 and beyond."""

KINDS = ("forward", "central")

TYPES = ("float32", "float64")

_POWERS = {"forward": 1 / 2, "central": 1 / 3}


class Curve(NamedTuple):
    """The error of one kind of difference in one type.

    Attributes:
      errors: relative, the median over points, (seeds, steps).
      best_steps: where it is smallest, (seeds,).
      best_errors: there, (seeds,).
      theory: the step that theory gives for a function and derivatives near 1.
    """

    errors: np.ndarray
    best_steps: np.ndarray
    best_errors: np.ndarray
    theory: float


def curves(seeds: range, points: int) -> dict[tuple[str, str], Curve]:
    """By type and kind, over points that are drawn anew for each seed."""
    drawn = [np.random.default_rng(s).uniform(0.5, 1.5, (points, 3)) for s in seeds]
    at = np.stack(drawn)
    found = {}
    with jax.enable_x64(True):
        for dtype in TYPES:
            # Rounded first, so that the true derivative is that of the same point.
            rounded: Any = at.astype(dtype)
            steps: Any = EPS.astype(dtype)
            exact = _exact(jnp.asarray(rounded.astype(np.float64)))
            for kind in KINDS:
                values = _difference(rounded, steps, kind)
                off = np.abs(np.asarray(values, np.float64) - exact[..., None])
                errors = np.median(off / np.abs(exact[..., None]), axis=1)
                best = errors.argmin(axis=1)
                spacing = float(np.finfo(dtype).eps)
                found[dtype, kind] = Curve(
                    errors,
                    EPS[best],
                    errors[np.arange(len(errors)), best],
                    spacing ** _POWERS[kind],
                )
    return found


def _exact(at: Float[Array, "seeds points 3"]) -> np.ndarray:
    """The derivative by x at all points, by autodiff in float64."""
    gradient = jax.grad(lambda one: tanh_of_log(*one))
    return np.asarray(jax.vmap(jax.vmap(gradient))(at)[..., 0])


def _difference(
    at: Float[Array, "seeds points 3"], eps: Float[Array, " steps"], kind: str
) -> Float[Array, "seeds points steps"]:
    """The same by differences, for each step."""

    def one(point: Array, h: Array) -> Array:
        x, y, z = point
        above = tanh_of_log(x + h, y, z)
        if kind == "forward":
            return (above - tanh_of_log(x, y, z)) / h
        return (above - tanh_of_log(x - h, y, z)) / (2 * h)

    over_steps = jax.vmap(one, in_axes=(None, 0))
    over_points = jax.vmap(over_steps, in_axes=(0, None))
    return jax.jit(jax.vmap(over_points, in_axes=(0, None)))(at, eps)
