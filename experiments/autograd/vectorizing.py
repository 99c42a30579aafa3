"""From a loop to one product of matrices: what vectorizing saves.

All ways compute z = W x for every example and give the same numbers.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Way = Callable[[], np.ndarray]


class Times(NamedTuple):
    """What the ways took and what they computed.

    Attributes:
      milliseconds: by way, (rounds,).
      difference: of any way from the first, the largest, beside the largest value.
    """

    milliseconds: dict[str, np.ndarray]
    difference: float


def ways(inputs: int, neurons: int, batch: int, seed: int) -> dict[str, Way]:
    """From slow to fast; each returns (batch, neurons)."""
    random = np.random.default_rng(seed)
    w = random.normal(size=(neurons, inputs)).astype(np.float32) / np.sqrt(inputs)
    w = w.astype(np.float32)
    x = random.normal(size=(batch, inputs)).astype(np.float32)
    w_list, x_list = w.tolist(), x.tolist()
    on_device = (jnp.asarray(w), jnp.asarray(x))
    one_layer = jax.vmap(jnp.dot, in_axes=(0, None))
    compiled = jax.jit(jax.vmap(one_layer, in_axes=(None, 0)))

    def loop() -> np.ndarray:
        z = [[0.0] * neurons for _ in range(batch)]
        for n in range(batch):
            for j in range(neurons):
                total = 0.0
                for i in range(inputs):
                    total += w_list[j][i] * x_list[n][i]
                z[n][j] = total
        return np.array(z)

    def dot() -> np.ndarray:
        return np.array([[np.dot(row, one) for row in w] for one in x])

    def matrix() -> np.ndarray:
        return np.array([w @ one for one in x])

    def product() -> np.ndarray:
        return x @ w.T

    def vmapped() -> np.ndarray:
        return np.asarray(compiled(*on_device))

    return {
        "loop over numbers": loop,
        "w·x for each neuron": dot,
        "W x for each example": matrix,
        "X Wᵀ for the batch": product,
        "jit of vmap of vmap of w·x": vmapped,
    }


def measure(found: dict[str, Way], rounds: int) -> Times:
    """Times the ways in turn, round after round, each once before that."""
    results = {name: way() for name, way in found.items()}
    first = next(iter(results.values()))
    most = max(float(np.abs(one - first).max()) for one in results.values())
    difference = most / float(np.abs(first).max())
    taken = {name: np.zeros(rounds) for name in found}
    for k in range(rounds):
        for name, way in found.items():
            taken[name][k] = _seconds(way)
    return Times({name: 1e3 * one for name, one in taken.items()}, difference)


def _seconds(way: Way) -> float:
    """The shorter of two, since something else may have had the core."""
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        way()
        best = min(best, time.perf_counter() - start)
    return best
