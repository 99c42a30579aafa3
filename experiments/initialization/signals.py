"""How far a signal gets: activations and gradients by depth, before any training.

A net ``h <- f(h W)`` of L layers with n units each, on inputs from N(0, 1), and the
gradient of the inner product of its outputs with a vector from N(0, 1), with respect
to the sums ``h W`` of each layer. Near the origin tanh is linear, and then a layer
whose weights have the standard deviation s multiplies either by ``s sqrt(n)``.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.initialization.kinds import ACTIVATIONS, INITIALIZERS
from jaxnet.programs import ONCE
from jaxnet.types import Initializer, PRNGKey

STARTS = (
    "0.01 randn",
    "U(-0.01, 0.01)",
    "PyTorch default",
    "Xavier",
    "orthogonal",
    "He",
    "randn",
)
"""Those that differ where all layers are as wide; the others are like one of them."""

INPUTS = 16
"""Examples that go through each net."""

LAST = 8
"""Layers whose average is given: further back some gradients are no float32."""


class Signals(NamedTuple):
    """How large signals are, for all seeds, `STARTS`, `ACTIVATIONS` and layers.

    Attributes:
      activations: the standard deviation of each layer's outputs.
      gradients: the root mean square of those with respect to each layer's sums.
    """

    activations: Float[np.ndarray, "seeds starts activations layers"]
    gradients: Float[np.ndarray, "seeds starts activations layers"]

    def of(self, start: str, activation: str) -> "Signals":
        """Those of one kind of net, each (seeds, layers)."""
        i, j = STARTS.index(start), [*ACTIVATIONS].index(activation)
        return Signals(*(a[:, i, j] for a in self))


def measure(key: PRNGKey, seeds: int, units: int, layers: int) -> Signals:
    """All initializers with all activations, as one program.

    Args:
      key: of all seeds.
      seeds: nets of each kind.
      units: of each layer.
      layers: of each net.
    """

    def of_seed(key: PRNGKey) -> tuple[Array, Array]:
        kernel_key, key = jax.random.split(key)
        keys = jax.random.split(kernel_key, len(STARTS))
        kernels = jnp.stack(
            [
                _kernels(INITIALIZERS[name], key, layers, units)
                for name, key in zip(STARTS, keys, strict=True)
            ]
        )
        x, cotangent = jax.random.normal(key, (2, INPUTS, units))
        return jax.lax.map(lambda one: through(one, x, cotangent), kernels)

    of_all = jax.jit(lambda keys: jax.lax.map(of_seed, keys), compiler_options=ONCE)
    return Signals(*map(np.asarray, of_all(jax.random.split(key, seeds))))


def through(
    kernels: Float[Array, "layers units units"],
    x: Float[Array, "examples units"],
    cotangent: Float[Array, "examples units"],
) -> tuple[Float[Array, "activations layers"], Float[Array, "activations layers"]]:
    """Nets with the same weights, forwards and backwards.

    Args:
      kernels: of all layers.
      x: inputs.
      cotangent: what the outputs are multiplied by.

    Returns:
      What `Signals` has, for each of `ACTIVATIONS`.
    """
    many = (len(ACTIVATIONS), *x.shape)

    def objective(zeros: Float[Array, "layers ..."]) -> tuple[Array, Array]:
        def layer(h: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
            kernel, zero = inputs
            sums = h @ kernel + zero
            each = zip(ACTIVATIONS.values(), sums, strict=True)
            h = jnp.stack([activation(rows) for activation, rows in each])
            return h, h.std(axis=(1, 2))

        h, stds = jax.lax.scan(layer, jnp.broadcast_to(x[None], many), (kernels, zeros))
        return jnp.sum(h * jnp.broadcast_to(cotangent[None], many)), stds

    # The gradient with respect to a zero that is added to a layer's sums is theirs.
    zeros = jnp.zeros((len(kernels), *many))
    gradients, stds = jax.grad(objective, has_aux=True)(zeros)
    return stds.T, _rms(gradients).T


def factor(sizes: Float[np.ndarray, "seeds layers"]) -> Float[np.ndarray, " seeds"]:
    """What a layer multiplies a gradient by on its way back.

    The geometric mean over the last `LAST` layers, for each seed.
    """
    last = sizes[:, -LAST:].astype(float)
    with np.errstate(invalid="ignore"):  # Infinite over infinite is NaN.
        return (last[:, 0] / last[:, -1]) ** (1 / (last.shape[1] - 1))


def _kernels(draw: Initializer, key: PRNGKey, layers: int, units: int) -> Array:
    keys = jax.random.split(key, layers)
    return jax.vmap(lambda key: draw(key, (units, units), jnp.float32))(keys)


def _rms(a: Float[Array, "*rows examples units"]) -> Float[Array, "*rows"]:
    # Squares of 1e-30 are no float32.
    scale = jnp.maximum(jnp.abs(a).max(axis=(-2, -1)), jnp.finfo(a.dtype).tiny)
    scaled = a / jnp.broadcast_to(scale[..., None, None], a.shape)
    return scale * jnp.sqrt(jnp.mean(scaled**2, axis=(-2, -1)))
