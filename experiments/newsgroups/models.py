"""Lecture 003's classifier: 300-2048-256-20, twice, and a linear one to compare.

`lecture` is made of ready layers, `low_level` of bare matrices: what the lecture
calls the easy way and the hard way. From the same weights they are the same function.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import jaxnet
from jaxnet.initializers import pytorch_default
from jaxnet.types import Hypers, ModelState, Params, PRNGKey

HIDDEN = (2048, 256)


def build(h: Hypers) -> jaxnet.Task:
    """A classifier of feature vectors, trained by Adam.

    Args:
      h: "model", a name in `MODELS`; "classes", the number of groups; "dropout", a
        rate, or None for a net without; "learning_rate", "l2", "weight_decay";
        "batch_size".
    """
    return jaxnet.Task(
        model=MODELS[h["model"]](h["classes"], h["dropout"]),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer(
            "adam", h["learning_rate"], l2=h["l2"], weight_decay=h["weight_decay"]
        ),
        batch_size=h["batch_size"],
        metrics={"accuracy": jaxnet.accuracy},
    )


def lecture(classes: int, dropout: Any) -> jaxnet.Layer:
    """Dense layers with relu, and dropout of the hidden units if there is a rate."""
    layers = []
    for width in HIDDEN:
        layers += [_dense(width), jaxnet.relu]
        if dropout is not None:
            layers += [jaxnet.dropout(dropout)]
    return jaxnet.sequential(*layers, _dense(classes))


def linear(classes: int, dropout: Any) -> jaxnet.Layer:
    """Logistic regression: there is no hidden unit, so dropout has no part."""
    del dropout
    return _dense(classes)


def low_level(classes: int, dropout: Any) -> jaxnet.Layer:
    """The same as `lecture`, with every matrix written out."""

    def init(key: PRNGKey, x: Any) -> tuple[Params, ModelState]:
        widths, params = (x.shape[-1], *HIDDEN, classes), {}
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths), start=1):
            w_key, b_key = jax.random.split(jax.random.fold_in(key, i))
            w = jax.random.uniform(w_key, (fan_in, fan_out), x.dtype, -1.0, 1.0)
            b = jax.random.uniform(b_key, (fan_out,), x.dtype, -1.0, 1.0)
            params[f"W{i}"], params[f"b{i}"] = w * fan_in**-0.5, b * fan_in**-0.5
        return params, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "posts features"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "posts classes"], ModelState]:
        def dropped(a: Array, i: int) -> Array:
            if dropout is None or not train:
                return a
            assert key is not None, "training draws: apply needs a key"
            layer_key = jax.random.fold_in(key, i)
            keep = jax.random.bernoulli(layer_key, 1 - dropout, a.shape)
            return jnp.where(keep, a / (1 - dropout), 0.0)

        a = x @ params["W1"] + params["b1"][None]
        a = dropped(jnp.maximum(a, 0.0), 1)
        b = a @ params["W2"] + params["b2"][None]
        b = dropped(jnp.maximum(b, 0.0), 2)
        return b @ params["W3"] + params["b3"][None], state

    return jaxnet.Layer(init, apply, "low_level")


MODELS = {"lecture": lecture, "low-level": low_level, "linear": linear}


def _dense(features: int) -> jaxnet.Layer:
    return jaxnet.dense(
        features, kernel_init=pytorch_default, bias_init=pytorch_default
    )
