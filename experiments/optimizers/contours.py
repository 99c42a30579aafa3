"""The race in two dimensions: how many steps each rule takes, and on which way.

Every rule has its own learning rate, the best on average over ten starts, and is
judged on others. Newton's method, which knows the curvature, is the reference.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.optimizers.compiling import compiled
from experiments.optimizers.rules import NUMBERS, RULES, any_rule, descend

CONDITION = 50.0

ENOUGH = 1e-3
"""The value below which a rule has arrived; the minimum is 0."""

STEPS = 1000

NEWTON_STEPS = 30

RATES = np.geomspace(1e-4, 10.0, 21)
"""Four for each power of ten."""

TUNED_ON = 10
"""Starts that choose the learning rates."""


class Surface(NamedTuple):
    """A function of two variables whose minimum is 0.

    Attributes:
      value: ``(2,) -> scalar``.
      low: the lower left corner of where a start is drawn from.
      high: the upper right one.
      minimum: where it is.
    """

    value: Callable[[Array], Array]
    low: tuple[float, float]
    high: tuple[float, float]
    minimum: tuple[float, float]


def along(x: Float[Array, "2"]) -> Float[Array, ""]:
    """A quadratic bowl, 50 times as steep along the second axis."""
    return 0.5 * (x[0] ** 2 + CONDITION * x[1] ** 2)


def across(x: Float[Array, "2"]) -> Float[Array, ""]:
    """The same bowl, turned by 45 degrees."""
    return along(jnp.stack([x[0] + x[1], x[1] - x[0]]) / jnp.sqrt(2.0))


def valley(x: Float[Array, "2"]) -> Float[Array, ""]:
    """Rosenbrock's curved valley, 1960, with 10 in place of his 100."""
    return (1 - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2


SURFACES = {
    "along": Surface(along, (-2.0, -1.0), (2.0, 1.0), (0.0, 0.0)),
    "across": Surface(across, (-2.0, -1.0), (2.0, 1.0), (0.0, 0.0)),
    "valley": Surface(valley, (-1.5, -0.5), (0.0, 2.0), (1.0, 1.0)),
}


class Race(NamedTuple):
    """A race on one surface.

    Attributes:
      starts: those that were not tuned on, (seeds, 2).
      rates: the learning rate of each rule.
      steps: by rule, and "newton": until it stays below `ENOUGH`, (seeds,); STEPS if
        it does not.
      paths: by rule, and "newton": the places from the first start on.
    """

    starts: np.ndarray
    rates: dict[str, float]
    steps: dict[str, np.ndarray]
    paths: dict[str, np.ndarray]


def race_all(seeds: range) -> dict[str, Race]:
    """All rules, on all surfaces, with all rates, as one program."""
    starts = np.stack([_starts(surface, seeds) for surface in SURFACES.values()])
    which = np.array(list(NUMBERS.values()))
    numbers = np.arange(len(SURFACES))
    args = [jnp.asarray(a, jnp.float32) for a in (numbers, which, RATES, starts)]
    many = jax.vmap(_run, (None, None, None, 0))

    def first_path(*args: Array) -> tuple[Array, Array]:
        steps, places = many(*args)
        return steps, places[TUNED_ON]

    of_rates = jax.vmap(first_path, (None, None, 0, None))
    of_rules = jax.vmap(of_rates, (None, 0, None, None))
    of_all = jax.vmap(of_rules, (0, None, None, 0))
    steps, paths = map(np.asarray, compiled(of_all, *args)(*args))

    by_newton = jax.vmap(jax.vmap(newton, (None, 0)))
    ends = args[0], args[3]
    newton_steps, newton_paths = map(np.asarray, compiled(by_newton, *ends)(*ends))
    races = {}
    for i, name in enumerate(SURFACES):
        best = steps[i, :, :, :TUNED_ON].mean(axis=-1).argmin(axis=-1)
        chosen = {rule: (i, j, best[j]) for j, rule in enumerate(RULES)}
        races[name] = Race(
            starts[i, TUNED_ON:],
            {rule: float(RATES[at[-1]]) for rule, at in chosen.items()},
            {rule: steps[at][TUNED_ON:] for rule, at in chosen.items()}
            | {"newton": newton_steps[i, TUNED_ON:]},
            {rule: paths[at] for rule, at in chosen.items()}
            | {"newton": newton_paths[i, TUNED_ON]},
        )
    return races


def newton(number: Array, start: Float[Array, "2"]) -> tuple[Array, Array]:
    """Newton's method, ``x <- x - H^-1 g``: its steps, and its places."""
    gradient, hessian = jax.grad(_value, 1), jax.hessian(_value, 1)

    def step(x: Array, _: None) -> tuple[Array, Array]:
        x = x - jnp.linalg.solve(hessian(number, x), gradient(number, x))
        return x, x

    _, places = jax.lax.scan(step, start, None, length=NEWTON_STEPS)
    places = jnp.concatenate([start[None], places])
    return _arrival(number, places), places


def _run(
    number: Array, which: Array, rate: Array, start: Float[Array, "2"]
) -> tuple[Array, Array]:
    """A rule's steps on a surface, and its places."""
    gradient = jax.grad(_value, 1)
    rule = any_rule(which, rate)
    places = descend(lambda x: gradient(number, x), rule, start, STEPS)
    return _arrival(number, places), places


def _value(number: Array, x: Float[Array, "2"]) -> Float[Array, ""]:
    """The value of one of the surfaces."""
    total = jnp.zeros(())
    for i, surface in enumerate(SURFACES.values()):
        total += jnp.where(number == i, surface.value(x), 0.0)
    return total


def _starts(surface: Surface, seeds: range) -> np.ndarray:
    """Starts to tune on, and then one for each seed."""
    low, high = np.array(surface.low), np.array(surface.high)
    tuning = np.random.default_rng((seeds[0], 1)).random((TUNED_ON, 2))
    own = [np.random.default_rng((seed, 2)).random(2) for seed in seeds]
    return low + (high - low) * np.concatenate([tuning, own])


def _arrival(number: Array, places: Float[Array, "places 2"]) -> Float[Array, ""]:
    """Steps until all values are below `ENOUGH`; all of the steps if that never is."""
    values = jax.vmap(_value, (None, 0))(number, places)
    # A value that is not a number is not below.
    late = jnp.where(values < ENOUGH, 0, jnp.arange(len(places)) + 1).max()
    return jnp.where(late == len(places), STEPS, late).astype(jnp.float32)
