"""A valley in two dimensions, ``f(u, v) = (u^2 + 10 v^2) / 2``.

One rate serves both directions: it has to be below 2 / 10, the bound of the steep
one, and the flat one is ten times as slow.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

CURVATURES = (1.0, 10.0)

START = (-9.0, 2.0)

SHARES = (0.1, 0.55, 0.96, 1.03)
"""Learning rates of the figure, as shares of the bound."""

STEPS = 30

DIRECTIONS = 3600


class Steepest(NamedTuple):
    """How far the best direction of all is from the negative gradient.

    Attributes:
      lengths: of the step.
      angles: in degrees, (points, lengths).
    """

    lengths: np.ndarray
    angles: np.ndarray


def height(p: Float[Array, "2"]) -> Float[Array, ""]:
    """The valley's f at a point."""
    return 0.5 * jnp.sum(jnp.asarray(CURVATURES) * p**2)


def heights(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, " points"]:
    """The same at many points."""
    return np.asarray(jax.vmap(height)(jnp.asarray(points)))


def bound() -> float:
    """The rate from which on descent moves away, 2 over the largest curvature."""
    return 2.0 / max(CURVATURES)


def paths() -> dict[float, np.ndarray]:
    """Descent with each of `SHARES` of the bound, by rate: (1 + steps, 2)."""
    gradient = jax.grad(height)

    def descend(rate: Array) -> Array:
        start = jnp.asarray(START)

        def step(p: Array, _: None) -> tuple[Array, Array]:
            p = p - rate * gradient(p)
            return p, p

        walk = jax.lax.scan(step, start, None, length=STEPS)[1]
        return jnp.concatenate([start[None], walk])

    rates = [share * bound() for share in SHARES]
    walks = np.asarray(jax.jit(jax.vmap(descend))(jnp.asarray(rates)))
    return dict(zip(rates, walks, strict=True))


def steepest(seed: int, points: int = 100) -> Steepest:
    """Tries all directions for steps of several lengths, from points at random.

    The gradient says which direction is best for an infinitely small step. For a
    longer one another is, which the curvature bends away from it.
    """
    lengths = jnp.asarray([0.01, 0.03, 0.1, 0.3, 1.0])
    turns = jnp.linspace(0.0, 2 * jnp.pi, DIRECTIONS, endpoint=False)
    directions = jnp.stack([jnp.cos(turns), jnp.sin(turns)], axis=1)
    where = jax.random.uniform(
        jax.random.key(seed), (points, 2), minval=-4.0, maxval=4.0
    )

    def angle(p: Array, length: Array) -> Array:
        reached = jax.vmap(lambda d: height(p + length * d))(directions)
        best = directions[reached.argmin()]
        down = -jax.grad(height)(p)
        cosine = best @ down / jnp.linalg.norm(down)
        return jnp.degrees(jnp.arccos(jnp.clip(cosine, -1.0, 1.0)))

    of_lengths = jax.vmap(angle, in_axes=(None, 0))
    angles = jax.jit(jax.vmap(of_lengths, in_axes=(0, None)))(where, lengths)
    return Steepest(np.asarray(lengths), np.asarray(angles))
