"""The lecture's regression: 32 noisy points of a sine, and a net of 512 tanh units."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet
from experiments.common.cli import track
from experiments.common.results import epochs_per_second
from experiments.regression.config import Config
from jaxnet.types import Hypers

EVERY = 10
"""Steps between two points of a loss curve."""

VALIDATION_POINTS = 256


def build(h: Hypers) -> jaxnet.Task:
    """One hidden layer of tanh units, trained by gradient descent with momentum."""
    return jaxnet.Task(
        model=jaxnet.mlp(
            h["width"],
            1,
            activation=jaxnet.tanh,
            kernel_init=jaxnet.initializers.pytorch_default,
            bias_init=jaxnet.initializers.pytorch_default,
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer(
            "momentum", h["learning_rate"], momentum=h["momentum"]
        ),
        batch_size=None,  # All points in each step: an epoch is a step.
    )


def hypers(config: Config) -> dict[str, Any]:
    """The hyperparameters that `build` reads."""
    return {
        "width": config.width,
        "learning_rate": config.learning_rate,
        "momentum": config.momentum,
    }


class Points(NamedTuple):
    """The data of one seed, and keys for what is trained on them.

    Attributes:
      train: x evenly on [-1, 1] and y with noise, (points, 1) each.
      validation: x at random on [-1, 1] and y with noise of its own.
      lecture_key: for the lecture's net.
      capacity_key: for the nets of other widths and depths.
    """

    train: tuple[Array, Array]
    validation: tuple[Array, Array]
    lecture_key: jax.Array
    capacity_key: jax.Array


class Run(NamedTuple):
    """One trained net and what came out."""

    points: Points
    fit: jaxnet.Fit
    metrics: dict[str, float]


def curve(x: Float[Array, "points 1"]) -> Float[Array, "points 1"]:
    """What there is to learn, ``sin(pi x)``."""
    return jnp.sin(jnp.pi * x)


def grid() -> Float[Array, "401 1"]:
    """Where a net is compared with the curve."""
    return jnp.linspace(-1.0, 1.0, 401)[:, None]


def draw_points(config: Config, seed: int) -> Points:
    """The data of a seed."""
    x_key, noise_key, *keys = jax.random.split(jax.random.key(seed), 4)
    even = jnp.linspace(-1.0, 1.0, config.points)[:, None]
    fresh = jax.random.uniform(x_key, (VALIDATION_POINTS, 1), minval=-1.0, maxval=1.0)
    x = jnp.concatenate([even, fresh])
    y = curve(x) + config.noise * jax.random.normal(noise_key, x.shape)
    n = config.points
    return Points((x[:n], y[:n]), (x[n:], y[n:]), *keys)


def train_all(
    config: Config, data: Sequence[Points], *, progress: bool, callbacks: Sequence[Any]
) -> list[Run]:
    """Trains the lecture's net on the data of each seed."""
    runs = []
    for points in track(data, "the lecture's net", show=progress):
        fitted = jaxnet.fit(
            build,
            hypers(config),
            points.train,
            points.validation,
            key=points.lecture_key,
            epochs=config.steps,
            every=EVERY,
            callbacks=() if runs else callbacks,
            progress=False,
        )
        errors = np.asarray(fitted.predict(grid()) - curve(grid()))
        metrics = {
            "first_train_loss": float(fitted.history["train_loss"][0]),
            "train_loss": fitted.evaluate(points.train)["loss"],
            "validation_loss": fitted.evaluate(points.validation)["loss"],
            "curve_rmse": float(np.sqrt(np.mean(errors**2))),
            "steps_per_second": epochs_per_second(fitted.history),
        }
        runs.append(Run(points, fitted, metrics))
    return runs
