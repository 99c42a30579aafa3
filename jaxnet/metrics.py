"""Metrics of a batch, and means that add up over batches.

A metric is called like a loss, ``(outputs, targets, weights=None) -> scalar``, and
is a weighted mean over the examples too. An epoch adds up such means as two sums,
so that a short last batch counts for what it is:

    total = merge(
        {"accuracy": mean_of(accuracy(logits_1, labels_1), 100)},
        {"accuracy": mean_of(accuracy(logits_2, labels_2), 20)},
    )
    compute(total)["accuracy"]

What is no mean over examples (a median, an F-score, a correlation) cannot be
added up so: compute it from all the outputs at once.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer, Real

from jaxnet.checks import check_int
from jaxnet.losses.common import (
    Weights,
    are_soft,
    check_alike,
    check_classes,
    weighted_mean,
)


class Mean(NamedTuple):
    """A weighted mean, kept as two sums.

    Attributes:
      total: the sum of the weighted values.
      count: the sum of the weights, which is the number of examples without any.
    """

    total: Float[Array, "*members"]
    # It hides tuple.count, which nobody calls on two sums.
    count: Float[Array, "*members"]  # pyright: ignore[reportIncompatibleMethodOverride]


def mean_of(value: Any, count: Any) -> Mean:
    """The `Mean` of a batch of which the mean is known.

    Args:
      value: the mean over the batch, a number. It is not read if the count is 0.
      count: the number of examples, or the sum of their weights.
    """
    # At least float32: a sum over an epoch outgrows the precision of float16.
    dtype = jnp.promote_types(jnp.result_type(value), jnp.float32)
    value, count = jnp.asarray(value, dtype), jnp.asarray(count, dtype)
    return Mean(jnp.where(count == 0, 0.0, value * count), count)


def merge(a: Any, b: Any) -> Any:
    """The means over the examples of both: adds up two PyTrees of `Mean`."""
    return jax.tree.map(jnp.add, a, b)


def compute(metrics: Mapping[str, Mean]) -> dict[str, Float[Array, "*members"]]:
    """The values of means by name; NaN where nothing was counted.

    >>> total = merge({"loss": mean_of(1.0, 3)}, {"loss": mean_of(5.0, 1)})
    >>> float(compute(total)["loss"])
    2.0
    """
    return {name: jnp.divide(mean.total, mean.count) for name, mean in metrics.items()}


def accuracy(
    logits: Float[Array, "batch *rest classes"],
    labels: Integer[Array, " batch *rest"] | Real[Array, "batch *rest classes"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """The share of examples whose class has the largest logit.

    Args:
      logits: scores, (batch, ..., classes). Of equal ones the first counts as the
        largest.
      labels: numbers of classes, (batch, ...), or distributions over the classes,
        of which the likeliest is the right one.
      weights: one per example, (batch,).

    Returns:
      A number in [0, 1].

    Raises:
      ValueError: if the shapes do not fit, or class numbers are not integers.

    >>> float(accuracy(jnp.array([[2.0, 1.0], [0.0, 3.0]]), jnp.array([0, 0])))
    0.5
    """
    check_classes(logits, labels)
    if are_soft(logits, labels):
        labels = jnp.argmax(labels, axis=-1)
    right = jnp.argmax(logits, axis=-1) == labels
    return weighted_mean(right.astype(jnp.float32), weights)


def top_k_accuracy(k: int) -> Callable[..., Float[Array, ""]]:
    """The share of examples whose class is among those of the k largest logits.

    Args:
      k: at least 1, and at most the number of classes.

    Returns:
      A metric called like `accuracy`, with integer labels. Of equal logits those
      of the first classes count as larger.

    Raises:
      ValueError: if k is not an int of at least 1; when called, if there are fewer
        than k classes, the shapes do not fit, or labels are not class numbers.
    """
    check_int("top_k_accuracy: k", k)

    def metric(
        logits: Float[Array, "batch *rest classes"],
        labels: Integer[Array, " batch *rest"],
        weights: Weights = None,
    ) -> Float[Array, ""]:
        check_classes(logits, labels)
        if are_soft(logits, labels):
            raise ValueError(
                "top_k_accuracy needs class numbers, got labels of shape "
                f"{labels.shape}. Use labels.argmax(-1)."
            )
        if k > logits.shape[-1]:
            raise ValueError(
                f"top_k_accuracy: k={k} is larger than the {logits.shape[-1]} classes."
            )
        _, guesses = jax.lax.top_k(logits, k)
        hits = guesses == jnp.broadcast_to(labels[..., None], guesses.shape)
        return weighted_mean(jnp.any(hits, axis=-1).astype(jnp.float32), weights)

    return metric


def binary_accuracy(
    logits: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"] | Bool[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """The share of answers whose sign is right: yes where the logit is above 0.

    Args:
      logits: scores before any sigmoid, (batch, ...).
      targets: of the same shape; yes where they are above 0.5, which fits 0 and 1,
        -1 and 1, bools and probabilities.
      weights: one per example, (batch,).

    Returns:
      A number in [0, 1]. With several answers per example it is the share of all
      answers, not that of examples answered without fault.

    Raises:
      ValueError: if the shapes differ, or logits are not floating.
    """
    check_alike(logits, targets, "logits")
    right = (logits > 0) == (targets > 0.5)
    return weighted_mean(right.astype(jnp.float32), weights)
