"""Dropout, whose rate may be traced."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet.checks import LayerError, check_number
from jaxnet.layers.core import Layer
from jaxnet.types import ArrayOrSpec, ModelState, Params, PRNGKey


def dropout(rate: float | Float[Array, ""]) -> Layer:
    """Zeroes each unit with probability ``rate`` in training, rescaling the others.

    With ``m ~ Bernoulli(1 - rate)`` for each unit, ``y = m * x / (1 - rate)``, so
    the expectation of ``y`` is ``x`` and evaluation needs no scaling.

    Args:
      rate: the probability of *dropping* a unit, in [0, 1): the complement of a
        keep probability. It may be traced, so a sweep over rates is one program.

    Returns:
      A layer without parameters; the identity unless ``train=True``.

    Raises:
      ValueError: if a known rate is outside [0, 1).
      LayerError: when applied with ``train=True`` and no key.

    References:
      Srivastava et al., *Dropout: A Simple Way to Prevent Neural Networks from
      Overfitting*, 2014, section 4; scaled in training instead of at test time.
    """
    check_number(
        "dropout: rate",
        rate,
        at_least=0.0,
        below=1.0,
        hint="The rate is the share of units dropped, not the share kept.",
    )

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        del key, x
        return (), ()

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "*shape"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*shape"], ModelState]:
        del params
        if not train:
            return x, state
        if key is None:
            raise LayerError(
                "dropout draws at random in training: apply(..., train=True) needs a "
                "key, got key=None. Pass key=jax.random.key(0), or train=False to "
                "evaluate."
            )
        keep = jax.random.bernoulli(key, 1.0 - rate, x.shape)
        scale = jnp.asarray(1.0 / (1.0 - rate), x.dtype)
        return jnp.where(keep, x * scale, jnp.zeros_like(x)), state

    return Layer(init, apply, "dropout")
