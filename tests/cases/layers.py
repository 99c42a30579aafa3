"""Every layer of jaxnet, with an input to try it on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnet.layers.activations import (
    activation,
    elu,
    gelu,
    identity,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from jaxnet.layers.combining import residual, sequential
from jaxnet.layers.core import Layer
from jaxnet.layers.dense import dense
from jaxnet.layers.dropout import dropout


class LayerCase(NamedTuple):
    """A layer to test.

    Attributes:
      name: for the test's id.
      make: ``hypers -> Layer``; hypers may be traced.
      x: an input with the examples on the leading axis.
      hypers: floats that may be traced, by name.
    """

    name: str
    make: Callable[[dict[str, Any]], Layer]
    x: Any
    hypers: dict[str, float] = {}  # noqa: RUF012 - read only


def normal(*shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(sum(shape)), shape)


CORE = [
    LayerCase("dense", lambda h: dense(3), normal(4, 5)),
    LayerCase("dense without bias", lambda h: dense(3, bias=False), normal(4, 5)),
    LayerCase("dropout", lambda h: dropout(h["rate"]), normal(4, 5), {"rate": 0.4}),
    LayerCase("activation", lambda h: activation(jnp.sin), normal(4, 5)),
    *(
        LayerCase(layer.name, lambda h, layer=layer: layer, normal(4, 5))
        for layer in (
            *(relu, leaky_relu, elu, gelu, silu, tanh, sigmoid, softplus),
            *(softmax, log_softmax, identity),
        )
    ),
    LayerCase(
        "sequential",
        lambda h: sequential(dense(6), tanh, dropout(h["rate"]), head=dense(2)),
        normal(4, 5),
        {"rate": 0.2},
    ),
    LayerCase("residual", lambda h: residual(dense(5)), normal(4, 5)),
    LayerCase(
        "residual with a shortcut",
        lambda h: residual(sequential(dense(7), relu, dense(3)), dense(3)),
        normal(4, 5),
    ),
]
