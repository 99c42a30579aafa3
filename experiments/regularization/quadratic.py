"""Early stopping beside L2 on a quadratic, where both have a closed form.

For the loss ``1/2 sum_i h_i (w_i - 1)^2``, gradient descent from 0 with the rate e has

    w_i = 1 - (1 - e h_i)^t          after t steps
    w_i = h_i / (h_i + a)            at the minimum with the penalty a/2 |w|^2

Both leave the steep directions alone and shrink the flat ones, with ``a = 1 / (e t)``.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnet

RATE = 0.1
STEPS = 100


class Shrinkage(NamedTuple):
    """What is left of each weight, (eigenvalues,).

    Attributes:
      curvatures: the eigenvalues h.
      descended: by gradient descent, stopped early.
      formula: by its closed form.
      penalized: by the L2 penalty of ``1 / (rate * steps)``.
    """

    curvatures: np.ndarray
    descended: np.ndarray
    formula: np.ndarray
    penalized: np.ndarray


def shrink() -> Shrinkage:
    """Descends, and computes both formulas.

    References:
      Goodfellow, Bengio and Courville, *Deep Learning*, 2016, eq. 7.33 to 7.45.
    """
    curvatures = jnp.logspace(-3.0, 0.0, 61)
    descent = jaxnet.optimizer("sgd", RATE)

    def loss(w: jax.Array) -> jax.Array:
        return 0.5 * jnp.sum(curvatures * jnp.square(w - 1.0))

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        w, state = carry
        updates, state = descent.update(jax.grad(loss)(w), state, w)
        return (optax.apply_updates(w, updates), state), None

    start = jnp.zeros_like(curvatures)
    (w, _), _ = jax.lax.scan(step, (start, descent.init(start)), length=STEPS)
    h = np.asarray(curvatures, float)
    strength = 1.0 / (RATE * STEPS)
    formula = 1.0 - (1.0 - RATE * h) ** STEPS
    return Shrinkage(h, np.asarray(w, float), formula, h / (h + strength))
