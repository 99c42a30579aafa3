"""The lectures' update rules, all in one compiled program.

A rule shapes its program, and `jaxnet.sweep` would compile one for each. Here a float
says which rule counts: all of them are computed in every step, which for a small net
takes less time than to compile eight programs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

import jaxnet
from jaxnet.types import Params

RULES = (
    "sgd",
    "momentum",
    "nesterov",
    "adagrad",
    "adadelta",
    "rmsprop",
    "adam",
    "amsgrad",
)
"""What the lectures name, by the names of `jaxnet.optimizer`."""

NUMBERS = {name: float(i) for i, name in enumerate(RULES)}
"""Which one, as a number that can be traced."""


def one_of(
    rules: Sequence[optax.GradientTransformation], which: float | Float[Array, ""]
) -> optax.GradientTransformation:
    """The rule with the number ``which``, which may be traced.

    Args:
      rules: optax transformations.
      which: from 0 to ``len(rules) - 1``.

    >>> both = one_of([optax.sgd(0.1), optax.sgd(0.5)], 1.0)
    >>> update, _ = both.update(jnp.ones(1), both.init(jnp.ones(1)))
    >>> print(update)
    [-0.5]
    """

    def init(params: Params) -> optax.OptState:
        return tuple(rule.init(params) for rule in rules)

    def update(
        updates: Params, state: Any, params: Params | None = None
    ) -> tuple[Params, Any]:
        pairs = zip(rules, state, strict=True)
        found = [rule.update(updates, own, params) for rule, own in pairs]

        def pick(*each: Array) -> Array:
            # No sum of products: what does not count may be infinite.
            picked = each[0]
            for i, one in enumerate(each[1:], start=1):
                picked = jnp.where(which == i, one, picked)
            return picked

        picked = jax.tree.map(pick, *[one[0] for one in found])
        return picked, tuple(one[1] for one in found)

    return optax.GradientTransformation(init, update)


def any_rule(
    which: float | Float[Array, ""], learning_rate: float | Array | optax.Schedule
) -> optax.GradientTransformation:
    """One of `RULES`, with its usual numbers."""
    rules = [jaxnet.optimizer(name, learning_rate) for name in RULES]
    # As one vector, since four small arrays for each rule are many small programs.
    return optax.flatten(one_of(rules, which))


def descend(
    gradient: Callable[[Array], Array],
    rule: optax.GradientTransformation,
    start: Float[Array, "..."],
    steps: int,
) -> Float[Array, "steps ..."]:
    """The places that a rule comes to, the start first: ``steps + 1`` of them."""

    def step(carry: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], Array]:
        place, state = carry
        updates, state = rule.update(gradient(place), state, place)
        place = jnp.asarray(optax.apply_updates(place, updates))
        return (place, state), place

    _, places = jax.lax.scan(step, (start, rule.init(start)), None, length=steps)
    return jnp.concatenate([start[None], places])
