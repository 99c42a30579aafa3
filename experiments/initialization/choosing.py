"""A layer that a number turns on or off, so that nets with and without are one program.

A static choice would be clearer in a model of one's own: each is another program, and
a program of a deep net takes seconds to compile. What is off takes no time, as long as
members are trained one at a time (``sweep(..., chunk=1)``): under ``vmap`` both sides
of a ``lax.cond`` are computed, and one is chosen.
"""

import jax
from jaxtyping import Array, Float

import jaxnet
from jaxnet.types import ModelState, Params, PRNGKey


def when(on: float | Float[Array, ""], layer: jaxnet.Layer) -> jaxnet.Layer:
    """The layer if ``on`` is 1, and the identity if it is 0.

    Args:
      on: 0.0 or 1.0; it may be traced.
      layer: keeps the shape.
    """

    def apply(
        params: Params,
        state: ModelState,
        x: Array,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Array, ModelState]:
        def with_layer(x: Array) -> tuple[Array, ModelState]:
            return layer.apply(params, state, x, train=train, key=key)

        def without(x: Array) -> tuple[Array, ModelState]:
            return x, state

        return jax.lax.cond(on > 0.5, with_layer, without, x)

    return jaxnet.Layer(layer.init, apply, layer.name)
