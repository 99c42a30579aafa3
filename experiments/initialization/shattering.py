"""Shattered gradients: what the gradient here says about the gradient next to it.

Inputs lie on a circle in n dimensions. Between two of them at an angle, the
correlation (the cosine) of the gradients of one output with respect to the input is
measured, in nets ``h <- W relu(h)`` with He's weights, with and without skip
connections. For many units it is known: with c the cosine of the angle,

    k(c) = 1 - arccos(c) / pi                              of the gradients of a relu
    m(c) = (sqrt(1 - c^2) + c (pi - arccos(c))) / pi       of its outputs

a layer multiplies the correlation by k(c) and takes c to m(c); with a skip connection
it multiplies by (1 + k(c)) / 2 and takes c to (c + m(c)) / 2.

References:
  Balduzzi et al., *The Shattered Gradients Problem*, 2017.
  Cho and Saul, *Kernel Methods for Deep Learning*, 2009, for k and m.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnet.initializers import he_normal
from jaxnet.programs import ONCE
from jaxnet.types import PRNGKey

ANGLES = np.concatenate([[0.0], np.geomspace(0.003, np.pi, 24)])
"""Between an input and its neighbour, in radians."""

NETS = 10
"""For each seed: they differ much, and cost little."""

NEAR = 0.1
"""The angle of neighbours that numbers are given for, in radians."""


class Shattering(NamedTuple):
    """Correlations of gradients, by depth.

    Attributes:
      plain: by the number of layers, each (nets, angles).
      skip: likewise, with skip connections.
    """

    plain: dict[int, Float[np.ndarray, "nets angles"]]
    skip: dict[int, Float[np.ndarray, "nets angles"]]


def measure(key: PRNGKey, nets: int, units: int, depths: tuple[int, ...]) -> Shattering:
    """Nets of some depths, with the same weights with and without skips.

    Args:
      key: of all nets.
      nets: of each kind.
      units: of each layer, and inputs.
      depths: numbers of layers with a relu.
    """
    kinds = jnp.array([(depth, skip) for skip in (0.0, 1.0) for depth in depths])

    def of_net(key: PRNGKey) -> Array:
        keys = jax.random.split(key, 4)
        first = he_normal(keys[0], (units, units), jnp.float32)
        kernels = jax.vmap(lambda k: he_normal(k, (units, units), jnp.float32))(
            jax.random.split(keys[1], depths[-1])
        )
        last = jax.random.normal(keys[2], (units,))
        plane, _ = jnp.linalg.qr(jax.random.normal(keys[3], (units, 2)))
        x = jnp.stack([jnp.cos(ANGLES), jnp.sin(ANGLES)], axis=1) @ plane.T

        def of_kind(kind: Array) -> Array:
            depth, skip = kind

            def layer(h: Array, inputs: tuple[Array, Array]) -> tuple[Array, None]:
                i, kernel = inputs
                # Over sqrt(2), so that 32 skip connections do not overflow.
                y = (jax.nn.relu(h) @ kernel + skip * h) / jnp.sqrt(1.0 + skip)
                return jnp.where(i < depth, y, h), None

            def outputs(x: Array) -> Array:
                layers = (jnp.arange(float(len(kernels))), kernels)
                h, _ = jax.lax.scan(layer, x @ first, layers)
                return (h @ last).sum()  # No output depends on another's input.

            gradients = jax.grad(outputs)(x)
            lengths = jnp.linalg.norm(gradients, axis=1)
            return gradients @ gradients[0] / (lengths * lengths[0])

        return jax.lax.map(of_kind, kinds)

    of_all = jax.jit(lambda keys: jax.lax.map(of_net, keys), compiler_options=ONCE)
    found = np.asarray(of_all(jax.random.split(key, nets)))
    plain, skip = found[:, : len(depths)], found[:, len(depths) :]
    return Shattering(
        {depth: plain[:, i] for i, depth in enumerate(depths)},
        {depth: skip[:, i] for i, depth in enumerate(depths)},
    )


def expected(depth: int, *, skip: bool) -> Float[np.ndarray, " angles"]:
    """The correlation at `ANGLES` in nets of infinitely many units."""
    c, correlation = np.cos(ANGLES), np.ones_like(ANGLES)
    for _ in range(depth):
        angle = np.arccos(np.clip(c, -1.0, 1.0))
        k = 1 - angle / np.pi
        m = (np.sin(angle) + c * (np.pi - angle)) / np.pi
        correlation = correlation * ((1 + k) / 2 if skip else k)
        c = (c + m) / 2 if skip else m
    return correlation


def near(correlations: Float[np.ndarray, "nets angles"]) -> np.ndarray:
    """The correlation with the neighbour at the angle `NEAR`, (nets,)."""
    return np.array([np.interp(NEAR, ANGLES, row) for row in correlations])
