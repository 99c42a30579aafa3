"""A rate that falls when the loss does, and the gradient's noise along the way.

Unlike a sweep, this looks into runs while they train: `jaxnet.supervised` gives the
functions, and ``vmap`` and ``scan`` do the rest.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

import jaxnet
from experiments.batch_size.config import EXAMPLES, Config
from experiments.batch_size.growth import FACTOR, FIRST_RATE, FIRST_SIZE
from experiments.batch_size.noise import Noise, by_batches, by_example
from experiments.batch_size.problem import Data, task
from jaxnet.programs import ONCE
from jaxnet.schedules import on_plateau
from jaxnet.statistics import Interval
from jaxnet.types import Batch, Hypers, PRNGKey

KINDS = {"constant": 1.0, "on plateau": FACTOR**-2.0}
"""The least share of its rate that a run of each kind comes down to."""

PATIENCE = 2
"""Bad epochs after which the rate falls."""

THRESHOLD = 0.01
"""An epoch is bad if its loss is less than this share below the best."""


class Listening(NamedTuple):
    """Runs of both kinds. Axes: kinds, seeds, then epochs or times.

    Attributes:
      curves: the training loss in each epoch.
      rates: the learning rate at the end of each epoch.
      times: the epochs after which the noise was measured, (times,).
      by_example: the noise from every example's gradient.
      by_batches: the estimate from batches of two sizes.
    """

    curves: Float[np.ndarray, "2 seeds epochs"]
    rates: Float[np.ndarray, "2 seeds epochs"]
    times: Int[np.ndarray, " times"]
    by_example: Noise
    by_batches: Noise

    def scales(self, kind: int = 0) -> list[tuple[Interval, Interval]]:
        """The noise scale at each time, from every example and from batches."""

        def at(noise: Noise, i: int) -> Interval:
            return Noise(*(a[kind, :, i] for a in noise)).scale()

        return [
            (at(self.by_example, i), at(self.by_batches, i))
            for i in range(len(self.times))
        ]


def build(h: Hypers) -> jaxnet.Task:
    """The net, whose rate is divided by `FACTOR` when its loss no longer falls.

    Args:
      h: "least", as in `KINDS`.
    """
    listener = on_plateau(
        factor=1 / FACTOR,
        patience=PATIENCE,
        threshold=THRESHOLD,
        min_scale=h["least"],
        steps_per_epoch=EXAMPLES // FIRST_SIZE,
    )
    return task(FIRST_RATE, FIRST_SIZE, listener)


def times_of(epochs: int) -> Int[np.ndarray, " times"]:
    """When to measure: often at first."""
    times = [time for time in (0, 1, 2, 5, 10, 20, 40) if time < epochs]
    return np.array([*times, epochs])


def listen(config: Config, data: Data) -> Listening:
    """Trains both kinds for every seed."""
    times = times_of(config.long_epochs)
    seeds = jnp.arange(config.seed, config.seed + config.seeds)
    least = jnp.array(list(KINDS.values()))
    train = jax.tree.map(jnp.asarray, data.train)
    found = jax.device_get(_runs(config.long_epochs, least, seeds, train, times))
    return Listening(found[0], found[1], times, *found[2:])


def noise_in(found: Listening, epochs: int) -> float:
    """The noise scale of the constant rate, from the first of these epochs to the last.

    It is the geometric mean over the times; that before the first step is no training.
    """
    used = (found.times > 0) & (found.times <= epochs)
    signal, noise = (a[0].mean(axis=0)[used] for a in found.by_example)
    return float(np.exp(np.log(noise / signal).mean()))


def falls(found: Listening) -> Float[np.ndarray, " dropped"]:
    """How much more the loss falls, relatively, once the rate has fallen.

    From the last epoch with the first rate to the next, beside the same two epochs of
    the same seed at the constant rate; one number for each seed whose rate falls.
    """
    more = []
    for constant, listening, rates in zip(*found.curves, found.rates[1], strict=True):
        dropped = np.flatnonzero(rates < FIRST_RATE)
        # The rate at the end of an epoch is that of the next.
        if len(dropped) and dropped[0] + 1 < len(rates):
            at = dropped[0]
            ratios = [curve[at + 1] / curve[at] for curve in (listening, constant)]
            more.append(ratios[0] - ratios[1])
    return np.array(more)


@functools.partial(jax.jit, static_argnames="epochs", compiler_options=ONCE)
def _runs(
    epochs: int,
    least: Float[Array, " kinds"],
    seeds: Int[Array, " seeds"],
    data: Batch,
    times: Int[Array, " times"],
) -> Any:
    """The curves, rates and noise of every kind and seed."""

    def one(pair: tuple[Array, Array]) -> Any:
        least, seed = pair
        return _run(epochs, {"least": least}, jax.random.key(seed), data, times)

    kinds = jnp.repeat(least, len(seeds)), jnp.tile(seeds, len(least))
    found = jax.vmap(one)(kinds)
    return jax.tree.map(lambda a: a.reshape(len(least), -1, *a.shape[1:]), found)


def _run(
    epochs: int, hypers: Hypers, key: PRNGKey, data: Batch, times: Array
) -> tuple[Array, Array, Noise, Noise]:
    recipe = jaxnet.supervised(build)
    init_key, train_key, noise_key = jax.random.split(key, 3)

    def epoch(i: Array, carry: Any) -> Any:
        state, losses, rates = carry
        epoch_key = jax.random.fold_in(train_key, i)
        state, metrics = recipe.epoch(hypers, state, data, epoch_key)
        loss = jaxnet.metrics.compute(metrics)["loss"]
        scale = optax.tree_utils.tree_get(state.opt_state, "scale")
        return state, losses.at[i].set(loss), rates.at[i].set(scale * FIRST_RATE)

    def measure_and_train(carry: Any, ends: tuple[Array, Array]) -> Any:
        first, last = ends
        params = carry[0].params
        draw_key = jax.random.fold_in(noise_key, first)
        measured = by_example(params, data), by_batches(params, data, draw_key)
        return jax.lax.fori_loop(first, last, epoch, carry), measured

    empty = jnp.zeros(epochs)
    start = (recipe.init(hypers, init_key, data), empty, empty)
    # Nothing comes after the last.
    ends = (times, jnp.append(times[1:], times[-1]))
    (_, losses, rates), measured = jax.lax.scan(measure_and_train, start, ends)
    return losses, rates, *measured
