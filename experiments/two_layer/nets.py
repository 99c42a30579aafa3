"""The lecture's nets of two layers, all on random numbers.

64 examples, 1000 inputs, 100 hidden relu units:

* PyTorch's: 10 outputs, mean squared error, Adam;
* Keras's: 1000 outputs, mean squared error, gradient descent with learning rate 1;
* TensorFlow's static graph: 1000 outputs, no biases, one evaluation of a loss and its
  gradients.

Every seed has its own data and weights. They take turns with one program: a single net
already fills a CPU, and vmapped ones would train no faster.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from jaxnet.training import Build, TrainState
from jaxnet.types import Batch, Hypers, PRNGKey

EXAMPLES, INPUTS, HIDDEN, OUTPUTS = 64, 1000, 100, 10


def pytorch_net(h: Hypers) -> jaxnet.Task:
    """PyTorch's net, with the initialization of its ``Linear``.

    Args:
      h: "width", "learning_rate".
    """
    default = jaxnet.initializers.pytorch_default
    return jaxnet.Task(
        model=jaxnet.mlp(h["width"], OUTPUTS, kernel_init=default, bias_init=default),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer("adam", h["learning_rate"]),
        batch_size=None,
    )


def keras_net(h: Hypers) -> jaxnet.Task:
    """Keras's net, with the initialization of its ``Dense``: Glorot's, biases zero.

    Args:
      h: "width", "learning_rate".
    """
    init = jaxnet.initializers.glorot_uniform
    return jaxnet.Task(
        model=jaxnet.mlp(h["width"], INPUTS, kernel_init=init),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer("sgd", h["learning_rate"]),
        batch_size=None,
    )


class Start(NamedTuple):
    """Where a run begins.

    Attributes:
      state: the initial weights, and the optimizer's memory.
      batch: inputs and targets, all examples.
      key: for the steps, which have no noise.
    """

    state: TrainState
    batch: Batch
    key: PRNGKey


class Run(NamedTuple):
    """What training came to.

    Attributes:
      losses: before each step, as the lecture's loops have them, and after the last,
        (1 + steps,).
      state: the trained weights.
    """

    losses: Float[Array, " losses"]
    state: TrainState


def start(build: Build, hypers: Hypers, outputs: int, key: PRNGKey) -> Start:
    """Random inputs and targets from N(0, 1), and initial weights."""
    x_key, y_key, init_key, step_key = jax.random.split(key, 4)
    x = jax.random.normal(x_key, (EXAMPLES, INPUTS))
    y = jax.random.normal(y_key, (EXAMPLES, outputs))
    state = jaxnet.supervised(build).init(hypers, init_key, (x, y))
    return Start(state, (x, y), step_key)


def train(build: Build, hypers: Hypers, begin: Start, steps: int) -> Run:
    """Gradient steps on all examples, as one ``lax.scan``."""
    recipe = jaxnet.supervised(build)

    def step(state: TrainState, _: None) -> tuple[TrainState, Array]:
        key = jax.random.fold_in(begin.key, state.step)
        state, metrics = recipe.step(hypers, state, begin.batch, key)
        return state, jaxnet.metrics.compute(metrics)["loss"]

    state, losses = jax.lax.scan(step, begin.state, None, length=steps)
    last = jaxnet.metrics.compute(recipe.evaluate(hypers, state, begin.batch))["loss"]
    return Run(jnp.append(losses, last), state)


def train_all(
    build: Build, hypers: Hypers, outputs: int, steps: int, seeds: range
) -> Float[np.ndarray, "seeds losses"]:
    """The losses of all seeds."""

    @jax.jit
    def one(key: PRNGKey) -> Array:
        return train(build, hypers, start(build, hypers, outputs, key), steps).losses

    return np.stack([one(jax.random.key(seed)) for seed in seeds])


def graph_loss(weights: Any, x: Array, y: Array) -> Float[Array, ""]:
    """The loss of TensorFlow's graph: squared errors, summed over the outputs."""
    w1, w2 = weights
    return jnp.mean(jnp.sum((jnp.maximum(x @ w1, 0.0) @ w2 - y) ** 2, axis=1))


def graph_values(key: PRNGKey) -> tuple[Any, Array, Array]:
    """What the lecture feeds to that graph, all from N(0, 1): weights, x, y."""
    shapes = [(INPUTS, HIDDEN), (HIDDEN, INPUTS), (EXAMPLES, INPUTS)]
    keys = jax.random.split(key, 4)
    w1, w2, x, y = map(jax.random.normal, keys, [*shapes, shapes[-1]])
    return (w1, w2), x, y


def graph_error(key: PRNGKey) -> tuple[float, float]:
    """One run of the graph: its loss, and how far its gradients are from ours.

    Returns:
      The loss, and the largest difference between ``jax.grad`` and the chain rule by
      hand in float64, relative to the largest gradient.
    """
    weights, x, y = graph_values(key)
    loss, grads = jax.jit(jax.value_and_grad(graph_loss))(weights, x, y)
    (w1, w2), x64, y64 = jax.tree.map(lambda a: np.asarray(a, float), (weights, x, y))
    hidden = np.maximum(x64 @ w1, 0.0)
    delta = 2.0 * (hidden @ w2 - y64) / len(x64)
    by_hand = x64.T @ ((delta @ w2.T) * (hidden > 0)), hidden.T @ delta
    errors = [
        float(np.abs(np.asarray(ours) - due).max() / np.abs(due).max())
        for ours, due in zip(grads, by_hand, strict=True)
    ]
    return float(loss), max(errors)
