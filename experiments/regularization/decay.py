"""An L2 penalty and decoupled decay, step for step from the same weights.

A penalty of ``s/2 |w|^2`` adds ``s w`` to the gradient, and decoupled decay takes
``rate * s * w`` off the weights. For gradient descent that is the same step. Momentum
remembers the penalty's gradient with the loss's, Adam also divides it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.regularization.linear import descend
from jaxnet.regularization import l2
from jaxnet.types import Batch, Params

STRENGTH = 0.01

STEPS = 100

RATES = {"momentum": 0.1, "adam": 0.01}

MOMENTUM = 0.9


def differences(data: Batch, start: Params) -> dict[str, np.ndarray]:
    """The largest difference between the parameters of both, (seeds,), by rule.

    "sgd" is gradient descent: the rule of momentum with a momentum of 0.

    Args:
      data: images (seeds, examples, pixels) and labels (seeds, examples).
      start: the first weights, of all seeds.
    """
    # The strength of the penalty and that of the decay, of either kind.
    kinds = jnp.array([[STRENGTH, 0.0], [0.0, STRENGTH]])

    def of_seed(start: Params, x: Array, y: Array) -> dict[str, Array]:
        def adam(kind: Array) -> Params:
            return _train("adam", kind, start, x, y)

        def momentum(u: Array, kind: Array) -> Params:
            return _train("momentum", kind, start, x, y, momentum=u)

        memories = jnp.array([0.0, MOMENTUM])
        both = jax.vmap(jax.vmap(momentum, (None, 0)), (0, None))(memories, kinds)
        sgd, with_momentum = jax.vmap(_distance)(both)
        return {
            "sgd": sgd,
            "momentum": with_momentum,
            "adam": _distance(jax.vmap(adam)(kinds)),
        }

    found = jax.jit(jax.vmap(of_seed))(start, *data)
    return {rule: np.asarray(rows, float) for rule, rows in found.items()}


def _train(
    rule: str,
    kind: Float[Array, "2"],
    start: Params,
    x: Array,
    y: Array,
    **hypers: Any,
) -> Params:
    strength, decay = kind
    # Of biases too, as in the lecture's loop over all parameters.
    step = jaxnet.optimizer(
        rule, RATES[rule], weight_decay=decay, no_decay=(), **hypers
    )
    return descend(step, l2(strength, "*"), STEPS, start, x, y)[0]


def _distance(pairs: Params) -> Float[Array, ""]:
    """The largest difference between two parameters, which are stacked."""
    each = jax.tree.map(lambda a: jnp.max(jnp.abs(a[0] - a[1])), pairs)
    return jnp.max(jnp.stack(jax.tree.leaves(each)))
