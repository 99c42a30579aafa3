"""Scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import jaxnet
from experiments.common.results import describe
from experiments.sweep.problem import Problem
from jaxnet.search import choice, log_uniform, uniform
from jaxnet.types import Hypers

FRACTIONS = (0.6, 0.2, 0.2)
"""Shares of training, validation and test set."""


def build(h: Hypers) -> jaxnet.Task:
    """A hidden layer of relu units with dropout, trained by AdamW.

    Args:
      h: "width", "dropout", "learning_rate", "weight_decay", "smoothing".
    """
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(h["width"]),
            jaxnet.relu,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(10),
        ),
        loss=functools.partial(
            jaxnet.softmax_cross_entropy, label_smoothing=h["smoothing"]
        ),
        optimizer=jaxnet.optimizer(
            "adamw", h["learning_rate"], weight_decay=h["weight_decay"]
        ),
        batch_size=32,
        metrics={"accuracy": jaxnet.accuracy},
    )


def load(seed: int) -> Problem:
    """The split of a seed, with as many of each digit in every part."""
    images, labels = load_digits(return_X_y=True)
    data = np.asarray(images, np.float32) / 16, np.asarray(labels, np.int32)
    parts = jaxnet.split(data, jax.random.key(seed), FRACTIONS, stratify=data[1])
    train, validation, test = jax.tree.map(jnp.asarray, parts)
    names = ("train", "validation", "test")
    sizes = {name: len(part[1]) for name, part in zip(names, parts, strict=True)}
    return Problem(
        build=build,
        space={
            "width": choice(16, 64),
            "learning_rate": log_uniform(1e-4, 1.0),
            "weight_decay": log_uniform(1e-5, 1.0),
            "dropout": uniform(0.0, 0.6),
            "smoothing": uniform(0.0, 0.3),
        },
        train=train,
        validation=validation,
        test=test,
        metric="accuracy",
        maximize=True,
        epochs=30,
        every=1,
        link=jax.nn.softmax,
        score=accuracy,
        # Logistic regression has 0.96.
        enough=0.95,
        described=describe("digits", parts, **sizes),
    )


def accuracy(probabilities: jax.Array, labels: jax.Array) -> float:
    """The share of the examples whose class is the likeliest."""
    return float(jnp.mean(probabilities.argmax(axis=-1) == labels))
