"""Adam's counter-example: a convex problem on which it goes to the worst point.

A player in [-1, 1] pays ``slope * x`` in each round. The slope is large and positive
now and then, small and negative otherwise, and positive on average: -1 is the best
place. Adam divides by what it has seen of late, so the rare large slope counts for
little, and the many small ones win. AMSGrad divides by the largest it has ever seen.

References:
  Reddi, Kale & Kumar, *On the Convergence of Adam and Beyond*, 2018: theorem 1, the
  synthetic experiment of section 5, and the stochastic problem of theorem 3.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

import jaxnet
from experiments.optimizers.compiling import compiled
from experiments.optimizers.rules import one_of

PLAYERS = ("adam", "amsgrad", "sgd")

KEPT = 400
"""Places of a run that are kept for the figure, evenly spaced."""


class Game(NamedTuple):
    """One of the problems.

    Attributes:
      large: the rare slope.
      small: the usual slope, below zero.
      share: of the rounds that have the large one.
      b1: of Adam and AMSGrad.
      b2: likewise.
      rate: the learning rate in round t is ``rate / sqrt(t)``.
      random: whether the large slope comes by chance, or in every ``1 / share``-th
        round.
    """

    large: float
    small: float
    share: float
    b1: float
    b2: float
    rate: float
    random: bool

    @property
    def mean(self) -> float:
        """The mean slope."""
        return self.share * self.large + (1 - self.share) * self.small


# Theorem 1 has b2 = 1 / (1 + large^2). The numbers of "rare" are those of section 5,
# whose learning rate is not said.
GAMES = {
    "theorem": Game(3.0, -1.0, 1 / 3, 0.0, 0.1, 0.1, False),
    "rare": Game(1010.0, -10.0, 1 / 101, 0.9, 0.99, 1.0, False),
    "random": Game(10.0, -1.0, 1.2 / 11, 0.9, 0.9, 0.1, True),
}


def slopes(game: Game, rounds: int, seed: int) -> Float[Array, " rounds"]:
    """The slope of each round."""
    if game.random:
        drawn = jax.random.uniform(jax.random.key(seed), (rounds,))
        rare = drawn < game.share
    else:
        rare = jnp.arange(rounds) % round(1 / game.share) == 0
    return jnp.where(rare, game.large, game.small)


def play(
    game: Game, slopes: Float[Array, " rounds"], which: Float[Array, ""]
) -> Float[Array, " rounds"]:
    """The places of a player, who starts at 0 and stays in [-1, 1]."""

    def rate(step: ArrayLike) -> Array:
        return game.rate / jnp.sqrt(jnp.asarray(step) + 1.0)

    adaptive = [
        jaxnet.optimizer(name, rate, b1=game.b1, b2=game.b2) for name in PLAYERS[:2]
    ]
    rule = one_of([*adaptive, jaxnet.optimizer("sgd", rate)], which)
    start = jnp.zeros(())

    def step(carry: tuple[Array, Any], slope: Array) -> tuple[tuple[Array, Any], Array]:
        x, state = carry
        update, state = rule.update(slope, state, x)
        x = jnp.clip(x + jnp.asarray(update), -1.0, 1.0)
        return (x, state), x

    return jax.lax.scan(step, (start, rule.init(start)), slopes)[1]


class Played(NamedTuple):
    """What came of a game.

    Attributes:
      rounds: those that are kept, (kept,).
      places: by player, each (seeds, kept).
      last: by player, the mean place over the last tenth of the rounds, (seeds,).
    """

    rounds: np.ndarray
    places: dict[str, np.ndarray]
    last: dict[str, np.ndarray]


def play_all(rounds: int, seeds: range) -> dict[str, Played]:
    """All games; those without chance are played once."""
    which = jnp.arange(float(len(PLAYERS)))
    kept = np.unique(np.geomspace(1, rounds, KEPT).astype(int)) - 1
    many = jax.vmap(jax.vmap(play, (None, 0, None)), (None, None, 0))
    found, program = {}, None
    for name, game in GAMES.items():
        drawn = jnp.stack([slopes(game, rounds, seed) for seed in seeds])
        args = Game(*map(jnp.float32, game)), drawn, which
        program = program or compiled(many, *args)
        # Without chance all seeds are the same.
        places = np.asarray(program(*args))[:, : None if game.random else 1]
        last = places[:, :, -(rounds // 10) :].mean(axis=-1)
        found[name] = Played(
            kept + 1,
            dict(zip(PLAYERS, places[:, :, kept], strict=True)),
            dict(zip(PLAYERS, last, strict=True)),
        )
    return found
