"""Activations: elementwise functions as layers, ready made.

    model = sequential(dense(64), tanh, dense(64), activation(jnp.sin), dense(1))

Each is a `Layer` value, not a function that makes one: write ``relu``, not
``relu()``.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
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
# jax.nn.leaky_relu has the gradient 1 at 0, where relu has 0 and PyTorch 0.01.
leaky_relu = activation(lambda x: jnp.where(x > 0, x, 0.01 * x), "leaky_relu")
elu = activation(jax.nn.elu, "elu")
# The exact one, x * Phi(x), as in PyTorch, and not JAX's default approximation.
gelu = activation(functools.partial(jax.nn.gelu, approximate=False), "gelu")
silu = activation(jax.nn.silu, "silu")
tanh = activation(jnp.tanh, "tanh")
sigmoid = activation(jax.nn.sigmoid, "sigmoid")
softplus = activation(jax.nn.softplus, "softplus")
softmax = activation(jax.nn.softmax, "softmax")
log_softmax = activation(jax.nn.log_softmax, "log_softmax")
identity = activation(lambda x: x, "identity")
