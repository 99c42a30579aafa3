"""A linear classifier by gradient descent, with the parts of a step spelled out."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxnet.layers import dense
from jaxnet.losses import softmax_cross_entropy
from jaxnet.regularization import Penalty
from jaxnet.types import Params

PIXELS, DIGITS = 64, 10


def first_weights(seeds: range) -> Params:
    """Where all classifiers start, stacked over the seeds: at random, with He's scale.

    Not at zero: the weights of pixels that are always blank would stay there.
    """
    shape, std = (PIXELS, DIGITS), np.sqrt(2.0 / PIXELS)
    drawn = [np.random.default_rng(seed).normal(0.0, std, shape) for seed in seeds]
    kernels = jnp.asarray(np.stack(drawn), jnp.float32)
    return {"kernel": kernels, "bias": jnp.zeros((len(seeds), DIGITS))}


def descend(
    rule: optax.GradientTransformation,
    penalty: Penalty,
    steps: int,
    params: Params,
    x: Float[Array, "examples pixels"],
    y: Array,
) -> tuple[Params, Callable[[Params], Float[Array, ""]]]:
    """Softmax regression, each step on all examples.

    Args:
      rule: turns the gradient into an update.
      penalty: added to the loss.
      steps: how many.
      params: to start from, of one seed.
      x: images.
      y: their labels.

    Returns:
      The parameters, and the loss without the penalty as a function of them.
    """
    layer = dense(DIGITS)

    def loss(params: Params) -> Float[Array, ""]:
        return softmax_cross_entropy(layer.apply(params, (), x)[0], y)

    def objective(params: Params) -> Float[Array, ""]:
        return loss(params) + penalty(params)

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        params, state = carry
        updates, state = rule.update(jax.grad(objective)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, rule.init(params)), length=steps)
    return params, loss
