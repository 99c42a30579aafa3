"""Momentum and Nesterov's method: the lecture's equations, overshoot, and speed.

The lecture's velocity v is a step, with the learning rate in it:

    momentum, eq. (4)    v <- u v - rate * gradient(x)          x <- x + v
    Nesterov, eq. (5)    v <- u v - rate * gradient(x + u v)    x <- x + v

Its first slide of eq. (4) has w for the new v, which is a slip: then v stays 0, and x
where it is. `jaxnet.optimizer("momentum", rate, momentum=u)` goes to the same places
x, and ``"nesterov"`` to x + u v, where the gradient is taken.

References:
  Polyak, *Some Methods of Speeding up the Convergence of Iteration Methods*, 1964.
  Nesterov, *Introductory Lectures on Convex Optimization*, 2004, section 2.2.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.optimizers.compiling import compiled
from experiments.optimizers.rules import descend, one_of

Gradient = Callable[[np.ndarray], np.ndarray]

MOMENTUM = 0.9

FAST = ("sgd", "momentum", "nesterov")

DIMENSIONS = 20

NOTHING = 1e-25
"""A distance that float32 can still tell from zero."""


def momentum(
    gradient: Gradient, x: np.ndarray, v: np.ndarray, rate: np.ndarray, u: float
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the lecture's eq. (4)."""
    v = u * v - rate * gradient(x)
    return x + v, v


def nesterov(
    gradient: Gradient, x: np.ndarray, v: np.ndarray, rate: np.ndarray, u: float
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the lecture's eq. (5)."""
    v = u * v - rate * gradient(x + u * v)
    return x + v, v


STEPS = {"momentum": momentum, "nesterov": nesterov}


def walk(
    rule: str,
    gradient: Gradient,
    start: np.ndarray,
    rate: np.ndarray | float,
    steps: int,
    u: float = MOMENTUM,
) -> tuple[np.ndarray, np.ndarray]:
    """Places and velocities from the start on, each (steps + 1, *start.shape)."""
    x, v = np.asarray(start, float), np.zeros_like(start, float)
    found = [(x, v)]
    for _ in range(steps):
        x, v = STEPS[rule](gradient, x, v, np.asarray(rate), u)
        found.append((x, v))
    places, velocities = zip(*found, strict=True)
    return np.stack(places), np.stack(velocities)


def moved_as_printed(steps: int = 50) -> float:
    """How far eq. (4) moves x from 1 with w in the place of the new v."""
    x, v = 1.0, 0.0
    for _ in range(steps):
        _w = MOMENTUM * v - 0.1 * x
        x = x + v
    return abs(x - 1.0)


def overshoot(rule: str, rates: np.ndarray, steps: int = 2000) -> np.ndarray:
    """How far beyond the minimum a rule goes, as a share of where it began.

    Args:
      rule: "momentum" or "nesterov".
      rates: learning rates, in units of 1 / curvature. Up to 1 gradient descent
        without momentum does not overshoot.
      steps: how many to look at.
    """
    places, _ = walk(rule, lambda x: x, np.ones_like(rates), rates, steps)
    return np.maximum(0.0, -places.min(axis=0))


def same_as_library(steps: int = 50) -> float:
    """The largest distance between the lecture's equations and `jaxnet.optimizer`."""
    curvature, start, rate = np.array([1.0, 30.0]), np.array([3.0, -1.0]), 0.02
    worst = 0.0
    for rule in STEPS:
        places, velocities = walk(rule, lambda x: curvature * x, start, rate, steps)
        if rule == "nesterov":  # Where the gradient is taken.
            places = places + MOMENTUM * velocities
        ours = descend(
            lambda x: jnp.asarray(curvature, jnp.float32) * x,
            jaxnet.optimizer(rule, rate, momentum=MOMENTUM),
            jnp.asarray(start, jnp.float32),
            steps,
        )
        worst = max(worst, float(abs(np.asarray(ours) - places).max()))
    return worst


def best_numbers(rule: str, condition: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The learning rate and momentum for curvatures from 1 to ``condition``."""
    root = np.sqrt(condition)
    if rule == "sgd":
        return 2 / (condition + 1), np.zeros_like(root)
    if rule == "momentum":
        return 4 / (root + 1) ** 2, ((root - 1) / (root + 1)) ** 2
    return 1 / condition, (root - 1) / (root + 1)


def formula(rule: str, condition: np.ndarray) -> np.ndarray:
    """By how much a step shrinks the distance in the long run, with these numbers."""
    root = np.sqrt(condition)
    if rule == "sgd":
        return (condition - 1) / (condition + 1)
    return (root - 1) / (root + 1) if rule == "momentum" else 1 - 1 / root


def shrinking(conditions: np.ndarray, seeds: range) -> dict[str, np.ndarray]:
    """The same, measured on random quadratic functions.

    Each has curvatures between 1 and the condition number, both ends among them, and
    starts at random.

    Returns:
      By rule, each (conditions, seeds).
    """
    drawn = [np.random.default_rng(seed) for seed in seeds]
    between = np.stack([rng.random(DIMENSIONS - 2) for rng in drawn])
    powers = np.pad(between, ((0, 0), (1, 1)), constant_values=(0, 1))
    starts = np.stack([rng.normal(size=DIMENSIONS) for rng in drawn])
    curvatures = conditions[:, None, None] ** powers
    # As many as the slowest needs.
    slowest = -np.log(formula("sgd", conditions.max()))
    steps = int(-np.log(NOTHING) / slowest) + 1

    def distances(
        which: Array, rate: Array, u: Array, curvature: Array, start: Array
    ) -> Float[Array, " steps"]:
        rules = [jaxnet.optimizer("sgd", rate)]
        rules += [jaxnet.optimizer(name, rate, momentum=u) for name in FAST[1:]]
        places = descend(lambda x: curvature * x, one_of(rules, which), start, steps)
        return jnp.sqrt(jnp.sum(places**2, axis=1))

    many = jax.vmap(distances, (None, None, None, 0, 0))
    many = jax.vmap(many, (None, 0, 0, 0, None))
    found, program = {}, None
    for i, rule in enumerate(FAST):
        numbers = (np.float32(i), *best_numbers(rule, conditions), curvatures, starts)
        args = [jnp.asarray(number, jnp.float32) for number in numbers]
        program = program or compiled(many, *args)
        found[rule] = _rates(np.asarray(program(*args)))
    return found


def _rates(distances: np.ndarray) -> np.ndarray:
    """The shrinking per step over the second half of the way to nothing."""
    last = (distances > NOTHING).cumprod(axis=-1).sum(axis=-1) - 1
    ends = np.stack([last // 2, last], axis=-1)
    logs = np.log(np.take_along_axis(distances, ends, axis=-1))
    return np.exp((logs[..., 1] - logs[..., 0]) / (last - last // 2))


def steps_for_a_tenth(rate: np.ndarray) -> np.ndarray:
    """Steps that shrink the distance ten times."""
    return -np.log(10.0) / np.log(rate)
