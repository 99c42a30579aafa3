"""Margin losses: the right answer is to win by a distance, or as far as it can.

The targets of `soft_margin` and `hinge` are -1 and 1. A target of 0, which other
losses use for "no", would have no gradient at all: write
``jnp.where(targets, 1, -1)`` to convert.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Integer, Real

from jaxnet.checks import check_number, check_shape
from jaxnet.losses.common import (
    Weights,
    check_alike,
    check_classes,
    class_numbers,
    weighted_mean,
)


def soft_margin(
    outputs: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """The logistic loss, ``l = log(1 + exp(-y f))``.

    It equals `binary_cross_entropy` with the targets ``(y + 1) / 2``.

    Args:
      outputs: scores f, (batch, ...).
      targets: y, -1 or 1, of the same shape.
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, outputs are not floating, or the targets'
        type has no negative numbers.

    References:
      Hastie et al., *The Elements of Statistical Learning*, 2009, table 12.1.
    """
    check_alike(outputs, targets)
    _check_signed("soft_margin", targets)
    losses = jax.nn.softplus(-targets.astype(outputs.dtype) * outputs)
    return weighted_mean(losses, weights)


def hinge(
    outputs: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """The loss of a support vector machine, ``l = max(0, 1 - y f)``.

    Its gradient in f is -y inside the margin, 0 outside, and ``-y / 2`` where
    ``y f = 1``.

    Args:
      outputs: scores f, (batch, ...).
      targets: y, -1 or 1, of the same shape.
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, outputs are not floating, or the targets'
        type has no negative numbers.

    References:
      Bishop, *Pattern Recognition and Machine Learning*, 2006, eq. 7.45.

    >>> float(hinge(jnp.array([0.5, -3.0]), jnp.array([1, 1])))
    2.25
    """
    check_alike(outputs, targets)
    _check_signed("hinge", targets)
    losses = optax.losses.hinge_loss(outputs, targets.astype(outputs.dtype))
    return weighted_mean(losses, weights)


def multiclass_margin(
    outputs: Float[Array, "batch classes"],
    labels: Integer[Array, " batch"],
    weights: Weights = None,
    *,
    p: int = 1,
    margin: float | Float[Array, ""] = 1.0,
) -> Float[Array, ""]:
    """Every wrong class is to stay a margin below the right one.

    ``l = sum_{j != y} max(0, margin - f_y + f_j)^p / classes``. The number of
    classes divides, as in PyTorch, though there are one fewer terms. This is the
    loss of Weston and Watkins, which adds up all violations;
    ``optax.losses.multiclass_hinge_loss`` is that of Crammer and Singer: the
    largest violation alone, undivided, with margin 1.

    Args:
      outputs: scores f, (batch, classes).
      labels: the number y of the class, integers in [0, classes), (batch,). Values
        are not checked: a number out of range gives NaN.
      weights: one per example, (batch,); not one per class.
      p: the power, 1 or 2.
      margin: at least 0, may be traced.

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes do not fit, labels are not integers, p is neither 1
        nor 2, or a known margin is negative.

    References:
      Weston and Watkins, *Support Vector Machines for Multi-Class Pattern
      Recognition*, 1999; Crammer and Singer, *On the Algorithmic
      Implementation of Multiclass Kernel-based Vector Machines*, 2001.
    """
    check_number("multiclass_margin: margin", margin, at_least=0.0)
    if not (isinstance(p, int) and p in (1, 2)):
        raise ValueError(f"multiclass_margin: p should be 1 or 2, got {p!r}.")
    check_classes(outputs, labels, "outputs")
    check_shape("outputs", outputs, (None, None))
    check_shape("labels", labels, outputs.shape[:1])
    classes = outputs.shape[-1]
    labels = class_numbers(labels, classes)
    right = jnp.take_along_axis(outputs, labels[:, None], axis=-1)
    violations = jax.nn.relu(margin - right + outputs) ** p
    wrong = 1.0 - jax.nn.one_hot(labels, classes, dtype=outputs.dtype)
    return weighted_mean(jnp.sum(wrong * violations, axis=-1) / classes, weights)


def multilabel_margin(
    outputs: Float[Array, "batch classes"],
    targets: Real[Array, "batch classes"] | Bool[Array, "batch classes"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """Every class that holds is to beat every class that does not by 1.

    ``l = sum_{j holds} sum_{k does not} max(0, 1 - f_j + f_k) / classes``. All
    pairs are made: memory for batch x classes x classes numbers.

    Args:
      outputs: scores f, (batch, classes).
      targets: of the same shape, 1 or True where a class holds and else 0. (For
        PyTorch targets are rows of class numbers, padded with -1: those would be
        misread.)
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, or outputs are not floating.

    References:
      Elisseeff and Weston, *A Kernel Method for Multi-Labelled Classification*,
      2001, but divided by the number of classes and not of pairs.
    """
    check_alike(outputs, targets)
    check_shape("outputs", outputs, (None, None))
    holds = targets.astype(outputs.dtype)
    pairs = holds[:, :, None] * (1.0 - holds[:, None, :])
    violations = jax.nn.relu(1.0 - outputs[:, :, None] + outputs[:, None, :])
    total = jnp.sum(pairs * violations, axis=(1, 2))
    return weighted_mean(total / outputs.shape[-1], weights)


def _check_signed(loss: str, targets: Array) -> None:
    if targets.dtype == bool or jnp.issubdtype(targets.dtype, jnp.unsignedinteger):
        raise ValueError(
            f"{loss}: targets should be -1 or 1, which {targets.dtype} cannot hold. "
            "Use jnp.where(targets, 1, -1)."
        )
