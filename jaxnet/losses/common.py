"""What all losses and metrics share: the weighted mean, and checks of arguments."""

from typing import Any, TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Real

from jaxnet.checks import check_shape

Weights: TypeAlias = Real[Array, " batch"] | Bool[Array, " batch"] | None
"""One weight per example, at least 0 (not checked); None for 1 everywhere."""


def weighted_mean(
    values: Float[Array, " batch *rest"], weights: Weights = None
) -> Float[Array, ""]:
    """The weighted mean over examples, ``sum_i w_i v_i / sum_i w_i``.

    Args:
      values: one or more for each example, (batch, ...). Those of one example are
        averaged first.
      weights: (batch,), at least 0; None for 1 everywhere. An example of weight 0
        has no influence even if its value is NaN or infinite, as the loss of a
        padded row with the label -1 is.

    Returns:
      A scalar; 0 if all weights are 0.

    Raises:
      ValueError: if there is no axis of examples, or the shapes do not fit.

    >>> float(weighted_mean(jnp.array([1.0, 2.0, 6.0]), jnp.array([1, 1, 0])))
    1.5
    """
    if values.ndim == 0:
        raise ValueError(
            "a mean over examples needs them on the leading axis, got a scalar. Give "
            "a single example that axis with outputs[None] and targets[None]."
        )
    if weights is None:
        return jnp.mean(values)
    check_shape("weights", weights, values.shape[:1])
    weights = weights.astype(values.dtype)
    of_each = jnp.mean(values, axis=tuple(range(1, values.ndim)))
    unused = (weights == 0) & ~jnp.isfinite(of_each)
    of_each = jnp.where(unused, jnp.zeros_like(of_each), of_each)
    # Means and not sums, which overflow in float16 for a large batch.
    total = jnp.mean(weights)
    return jnp.mean(weights * of_each) / jnp.where(total == 0, 1, total)


def check_floating(name: str, x: Any) -> None:
    """Raises ValueError unless an array is floating, TypeError if it is no array."""
    if not (hasattr(x, "shape") and hasattr(x, "dtype")):
        raise TypeError(f"{name} should be an array, got {type(x).__name__}.")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"{name} should be floating-point numbers, got {x.dtype}. Pass what the "
            "model returns, before any argmax."
        )


def check_alike(outputs: Any, targets: Any, name: str = "outputs") -> None:
    """Raises unless outputs are floating and targets an array of their shape."""
    check_floating(name, outputs)
    if not hasattr(targets, "shape"):
        raise TypeError(f"targets should be an array, got {type(targets).__name__}.")
    check_shape("targets", targets, outputs.shape)


def check_classes(logits: Any, labels: Any, name: str = "logits") -> None:
    """Raises unless labels are integers or distributions that fit the logits.

    Args:
      logits: floating, (batch, ..., classes) with at least two classes.
      labels: integers of shape (batch, ...), or an array of the logits' shape.
      name: what the first argument is called, for the message.
    """
    check_floating(name, logits)
    if logits.ndim < 2 or logits.shape[-1] < 2:
        raise ValueError(
            f"{name} should have shape (batch, classes) with at least 2 classes, got "
            f"{logits.shape}. For a single output use binary_cross_entropy."
        )
    if not hasattr(labels, "shape"):
        raise TypeError(f"labels should be an array, got {type(labels).__name__}.")
    if are_soft(logits, labels):
        check_shape("labels", labels, logits.shape)
        return
    check_shape("labels", labels, logits.shape[:-1])
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"labels of shape {labels.shape} should be integers, the numbers of the "
            f"classes, got {labels.dtype}. Use labels.astype(int), or labels of shape "
            f"{logits.shape} for distributions over the classes."
        )


def are_soft(logits: Array, labels: Array) -> bool:
    """Whether labels are distributions over the classes, and not class numbers."""
    # A last axis of 1 is a column of class numbers, which is refused.
    return labels.ndim == logits.ndim and labels.shape[-1] != 1


def class_numbers(labels: Real[Array, "*batch"], classes: int) -> Real[Array, "*batch"]:
    """Labels as int32, the negative ones out of range and not counted from the end."""
    labels = labels.astype(jnp.int32)
    return jnp.where(labels < 0, classes, labels)
