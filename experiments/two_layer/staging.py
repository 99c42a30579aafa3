"""The same training step run in three ways: dynamic, static, and static in a loop.

* eager: Python calls one operation after the other, as PyTorch does, and finds the
  gradient anew each time;
* jit: the step is traced once, and its graph compiled; Python calls it for each step;
* scan: the graph has the loop as well, and Python calls it once for many steps.

They take turns, so that whatever else the machine does is shared by all.
"""

import functools
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnet
from experiments.two_layer.config import Config
from experiments.two_layer.nets import OUTPUTS, Start, pytorch_net, start
from jaxnet.training import TrainState

WAYS = ("eager", "jit", "scan")

Way = Callable[[Start], TrainState]
"""Takes a number of steps."""


class Timing(NamedTuple):
    """How long the steps of a net took, in seconds.

    Attributes:
      width: units in the hidden layer.
      first: by way, the first turn of all, whatever had to be compiled included.
      step: by way, a step in each round, (rounds,).
      difference: the largest distance of the weights that two ways lead to, relative
        to how far training moved them.
    """

    width: int
    first: dict[str, float]
    step: dict[str, np.ndarray]
    difference: float

    def ratios(self, slow: str, fast: str) -> np.ndarray:
        """How many times longer one way's step took, in each round."""
        return self.step[slow] / self.step[fast]


class Change(NamedTuple):
    """What a change of the program costs: a step to look at, then many.

    Attributes:
      width: units in the hidden layer.
      first: seconds of the first step of a jitted function that is new, (rounds,).
      step: of a step by "eager", which has nothing to compile again, and by "jit"
        when it is compiled, (rounds,) each.
    """

    width: int
    first: np.ndarray
    step: dict[str, np.ndarray]

    def totals(self, way: str, steps: np.ndarray) -> np.ndarray:
        """Seconds for a number of steps after the change, (rounds, steps)."""
        each = self.step[way][:, None]
        if way == "eager":
            return steps * each
        return self.first[:, None] + (steps - 1) * each

    def pays_after(self) -> float:
        """Steps from which on compiling is the faster way, by the medians."""
        eager, jit = (float(np.median(self.step[way])) for way in ("eager", "jit"))
        if eager <= jit:
            return math.inf
        return float(np.ceil((np.median(self.first) - jit) / (eager - jit)))


def time_ways(config: Config, width: int) -> Timing:
    """Times the lecture's step in all three ways, and compares where they lead."""
    begin = beginning(config, width)
    run = ways(config, width, config.timed_steps)
    first, ends = {}, {}
    for way in WAYS:
        first[way], end = seconds(run[way], begin)
        ends[way] = end.params
    step = {way: [] for way in WAYS}
    for _ in range(config.rounds):
        for way in WAYS:
            step[way].append(seconds(run[way], begin)[0] / config.timed_steps)
    by_way = {way: np.array(row) for way, row in step.items()}
    difference = _difference(begin.state.params, list(ends.values()))
    return Timing(width, first, by_way, difference)


def time_change(config: Config, width: int) -> Change:
    """Times the first step of jitted functions that JAX has not seen before.

    They do the same as the one before, which JAX does not know. Eager and compiled
    steps take their turns between them.
    """
    begin, first = beginning(config, width), []
    step = {way: [] for way in ("eager", "jit")}
    run = ways(config, width, config.timed_steps)
    for way in step:
        seconds(run[way], begin)
    for _ in range(config.rounds):
        new = new_ways(config, width, 1)["jit"]
        first.append(seconds(new, begin)[0])
        for way, row in step.items():
            row.append(seconds(run[way], begin)[0] / config.timed_steps)
    by_way = {way: np.array(row) for way, row in step.items()}
    return Change(width, np.array(first), by_way)


@functools.cache
def ways(config: Config, width: int, steps: int) -> dict[str, Way]:
    """The functions that take so many steps, by way; always the same ones."""
    return new_ways(config, width, steps)


def new_ways(config: Config, width: int, steps: int) -> dict[str, Way]:
    """The same as functions that JAX has not seen, and will compile."""
    recipe, hypers = jaxnet.supervised(pytorch_net), hypers_of(config, width)

    def step(state: TrainState, begin: Start) -> TrainState:
        key = jax.random.fold_in(begin.key, state.step)
        return recipe.step(hypers, state, begin.batch, key)[0]

    def one_by_one(step: Any, begin: Start) -> TrainState:
        state = begin.state
        for _ in range(steps):
            state = step(state, begin)
        return state

    def in_a_loop(begin: Start) -> TrainState:
        def body(state: TrainState, _: None) -> tuple[TrainState, None]:
            return step(state, begin), None

        return jax.lax.scan(body, begin.state, None, length=steps)[0]

    return {
        "eager": partial(one_by_one, step),
        "jit": partial(one_by_one, jax.jit(step)),
        "scan": jax.jit(in_a_loop),
    }


@functools.cache
def beginning(config: Config, width: int) -> Start:
    """Where all ways begin."""
    hypers = hypers_of(config, width)
    draw = jax.jit(partial(start, pytorch_net, hypers, OUTPUTS))
    return draw(jax.random.key(config.seed))


def hypers_of(config: Config, width: int) -> dict[str, Any]:
    """The hyperparameters of the net that is timed."""
    return {"width": width, "learning_rate": config.learning_rate}


def seconds(run: Way, begin: Start) -> tuple[float, TrainState]:
    """How long a run took, and its last state."""
    since = time.perf_counter()
    state = jax.block_until_ready(run(begin))
    return time.perf_counter() - since, state


def _difference(start: Any, ends: list[Any]) -> float:
    """The largest distance from the first way's weights, by the move of training.

    Distances are Euclidean, over all weights: Adam makes a whole step of the rounding
    of a gradient that is nearly zero, so that single weights may part by that much.
    """
    at, first, *others = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])
        for params in (start, *ends)
    )
    moved = np.linalg.norm(first - at)
    return max(float(np.linalg.norm(other - first) / moved) for other in others)
