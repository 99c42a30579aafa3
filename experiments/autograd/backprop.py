"""Backpropagation by hand: lecture 003's net in vectors and matrices.

    a = V x,  h = sigmoid(a),  b = W h,  y = sigmoid(b),  l = sum((t - y)^2) / 2

The columns of the slides are rows here, one an example; a bias is the weight of an
input that is always 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

INPUTS, HIDDEN, OUTPUTS, EXAMPLES = 4, 5, 3, 16


class Weights(NamedTuple):
    """Both matrices; their last columns are the biases."""

    v: Any  # (hidden, inputs + 1)
    w: Any  # (outputs, hidden + 1)


class Gradients(NamedTuple):
    """All derivatives of the loss on the way back, as on the slides."""

    y: Array
    b: Array
    h: Array
    w: Array
    a: Array
    v: Array
    x: Array


def with_one(x: Float[Array, "n inputs"]) -> Float[Array, "n inputs+1"]:
    """The bias trick: an input that is always 1."""
    return jnp.concatenate([x, jnp.ones((len(x), 1), x.dtype)], axis=1)


@jax.jit
def squared_error(t: Array, y: Array) -> Array:
    """Half the sum of squares."""
    return 0.5 * jnp.sum((t - y) ** 2)


def loss(
    weights: Weights, x: Float[Array, "n inputs"], t: Float[Array, "n outputs"]
) -> Float[Array, ""]:
    """Of all examples together."""
    h = jax.nn.sigmoid(with_one(x) @ weights.v.T)
    y = jax.nn.sigmoid(with_one(h) @ weights.w.T)
    return squared_error(t, y)


def manual_backprop(
    weights: Weights, x: Float[Array, "n inputs"], t: Float[Array, "n outputs"]
) -> Gradients:
    """All gradients by the formulas of the slides, without autodiff."""
    h = jax.nn.sigmoid(with_one(x) @ weights.v.T)
    y = jax.nn.sigmoid(with_one(h) @ weights.w.T)
    dy = y - t
    db = dy * y * (1 - y)
    dw = db.T @ with_one(h)  # The sum over examples of delta h^T.
    dh = db @ weights.w[:, :-1]  # W^T delta; the 1 has no gradient to pass on.
    da = dh * h * (1 - h)
    dv = da.T @ with_one(x)
    dx = da @ weights.v[:, :-1]
    return Gradients(dy, db, dh, dw, da, dv, dx)


def by_autodiff(
    weights: Weights, x: Float[Array, "n inputs"], t: Float[Array, "n outputs"]
) -> Gradients:
    """The same by ``jax.grad``, of nothing added at each place on the way."""

    def moved(moves: Gradients) -> Array:
        a = with_one(x + moves.x) @ (weights.v + moves.v).T + moves.a
        h = jax.nn.sigmoid(a) + moves.h
        b = with_one(h) @ (weights.w + moves.w).T + moves.b
        return squared_error(t, jax.nn.sigmoid(b) + moves.y)

    n = len(x)
    shapes = [(n, OUTPUTS), (n, OUTPUTS), (n, HIDDEN), weights.w.shape, (n, HIDDEN)]
    nothing = Gradients(*map(jnp.zeros, [*shapes, weights.v.shape, x.shape]))
    return jax.grad(moved)(nothing)


def draw_problem(seed: int) -> tuple[Weights, np.ndarray, np.ndarray]:
    """Weights, inputs and targets of a seed."""
    random = np.random.default_rng(seed)
    v, w, x = (
        random.standard_normal(shape, np.float32)
        for shape in ((HIDDEN, INPUTS + 1), (OUTPUTS, HIDDEN + 1), (EXAMPLES, INPUTS))
    )
    t = random.random((EXAMPLES, OUTPUTS), np.float32)
    return Weights(v / 2, w / 2), x, t


def differences(seeds: range) -> dict[str, np.ndarray]:
    """The largest distance of hand and autodiff, beside the largest gradient.

    Returns:
      By the name in `Gradients`, (seeds,).
    """
    problems = [draw_problem(seed) for seed in seeds]
    stacked = jax.tree.map(lambda *rows: np.stack(rows), *problems)
    hand = jax.jit(jax.vmap(manual_backprop))(*stacked)
    ours = jax.jit(jax.vmap(by_autodiff))(*stacked)
    found = {}
    for name, one, other in zip(Gradients._fields, hand, ours, strict=True):
        axes = tuple(range(1, one.ndim))
        distance = np.abs(np.asarray(one) - np.asarray(other)).max(axis=axes)
        found[name] = distance / np.abs(np.asarray(other)).max(axis=axes)
    return found
