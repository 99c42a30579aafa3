"""A problem that any line through one coordinate solves, and adaptive rules do not.

Each example has its label y in the first coordinate, 1 in the next two, and ones in
coordinates that no other example has: one of them if y is 1, five if y is -1. There
are more examples with y = 1. Least squares from zero: gradient descent finds the
solution of least norm, which reads the first coordinate. A rule that divides each
coordinate's gradient by its own size moves all coordinates alike, and ends at a
multiple of ``sign(X^T y)``. On a new example, whose own coordinates were never seen,
that says y + 2: always 1.

References:
  Wilson et al., *The Marginal Value of Adaptive Gradient Methods in Machine
  Learning*, 2017, section 3.3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.optimizers.compiling import compiled
from experiments.optimizers.rules import RULES, any_rule, descend

OWN = 5
"""Coordinates that are an example's own."""

SHARE = 0.75
"""Of examples with y = 1; above a half."""

EXAMPLES = 40

NEW = 1000
"""Examples to test with."""

STEPS = 400

RATES = np.geomspace(1e-3, 3.0, 8)


class Problem(NamedTuple):
    """Examples and labels.

    Attributes:
      x: (examples, 3 + 5 examples).
      y: 1 or -1, (examples,).
    """

    x: np.ndarray
    y: np.ndarray


def draw(examples: int, seed: int) -> Problem:
    """A problem whose labels are drawn, 1 with probability `SHARE`."""
    y = _labels(examples, np.random.default_rng(seed))
    x = np.zeros((examples, 3 + OWN * examples), np.float32)
    x[:, 0], x[:, 1:3] = y, 1.0
    for i in range(examples):
        first = 3 + OWN * i
        x[i, first : first + (1 if y[i] > 0 else OWN)] = 1.0
    return Problem(x, y.astype(np.float32))


class Found(NamedTuple):
    """What a rule found on the problem of each seed.

    Attributes:
      rate: the learning rate with the lowest training loss, (seeds,).
      loss: that loss, (seeds,).
      weights: of the first three coordinates, (seeds, 3).
      accuracy: on new examples, in percent, (seeds,).
      always: that of saying 1 to all of them, (seeds,).
    """

    rate: np.ndarray
    loss: np.ndarray
    weights: np.ndarray
    accuracy: np.ndarray
    always: np.ndarray


def solve_all(seeds: range) -> dict[str, Found]:
    """Least squares from zero with all rules, by rule."""
    problems = [draw(EXAMPLES, seed) for seed in seeds]
    x, y = (np.stack(part) for part in zip(*problems, strict=True))

    def run(
        which: Array, rate: Array, x: Array, y: Array
    ) -> tuple[Float[Array, ""], Float[Array, "3"]]:
        def loss(w: Array) -> Float[Array, ""]:
            return jnp.mean((x @ w - y) ** 2)

        start = jnp.zeros(x.shape[1])
        places = descend(jax.grad(loss), any_rule(which, rate), start, STEPS)
        return loss(places[-1]), places[-1, :3]

    many = jax.vmap(jax.vmap(run, (None, None, 0, 0)), (None, 0, None, None))
    many = jax.vmap(many, (0, None, None, None))
    args = [jnp.asarray(a, jnp.float32) for a in (range(len(RULES)), RATES, x, y)]
    losses, weights = map(np.asarray, compiled(many, *args)(*args))
    best = np.where(np.isnan(losses), np.inf, losses).argmin(axis=1)
    found = {}
    for i, rule in enumerate(RULES):
        at = i, best[i], np.arange(len(seeds))
        own = weights[at]
        labels = [_labels(NEW, np.random.default_rng((seed, 1))) for seed in seeds]
        found[rule] = Found(
            RATES[best[i]],
            losses[at],
            own,
            np.array([accuracy(w, y) for w, y in zip(own, labels, strict=True)]),
            np.array([100 * float(np.mean(y > 0)) for y in labels]),
        )
    return found


def accuracy(
    weights: Float[np.ndarray, "3"], labels: Float[np.ndarray, " examples"]
) -> float:
    """In percent, on new examples: their own coordinates still have the weight 0."""
    outputs = weights[0] * labels + weights[1] + weights[2]
    return 100 * float(np.mean(outputs * labels > 0))


def _labels(examples: int, rng: np.random.Generator) -> Float[np.ndarray, " examples"]:
    return np.where(rng.random(examples) < SHARE, 1.0, -1.0)
