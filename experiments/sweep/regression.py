"""The lecture's regression: 32 noisy points of a sine, and small nets of tanh units."""

import jax
import jax.numpy as jnp

from experiments.common.results import describe
from experiments.regression import sine
from experiments.regression.config import Config as Points
from experiments.sweep.problem import Problem
from jaxnet.search import choice, log_uniform, uniform

TEST_POINTS = 1000

NOISE_RMSE = 0.25
"""Of the noise: no net has a smaller one but by luck."""


def load(seed: int) -> Problem:
    """The points of a seed. A step is on all of them, so an epoch is a step.

    Settings are judged by 256 fresh points with noise; the test is the distance from
    the curve without it, which is known here.
    """
    config = Points()
    points = sine.draw_points(config, seed)
    x = jnp.linspace(-1.0, 1.0, TEST_POINTS)[:, None]
    test = (x, sine.curve(x))
    sizes = {
        "train": config.points,
        "validation": sine.VALIDATION_POINTS,
        "test": TEST_POINTS,
    }
    return Problem(
        build=sine.build,
        space={
            "width": choice(8, 64),
            "learning_rate": log_uniform(1e-3, 1.0),
            "momentum": uniform(0.0, 0.99),
        },
        train=points.train,
        validation=points.validation,
        test=test,
        metric="loss",
        maximize=False,
        epochs=2000,
        every=20,
        link=lambda y: y,
        score=mean_squared_error,
        enough=NOISE_RMSE**2,
        described=describe("sine", (points.train, points.validation, test), **sizes),
    )


def mean_squared_error(outputs: jax.Array, y: jax.Array) -> float:
    """The mean of the squared differences."""
    return float(jnp.mean((outputs - y) ** 2))
