"""Gradient descent on (w - 1)^2, where every step can be followed by hand.

The curvature is 2 everywhere, so a step multiplies the distance from the minimum by
``1 - 2 * rate``: it shrinks if the rate is below 2 / curvature = 1, keeps its side
below 1 / curvature, and is gone at once there. With momentum u the bound is
``2 * (1 + u) / curvature``.

References:
  Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

START, MINIMUM, CURVATURE = -1.0, 1.0, 2.0

SLIDES: dict[float, Any] = {
    0.2: [-0.2, 0.28, 0.568],
    0.8: [2.2, 0.28, 1.432],
    1.1: [3.4, -1.88, 4.456],
}
"""The lecture's learning rates, and the first three steps with each."""

MOMENTA = (0.0, 0.5, 0.9)
"""Of which the figure has curves."""

STEPS = 200
"""Of which stability is judged by the last hundred."""


def loss(w: Float[Array, ""]) -> Float[Array, ""]:
    """The lecture's parabola, ``(w - 1)^2``."""
    return (w - MINIMUM) ** 2


def bound(momentum: Any) -> Any:
    """The rate from which on descent moves away, ``2 (1 + u) / curvature``."""
    return 2.0 * (1.0 + momentum) / CURVATURE


def descend(rate: Any, *, steps: int) -> Float[Array, " steps"]:
    """Where gradient descent from -1 is after each step, ``w <- w - rate g``."""

    def step(w: Array, _: None) -> tuple[Array, Array]:
        w = w - rate * jax.grad(loss)(w)
        return w, w

    return jax.lax.scan(step, jnp.asarray(START), None, length=steps)[1]


class Stability(NamedTuple):
    """What descent does, over a fine grid of learning rates and momenta.

    Attributes:
      rates: (rates,).
      momenta: (momenta,).
      factors: by which the distance from the minimum changes in a step, the geometric
        mean of the last hundred, (momenta, rates).
    """

    rates: np.ndarray
    momenta: np.ndarray
    factors: np.ndarray

    def bounds(self) -> np.ndarray:
        """The largest rate of each momentum with which descent comes nearer."""
        stable = (self.factors < 1.0)[:, ::-1]
        return self.rates[::-1][stable.argmax(axis=1)]


def stability(rates: int = 1001, momenta: int = 91) -> Stability:
    """Descends with every learning rate in (0, 4] and every momentum in [0, 0.9]."""
    rate = jnp.linspace(0.0, 4.0, rates)[1:]
    momentum = jnp.linspace(0.0, 0.9, momenta)
    of_rates = jax.vmap(_factor, in_axes=(0, None))
    of_both = jax.jit(jax.vmap(of_rates, in_axes=(None, 0)))
    return Stability(*map(np.asarray, (rate, momentum, of_both(rate, momentum))))


def _factor(rate: Array, momentum: Array) -> Array:
    """The change of the distance in a step; with momentum, of distance and speed.

    A step is linear around the minimum, so what is left is scaled back to 1 after
    each: neither what vanishes nor what explodes gets out of a float's range.
    """
    gradient = jax.grad(lambda distance: loss(MINIMUM + distance))

    def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        distance, last = carry
        last = momentum * last - rate * gradient(distance)
        distance = distance + last
        size = jnp.hypot(distance, last)
        safe = jnp.where(size > 0.0, size, 1.0)
        return (distance / safe, last / safe), jnp.log(size)

    first = (jnp.ones(()), jnp.zeros(()))
    logs = jax.lax.scan(step, first, None, length=STEPS)[1]
    return jnp.exp(logs[STEPS // 2 :].mean())


def slides() -> dict[float, np.ndarray]:
    """The first four steps with each of the lecture's rates, after the start."""
    rates = jnp.asarray(list(SLIDES))
    walk = partial(descend, steps=4)
    paths = np.asarray(jax.jit(jax.vmap(walk))(rates))
    return dict(zip(SLIDES, paths, strict=True))


def steps_to(share: float, rate: float, *, at_most: int = 1000) -> int | None:
    """Steps until what is left of the first distance is a share; None if never."""
    path = np.asarray(descend(rate, steps=at_most))
    near = np.abs(path - MINIMUM) <= share * abs(START - MINIMUM)
    return int(near.argmax()) + 1 if near.any() else None
