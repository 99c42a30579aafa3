"""The noise of a mini-batch's gradient, measured beside the formula.

With the examples' gradients g_i, their mean g, and b examples in a batch,

    E |g_b - g|^2 = mean |g_i - g|^2 / b                      drawn with replacement
    E |g_b - g|^2 = mean |g_i - g|^2 / b * (n - b) / (n - 1)  without, as in an epoch

so the noise, its root, falls as 1 / sqrt(b), and without replacement to zero.

References:
  Cochran, *Sampling Techniques*, 1977, theorem 2.2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.optimizers import batches
from experiments.optimizers.compiling import compiled
from jaxnet.types import Batch, Params

DRAWS = 50
"""Batches of each size."""


class Noise(NamedTuple):
    """The noise by batch size, relative to that of a single example.

    Attributes:
      sizes: examples in a batch, (sizes,).
      replaced: measured, drawn with replacement, (seeds, sizes).
      unreplaced: measured, drawn without, (seeds, sizes).
    """

    sizes: np.ndarray
    replaced: np.ndarray
    unreplaced: np.ndarray

    def slopes(self) -> np.ndarray:
        """The exponent of b of each seed, by least squares: -1/2 by the formula."""
        logs = np.log(self.sizes)
        return np.polyfit(logs, np.log(self.replaced).T, 1)[0]


def shares(sizes: np.ndarray, examples: int) -> np.ndarray:
    """The formula without replacement, relative to a single example."""
    return np.sqrt((examples - sizes) / (examples - 1) / sizes)


def measure(train: Batch, weights: Sequence[Params], seeds: range) -> Noise:
    """The noise at given weights of the net, one for each seed."""
    x, y = train
    model = jaxnet.mlp(batches.WIDTH, 10)
    _, state = jax.eval_shape(model.init, jax.random.key(0), x)

    def gradients(weights: Params) -> Float[Array, "examples weights"]:
        def loss(weights: Params, x: Array, y: Array) -> Array:
            outputs, _ = model.apply(weights, state, x[None])
            return jaxnet.softmax_cross_entropy(outputs, y[None])

        each = jax.vmap(jax.grad(loss), (None, 0, 0))(weights, x, y)
        leaves = [leaf.reshape(len(x), -1) for leaf in jax.tree.leaves(each)]
        return jnp.concatenate(leaves, axis=1)

    sizes = 4 ** np.arange(int(np.log2(len(y)) / 2) + 1)
    program = compiled(gradients, weights[0])
    rows = []
    for seed, own in zip(seeds, weights, strict=True):
        found = np.asarray(program(own))
        centred = found - found.mean(axis=0)
        single = np.sqrt(np.mean(np.sum(centred**2, axis=1)))
        rng = np.random.default_rng(seed)
        rows.append(
            [draws(centred, sizes, rng, kind) / single for kind in (True, False)]
        )
    replaced, unreplaced = np.transpose(rows, (1, 0, 2))
    return Noise(sizes, replaced, unreplaced)


def draws(
    centred: np.ndarray, sizes: np.ndarray, rng: np.random.Generator, replace: bool
) -> np.ndarray:
    """The root of the mean of |g_b - g|^2 over batches, by size.

    A batch's gradient is the mean of those of its examples.

    Args:
      centred: g_i - g, (examples, weights).
      sizes: examples in a batch.
      rng: draws the batches.
      replace: whether an example may be in a batch twice.
    """
    n = len(centred)
    found = []
    for size in sizes:
        if replace:
            counts = np.zeros((DRAWS, n))
            drawn = rng.integers(n, size=(DRAWS, size))
            np.add.at(counts, (np.arange(DRAWS)[:, None], drawn), 1)
        else:
            counts = rng.permuted(np.tile(np.arange(n) < size, (DRAWS, 1)), axis=1)
        mean = (counts / size).astype(np.float32) @ centred
        found.append(np.sqrt(np.mean(np.sum(mean**2, axis=1))))
    return np.array(found)
