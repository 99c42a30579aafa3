"""Activations: elementwise functions as layers, ready made.

    model = sequential(dense(64), tanh, dense(64), activation(jnp.sin), dense(1))

Each is a `Layer` value, not a function that makes one: write ``relu``, not
``relu()``.
"""

from collections.abc import Callable

import jax
from jaxtyping import Array

from jaxnet.layers.core import Layer, stateless


def activation(fn: Callable[[Array], Array], name: str | None = None) -> Layer:
    """A layer that applies ``fn``, which keeps the shape of its argument.

    Args:
      fn: a function such as ``jax.nn.relu``, or ``lambda x: x**2``.
      name: the layer's name in paths; the function's own by default.

    Raises:
      TypeError: if ``fn`` is not callable, or is a layer already.
    """
    if isinstance(fn, Layer):
        raise TypeError(f"activation got a layer, {fn.name}: use it as it is.")
    if not callable(fn):
        raise TypeError(f"activation needs a function, got {fn!r}.")
    own_name = getattr(fn, "__name__", "activation").replace("<lambda>", "activation")
    return stateless(name or own_name, fn)


relu = activation(jax.nn.relu, "relu")
leaky_relu = activation(jax.nn.leaky_relu, "leaky_relu")
elu = activation(jax.nn.elu, "elu")
gelu = activation(jax.nn.gelu, "gelu")
silu = activation(jax.nn.silu, "silu")
tanh = activation(jax.numpy.tanh, "tanh")
sigmoid = activation(jax.nn.sigmoid, "sigmoid")
softplus = activation(jax.nn.softplus, "softplus")
softmax = activation(jax.nn.softmax, "softmax")
log_softmax = activation(jax.nn.log_softmax, "log_softmax")
identity = activation(lambda x: x, "identity")
