"""Exercise 1.1: the gradient of sin(x^2 + y^2), by hand and by `jax.grad`."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

POINT = (1.0, 0.5)
"""Where a claim compares the two."""


def height(p: Float[Array, "2"]) -> Float[Array, ""]:
    """The exercise's function, ``sin(x^2 + y^2)``."""
    return jnp.sin(jnp.sum(p**2))


def by_hand(p: Float[Array, "*points 2"]) -> Float[Array, "*points 2"]:
    """Its gradient, ``2 cos(x^2 + y^2) (x, y)``, at any number of points."""
    return 2.0 * jnp.cos(jnp.sum(p**2, axis=-1, keepdims=True)) * p


def automatic(p: Float[Array, "points 2"]) -> Float[Array, "points 2"]:
    """The same by automatic differentiation, vmapped over the points."""
    return jax.vmap(jax.grad(height))(p)


def grid(side: int) -> Float[np.ndarray, "points 2"]:
    """Points of a square from -2 to 2, row by row."""
    line = np.linspace(-2.0, 2.0, side, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def disagreement() -> float:
    """The largest difference of the two gradients on a fine grid."""
    points = jnp.asarray(grid(41))
    return float(jnp.abs(by_hand(points) - automatic(points)).max())
