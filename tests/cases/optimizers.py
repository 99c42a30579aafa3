"""Every optimizer of jaxnet, with the numbers that may be traced."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnet import schedules
from jaxnet.optimizers import optimizer


class OptimizerCase(NamedTuple):
    """An optimizer to test.

    Attributes:
      name: for the test's id.
      make: ``hypers -> GradientTransformation``; hypers may be traced.
      hypers: floats that may be traced, by name.
    """

    name: str
    make: Callable[[dict[str, Any]], optax.GradientTransformation]
    hypers: dict[str, float]


def small_params() -> dict[str, Any]:
    """Weights with all the paths that masks and freezing can tell apart."""
    rng = np.random.default_rng(7)

    def draw(stddev: float, *shape: int) -> jax.Array:
        return jnp.asarray(stddev * rng.normal(size=shape), jnp.float32)

    return {
        "dense_1": {"kernel": draw(0.5, 5, 4), "bias": draw(0.1, 4)},
        "layer_norm_1": {"scale": 1 + draw(0.1, 4)},
        "dense_2": {"kernel": draw(0.5, 4, 2), "bias": draw(0.1, 2)},
    }


def small_loss(params: dict[str, Any], x: jax.Array, y: jax.Array) -> jax.Array:
    """A tanh net's mean squared error: (batch, 5) to (batch, 2)."""
    first, second = params["dense_1"], params["dense_2"]
    h = x @ first["kernel"]
    h = jnp.tanh(h + jnp.broadcast_to(first["bias"], h.shape))
    h = h * jnp.broadcast_to(params["layer_norm_1"]["scale"], h.shape)
    out = h @ second["kernel"]
    out = out + jnp.broadcast_to(second["bias"], out.shape)
    return jnp.mean((out - y) ** 2)


def _rule(name: str, **hypers: float) -> OptimizerCase:
    return OptimizerCase(name, lambda h: optimizer(name, **h), hypers)


ADAM = {"learning_rate": 0.01, "b1": 0.8, "b2": 0.99, "eps": 1e-6}

RULES = [
    _rule("sgd", learning_rate=0.1),
    _rule("momentum", learning_rate=0.1, momentum=0.8),
    _rule("nesterov", learning_rate=0.1, momentum=0.8),
    _rule("adagrad", learning_rate=0.1, eps=1e-6, accumulator=0.01),
    _rule("rmsprop", learning_rate=0.01, decay=0.9, eps=1e-6, momentum=0.5),
    _rule("adadelta", learning_rate=1.0, decay=0.8, eps=1e-4),
    _rule("adam", **ADAM),
    _rule("amsgrad", **ADAM),
    _rule("adamw", **ADAM, weight_decay=0.1),
]

AROUND = [
    OptimizerCase(
        "momentum with everything",
        lambda h: optimizer(
            "momentum",
            schedules.warm_up(schedules.cosine(h["learning_rate"], 20), 5),
            momentum=h["momentum"],
            l2=h["l2"],
            weight_decay=h["weight_decay"],
            clip_norm=h["clip_norm"],
            freeze="dense_1/*",
        ),
        {
            "learning_rate": 0.1,
            "momentum": 0.8,
            "l2": 0.1,
            "weight_decay": 0.2,
            "clip_norm": 0.5,
        },
    ),
    OptimizerCase(
        "adam with l2",
        lambda h: optimizer("adam", h["learning_rate"], l2=h["l2"], no_decay=()),
        {"learning_rate": 0.01, "l2": 0.1},
    ),
    OptimizerCase(
        "rmsprop with weight decay",
        lambda h: optimizer(
            "rmsprop", h["learning_rate"], weight_decay=h["weight_decay"]
        ),
        {"learning_rate": 0.01, "weight_decay": 0.1},
    ),
    OptimizerCase(
        "sgd with a clipped gradient",
        lambda h: optimizer("sgd", h["learning_rate"], clip_norm=h["clip_norm"]),
        {"learning_rate": 0.1, "clip_norm": 0.5},
    ),
    OptimizerCase(
        "sgd with steps",
        lambda h: optimizer(
            "sgd", schedules.steps(h["learning_rate"], [2, 4], h["factor"])
        ),
        {"learning_rate": 0.1, "factor": 0.5},
    ),
    OptimizerCase(
        "sgd with exponential",
        lambda h: optimizer(
            "sgd", schedules.exponential(h["learning_rate"], h["factor"], 3)
        ),
        {"learning_rate": 0.1, "factor": 0.5},
    ),
    OptimizerCase(
        "adamw with a frozen layer",
        lambda h: optimizer("adamw", h["learning_rate"], freeze=("*_1/*", "*bias")),
        {"learning_rate": 0.01},
    ),
]

OPTIMIZERS = RULES + AROUND
