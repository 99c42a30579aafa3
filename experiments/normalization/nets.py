"""Nets for the digits with batch normalization, without, and with noise after it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import jaxnet
from experiments.initialization.choosing import when
from experiments.initialization.testing import evaluate
from experiments.normalization.config import Config
from jaxnet.types import Batch, Hypers, ModelState, Params, PRNGKey

PLACES = {
    "none": {"before": 0.0, "after": 0.0},
    "before": {"before": 1.0, "after": 0.0},
    "after": {"before": 0.0, "after": 1.0},
}
"""Where batch normalization is: before the activation, after it, or nowhere."""


class Trained(NamedTuple):
    """Nets of one kind, at every learning rate.

    Attributes:
      losses: on validation data, (rates, seeds, epochs); NaN after divergence.
      accuracies: likewise; 0.1, a guess, after divergence.
      best: the number of the rate with the highest mean accuracy at the end.
      test: accuracies at that rate, (seeds,).
    """

    losses: np.ndarray
    accuracies: np.ndarray
    best: int
    test: np.ndarray


def build(h: Hypers) -> jaxnet.Task:
    """Layers of relu units, trained by gradient descent with momentum.

    Args:
      h: "layers" and "width"; "before", "after" and "noise", each 0.0 or 1.0;
        "scale", which multiplies He's weights; "learning_rate".
    """
    draw = jaxnet.initializers.he(2.0 * h["scale"] ** 2)
    layers: dict[str, jaxnet.Layer] = {}
    for i in range(1, h["layers"] + 1):
        layers |= {
            f"dense_{i}": jaxnet.dense(h["width"], bias=False, kernel_init=draw),
            # In front of batch_norm there is none.
            f"bias_{i}": when(1.0 - h["before"], _bias()),
            f"before_{i}": when(h["before"], jaxnet.batch_norm()),
            f"noise_{i}": when(h["noise"], shaking()),
            f"relu_{i}": jaxnet.relu,
            f"after_{i}": when(h["after"], jaxnet.batch_norm()),
        }
    return jaxnet.Task(
        model=jaxnet.sequential(**layers, head=jaxnet.dense(10)),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer("momentum", h["learning_rate"]),
        batch_size=32,
        metrics={"accuracy": jaxnet.accuracy},
    )


def train(
    config: Config, key: PRNGKey, train: Batch, validation: Batch, test: Batch
) -> dict[tuple[str, float], Trained]:
    """Trains nets for places, scales and learning rates, in one sweep.

    Normalization after the activation is there for He's weights only.
    """
    kinds = [
        (place, scale)
        for place in PLACES
        for scale in sorted((1.0, *config.scales))
        if place != "after" or scale == 1.0
    ]
    shared = {"layers": config.layers, "width": config.width, "noise": 0.0}
    result = jaxnet.sweep(
        build,
        [
            PLACES[place] | shared | {"scale": scale, "learning_rate": rate}
            for place, scale in kinds
            for rate in config.rates
        ],
        train,
        validation,
        key=key,
        seeds=config.seeds,
        epochs=config.epochs,
        monitor="validation_accuracy",
        maximize=True,
        chunk=1,  # See `when`.
        progress=False,
    )
    shape = (len(kinds), len(config.rates), config.seeds, config.epochs)
    losses = result.runs.curves["validation_loss"].reshape(shape)
    accuracies = result.runs.curves["validation_accuracy"].reshape(shape)
    accuracies = np.where(np.isfinite(losses), accuracies, 0.1)
    best = accuracies[..., -1].mean(axis=2).argmax(axis=1)
    trials = np.arange(len(kinds)) * len(config.rates) + best
    tested = evaluate(result, trials, test)["accuracy"]
    return {
        kind: Trained(losses[i], accuracies[i], int(best[i]), tested[i])
        for i, kind in enumerate(kinds)
    }


def epochs_to(loss: float, losses: np.ndarray) -> np.ndarray:
    """The epochs until a loss is reached, between two by a straight line, (seeds,).

    Args:
      loss: to reach.
      losses: after each epoch, (seeds, epochs). One more than there are for runs that
        do not get there.
    """
    found = np.full(len(losses), losses.shape[1] + 1.0)
    for seed, row in enumerate(losses):
        below = np.flatnonzero(row <= loss)
        if len(below):
            i = below[0]
            part = (row[i - 1] - loss) / (row[i - 1] - row[i]) if i else 1.0
            found[seed] = i + part
    return found


def shaking() -> jaxnet.Layer:
    """Noise that gives each unit another mean and another scale in every step.

    ``y = s x + m`` in training, with s from U(1, 1.25) and m from U(-0.5, 0.5) for
    each unit, and both another ±0.1 for each example: covariate shift on purpose. The
    identity in evaluation.

    References:
      Santurkar et al., *How Does Batch Normalization Help Optimization?*, 2018,
      appendix A, for the numbers.
    """

    def init(key: PRNGKey, x: Array) -> tuple[Params, ModelState]:
        del key, x
        return (), ()

    def apply(
        params: Params,
        state: ModelState,
        x: Array,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Array, ModelState]:
        del params
        if not train or key is None:
            return x, state
        keys = jax.random.split(key, 3)
        unit = x.shape[-1:]
        scale = jax.random.uniform(keys[0], unit, x.dtype, 1.0, 1.25)
        mean = jax.random.uniform(keys[1], unit, x.dtype, -0.5, 0.5)
        jitter = jax.random.uniform(keys[2], (2, *x.shape), x.dtype, -0.1, 0.1)
        scale, mean = (
            jnp.broadcast_to(a, x.shape) + b
            for a, b in zip((scale, mean), jitter, strict=True)
        )
        return scale * x + mean, state

    return jaxnet.Layer(init, apply, "shaking")


def _bias() -> jaxnet.Layer:
    """``y = x + bias``, as `dense` has it."""

    def init(key: PRNGKey, x: Array) -> tuple[Params, ModelState]:
        del key
        return {"bias": jnp.zeros(x.shape[-1:], x.dtype)}, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Array,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Array, ModelState]:
        del train, key
        return x + jnp.broadcast_to(params["bias"], x.shape), state

    return jaxnet.Layer(init, apply, "bias")
