"""The noise of the gradient, measured: how large is a batch that is large enough?

With G the gradient on all training examples and Sigma the covariance of those of the
single examples, ``B = tr(Sigma) / |G|^2`` is the batch whose noise is as large as its
signal. A batch that is much smaller is mostly noise, and one twice as large allows a
rate twice as large; one that is much larger gains nothing.

References:
  McCandlish et al., *An Empirical Model of Large-Batch Training*, 2018, eq. 2.7, 2.9
  and appendix A.1; Quenouille, *Notes on Bias in Estimation*, 1956, for the jackknife.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from experiments.batch_size.problem import task
from jaxnet.data.batching import take_rows
from jaxnet.statistics import Interval, mean_interval
from jaxnet.types import Batch, Params, PRNGKey

SMALL, LARGE = 16, 256
"""The two batch sizes."""

DRAWS = 64
"""How many batches of both sizes."""


class Noise(NamedTuple):
    """Sums of squares of gradients.

    Attributes:
      signal: ``|G|^2``.
      noise: ``tr(Sigma)``.
    """

    signal: Float[Array, "*shape"]
    noise: Float[Array, "*shape"]

    def scale(self) -> Interval:
        """The batch size at which noise and signal are equal, over all seeds.

        Both are averaged before they are divided: they are unbiased, and quotients of
        them are not. The interval is the jackknife's.
        """
        signal, noise = (np.asarray(a, float).ravel() for a in self)
        n, whole = len(noise), noise.mean() / signal.mean()
        without = (noise.sum() - noise) / (signal.sum() - signal)
        return mean_interval(n * whole - (n - 1) * without)


def by_example(params: Params, data: Batch) -> Noise:
    """From the gradient of every example: no estimate, but all that there is."""

    def sums(rows: Int[Array, " rows"]) -> tuple[Float[Array, ""], Params]:
        each = jax.vmap(lambda row: gradient(params, take_rows(data, row)))
        grads = each(rows[:, None])
        return _squared(grads), jax.tree.map(lambda a: a.sum(axis=0), grads)

    count = len(data[1])
    squares, grads = jax.lax.map(sums, jnp.arange(count).reshape(-1, SMALL))
    signal = _squared(jax.tree.map(lambda a: a.sum(axis=0) / count, grads))
    return Noise(signal, squares.sum() / count - signal)


def by_batches(params: Params, data: Batch, key: PRNGKey) -> Noise:
    """From the gradients of batches of two sizes, without that of any one example.

    ``E|G_b|^2 = |G|^2 + tr(Sigma) / b`` for a batch whose examples are drawn
    independently; two sizes give two equations. Both results are unbiased, their
    ratio is not.
    """
    means = []
    for size, one in zip((SMALL, LARGE), jax.random.split(key), strict=True):
        rows = jax.random.randint(one, (DRAWS, size), 0, len(data[1]))
        drawn = jax.lax.map(
            lambda rows: _squared(gradient(params, _any_rows(data, rows))), rows
        )
        means.append(drawn.mean())
    small, large = means
    signal = (LARGE * large - SMALL * small) / (LARGE - SMALL)
    return Noise(signal, (small - large) / (1 / SMALL - 1 / LARGE))


def gradient(params: Params, data: Batch) -> Params:
    """Of the mean loss, without penalty."""
    one, (x, y) = task(1.0, 1), data
    return jax.grad(lambda p: one.loss(one.model.apply(p, (), x)[0], y))(params)


def _any_rows(data: Batch, rows: Int[Array, " batch"]) -> Batch:
    """The batch made of these rows, of which one may come twice."""
    return jax.tree.map(lambda a: a[rows], data)


def _squared(grads: Params) -> Float[Array, ""]:
    return sum((jnp.vdot(a, a) for a in jax.tree.leaves(grads)), start=jnp.zeros(()))
