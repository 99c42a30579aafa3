"""Cross-entropies for targets that are classes; both take logits."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Integer, Real

from jaxnet.checks import check_number
from jaxnet.losses.common import (
    Weights,
    are_soft,
    check_alike,
    check_classes,
    class_numbers,
    weighted_mean,
)


def softmax_cross_entropy(
    logits: Float[Array, "batch *rest classes"],
    labels: Integer[Array, " batch *rest"] | Real[Array, "batch *rest classes"],
    weights: Weights = None,
    *,
    label_smoothing: float | Float[Array, ""] | None = None,
) -> Float[Array, ""]:
    """Negative log-likelihood of labels under ``p = softmax(logits)``.

    ``l = -log p_y`` for the class y, and ``l = -sum_c q_c log p_c`` for a
    distribution q over the classes. The gradient of l in the logits is ``p - q``,
    with q one at y and zero elsewhere for a class.

    Smoothing by a replaces q with ``(1 - a) q + a / classes``.

    Args:
      logits: scores before any softmax, (batch, ..., classes). Axes between the
        first and the last, such as the steps of a sequence, are averaged over.
      labels: the numbers of the classes, integers in [0, classes) of shape
        (batch, ...); or distributions, of the shape of the logits and adding up to
        1 over the classes. Values are not checked: a number out of range gives
        NaN.
      weights: one per example, (batch,).
      label_smoothing: a, in [0, 1), may be traced; None for none.

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes do not fit, class numbers are not integers, there
        is a single class, or a known label_smoothing is outside [0, 1).

    References:
      Bishop, *Pattern Recognition and Machine Learning*, 2006, eq. 4.108.
      Szegedy et al., *Rethinking the Inception Architecture for Computer Vision*,
      2016, section 7, for the smoothing.

    >>> logits = jnp.log(jnp.array([[0.5, 0.25, 0.25]]))
    >>> print(f"{softmax_cross_entropy(logits, jnp.array([1])):.4f}")  # log 4
    1.3863
    """
    if label_smoothing is not None:
        check_number(
            "softmax_cross_entropy: label_smoothing",
            label_smoothing,
            at_least=0.0,
            below=1.0,
        )
    check_classes(logits, labels)
    if are_soft(logits, labels):
        labels = labels.astype(logits.dtype)
        losses = optax.losses.softmax_cross_entropy(logits, labels)
    else:
        losses = optax.losses.softmax_cross_entropy_with_integer_labels(
            logits, class_numbers(labels, logits.shape[-1])
        )
    if label_smoothing is not None:
        # The cross-entropy is linear in q: that of the uniform one is mixed in.
        uniform = -jnp.mean(jax.nn.log_softmax(logits, axis=-1), axis=-1)
        losses = (1.0 - label_smoothing) * losses + label_smoothing * uniform
    return weighted_mean(losses, weights)


def binary_cross_entropy(
    logits: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"] | Bool[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """Negative log-likelihood of yes or no under ``p = sigmoid(logits)``.

    ``l = -[y log p + (1 - y) log(1 - p)]``, whose gradient in the logits is
    ``p - y``. With several outputs per example each is a question of its own (an
    image may show a cat *and* a dog), and they are averaged.

    Args:
      logits: scores before any sigmoid, (batch, ...).
      targets: y of the same shape: 0 or 1, bools, or probabilities in [0, 1].
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, or logits are not floating.

    References:
      Bishop, *Pattern Recognition and Machine Learning*, 2006, eq. 4.90.
    """
    check_alike(logits, targets, "logits")
    losses = optax.losses.sigmoid_binary_cross_entropy(
        logits, targets.astype(logits.dtype)
    )
    return weighted_mean(losses, weights)
