"""What Adagrad does to the learning rate, and why RMSprop forgets.

Adagrad multiplies a coordinate's gradient with ``rate / sqrt(sum of g^2)``: more where
slopes are small, and less in every step. RMSprop takes a running mean for the sum, so
that after steep ground it speeds up again.

References:
  Duchi, Hazan & Singer, *Adaptive Subgradient Methods*, 2011. Tieleman & Hinton,
  *Neural Networks for Machine Learning*, lecture 6.5, 2012.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.optimizers import contours
from experiments.optimizers.compiling import compiled

STEEP, FLAT = 10.0, 1.0

STEEP_STEPS, STEPS = 100, 1000

RATE = 0.5
"""In the bowl."""

DECAY = 0.99
"""Of RMSprop's running mean: it forgets in some hundred steps."""


class Walk(NamedTuple):
    """What the rules multiply the gradient with, in units of the learning rate.

    Attributes:
      bowl: Adagrad in the bowl that is 50 times as steep along the second axis, from
        each start, (seeds, steps, 2).
      slope: Adagrad and RMSprop down a slope, steep for the first hundred steps and
        flat from there, each (steps,).
    """

    bowl: np.ndarray
    slope: dict[str, np.ndarray]


def measure(seeds: range, steps: int = 100) -> Walk:
    """The multipliers, which are updates over gradients."""
    surface = contours.SURFACES["along"]
    gradient = jax.grad(surface.value)

    def in_bowl(start: Array) -> Float[Array, "steps 2"]:
        rule = jaxnet.optimizer("adagrad", RATE)

        def step(carry: tuple[Array, Any], _: None) -> tuple[tuple, Array]:
            x, state = carry
            g = gradient(x)
            update, state = rule.update(g, state, x)
            update = jnp.asarray(update)
            return (x + update, state), -update / (RATE * g)

        return jax.lax.scan(step, (start, rule.init(start)), None, length=steps)[1]

    steep = np.arange(STEPS) < STEEP_STEPS
    slopes = jnp.asarray(np.where(steep, STEEP, FLAT), jnp.float32)

    def down_slope() -> list[Float[Array, " steps"]]:
        found = []
        rules = [
            jaxnet.optimizer("adagrad", 1.0),
            jaxnet.optimizer("rmsprop", 1.0, decay=DECAY),
        ]
        for rule in rules:

            def step(state: Any, g: Array, rule: Any = rule) -> tuple[Any, Array]:
                update, state = rule.update(g, state)
                return state, -update / g

            found.append(jax.lax.scan(step, rule.init(jnp.zeros(())), slopes)[1])
        return found

    low, high = np.array(surface.low), np.array(surface.high)
    own = [np.random.default_rng((seed, 2)).random(2) for seed in seeds]
    starts = jnp.asarray(low + (high - low) * np.stack(own), jnp.float32)
    bowl = np.asarray(compiled(jax.vmap(in_bowl), starts)(starts))
    slope = [np.asarray(one) for one in compiled(down_slope)()]
    return Walk(bowl, dict(zip(("adagrad", "rmsprop"), slope, strict=True)))
