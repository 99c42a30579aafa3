"""One example, some, or all of them in each step: a net for digits, three ways.

Gradient descent takes one step an epoch, and stochastic gradient descent one for
each example. Each has its own learning rate, that which is the fastest to reach a
training loss of 0.1 on seeds of its own.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.optimizers.compiling import compiled
from experiments.sweep import digits
from jaxnet.metrics import compute
from jaxnet.training import TrainState, supervised
from jaxnet.types import Batch, Hypers, PRNGKey

WIDTH = 16

EXAMPLES = 512
"""Of the digits' training set: all of them in a step are many enough."""

TARGET = 0.1
"""The training loss to be reached."""

RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

TUNED_ON = 3
"""Runs with each learning rate that choose it."""


class Way(NamedTuple):
    """How to go through the examples.

    Attributes:
      batch_size: examples in a step.
      epochs: passes over the examples.
      every: passes between two evaluations.
    """

    batch_size: int
    epochs: int
    every: int


WAYS = {
    "one": Way(1, 12, 1),
    "some": Way(16, 50, 1),
    "all": Way(EXAMPLES, 400, 5),
}


class Runs(NamedTuple):
    """The runs of one way with its best learning rate.

    Attributes:
      rate: the learning rate.
      epochs: when the loss was evaluated.
      steps: likewise.
      seconds: likewise, evaluations included, (seeds, evaluations).
      losses: on all training examples, (seeds, evaluations).
    """

    rate: float
    epochs: np.ndarray
    steps: np.ndarray
    seconds: np.ndarray
    losses: np.ndarray

    def until(self, what: np.ndarray) -> np.ndarray:
        """The epochs, steps or seconds until each seed's loss is below `TARGET`."""
        rows = np.broadcast_to(what, self.losses.shape)
        return np.take_along_axis(rows, reached(self.losses)[:, None], axis=1)[:, 0]


def reached(losses: Float[np.ndarray, "seeds evaluations"]) -> np.ndarray:
    """The place where each seed's loss is below `TARGET`; the last if it never is."""
    below = losses < TARGET
    return np.where(below.any(axis=1), below.argmax(axis=1), below.shape[1] - 1)


def build(h: Hypers) -> jaxnet.Task:
    """A small net.

    Args:
      h: "learning_rate", "batch_size".
    """
    return jaxnet.Task(
        model=jaxnet.mlp(WIDTH, 10),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer("sgd", h["learning_rate"]),
        batch_size=h["batch_size"],
    )


def data(seed: int) -> Batch:
    """The examples."""
    return jax.tree.map(lambda a: a[:EXAMPLES], digits.load(seed).train)


Start = tuple[TrainState, PRNGKey]
"""The first state of a run, and its key."""


class Prepared(NamedTuple):
    """All that is needed to train, compiled.

    Attributes:
      programs: by way: ``(rate, start) -> losses``.
      tuning: starts of the runs that choose the rates.
      starts: one for each seed, the same for all ways.
    """

    programs: dict[str, Callable[[Array, Start], Array]]
    tuning: list[Start]
    starts: list[Start]


def prepare(train: Batch, seeds: range) -> Prepared:
    """Compiles one program for each way."""
    recipe = supervised(build)
    hypers = {"learning_rate": 0.0, "batch_size": 1}
    key = jax.random.key(seeds[0])
    init = compiled(lambda key: recipe.init(hypers, key, train), key)

    def start(key: PRNGKey) -> Start:
        init_key, train_key = jax.random.split(key)
        return init(init_key), train_key

    tuning = [start(jax.random.fold_in(key, i)) for i in range(TUNED_ON)]
    starts = [start(jax.random.key(seed)) for seed in seeds]
    args = jnp.float32(0.0), starts[0]
    programs = {
        name: compiled(partial(_run, way, train), *args) for name, way in WAYS.items()
    }
    return Prepared(programs, tuning, starts)


def _run(
    way: Way, train: Batch, rate: Array, start: Start
) -> Float[Array, " evaluations"]:
    """One run: the loss on all examples after every so many epochs."""
    recipe = supervised(build)
    hypers = {"learning_rate": rate, "batch_size": way.batch_size}
    state, key = start

    def epoch(state: TrainState, i: Array) -> tuple[TrainState, None]:
        of_epoch = jax.random.fold_in(key, i)
        return recipe.epoch(hypers, state, train, of_epoch)[0], None

    def block(state: TrainState, first: Array) -> tuple[TrainState, Array]:
        state, _ = jax.lax.scan(epoch, state, first + jnp.arange(way.every))
        return state, compute(recipe.evaluate(hypers, state, train))["loss"]

    return jax.lax.scan(block, state, jnp.arange(0, way.epochs, way.every))[1]


def train_all(prepared: Prepared) -> dict[str, Runs]:
    """Chooses each way's rate and trains, one run at a time, so that each is timed."""
    return {
        name: _train(way, prepared.programs[name], prepared)
        for name, way in WAYS.items()
    }


def _train(
    way: Way, program: Callable[[Array, Start], Array], prepared: Prepared
) -> Runs:
    def timed(rate: float, start: Start) -> tuple[np.ndarray, float]:
        began = time.perf_counter()
        losses = np.asarray(program(jnp.float32(rate), start))
        return losses, time.perf_counter() - began

    late = []
    for rate in RATES:
        losses = np.stack([timed(rate, start)[0] for start in prepared.tuning])
        late.append(reached(losses).mean())
    rate = RATES[int(np.argmin(late))]
    found = [timed(rate, start) for start in prepared.starts]
    epochs = np.arange(way.every, way.epochs + 1, way.every)
    seconds = np.array([one[1] for one in found])
    return Runs(
        rate,
        epochs,
        epochs * (EXAMPLES // way.batch_size),
        seconds[:, None] * epochs / way.epochs,
        np.stack([one[0] for one in found]),
    )
