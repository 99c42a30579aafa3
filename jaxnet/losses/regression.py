"""Losses for targets that are numbers."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Real

from jaxnet.checks import check_number
from jaxnet.losses.common import Weights, check_alike, weighted_mean


def mean_squared_error(
    outputs: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """Mean of the squared error, ``l = (f - y)^2``.

    This is PyTorch's ``MSELoss``. Formulas with a 1/2 in front are
    `half_mean_squared_error`.

    Args:
      outputs: predictions f, (batch, ...).
      targets: y, of the same shape; integers are converted.
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, or outputs are not floating.

    >>> float(mean_squared_error(jnp.array([1.0, 2.0]), jnp.array([1.0, 0.0])))
    2.0
    """
    check_alike(outputs, targets)
    targets = targets.astype(outputs.dtype)
    return weighted_mean(optax.losses.squared_error(outputs, targets), weights)


def half_mean_squared_error(
    outputs: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """Half the mean of the squared error, ``l = (f - y)^2 / 2``.

    Its gradient in f is ``f - y``: half that of `mean_squared_error`, so the same
    steps need twice the learning rate.

    Args:
      outputs: predictions f, (batch, ...).
      targets: y, of the same shape; integers are converted.
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, or outputs are not floating.

    References:
      Bishop, *Pattern Recognition and Machine Learning*, 2006, eq. 3.12, which is
      the sum and not the mean.
    """
    return 0.5 * mean_squared_error(outputs, targets, weights)


def mean_absolute_error(
    outputs: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """Mean of the absolute error, ``l = |f - y|``.

    The gradient in f is ``sign(f - y)``, and 0 where ``f = y``.

    Args:
      outputs: predictions f, (batch, ...).
      targets: y, of the same shape; integers are converted.
      weights: one per example, (batch,).

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, or outputs are not floating.
    """
    check_alike(outputs, targets)
    errors = outputs - targets.astype(outputs.dtype)
    # Not jnp.abs, whose gradient at 0 is 1.
    return weighted_mean(errors * jnp.sign(errors), weights)


def huber(
    outputs: Float[Array, " batch *rest"],
    targets: Real[Array, " batch *rest"],
    weights: Weights = None,
    *,
    delta: float | Float[Array, ""] = 1.0,
) -> Float[Array, ""]:
    """Squared for small errors, absolute for large ones.

    With ``e = f - y``, ``l = e^2 / 2`` where ``|e| <= delta``, and
    ``l = delta (|e| - delta / 2)`` beyond. The gradient in f is e clipped to
    ``[-delta, delta]``.

    Args:
      outputs: predictions f, (batch, ...).
      targets: y, of the same shape; integers are converted.
      weights: one per example, (batch,).
      delta: where the two parts meet, above 0, in the units of y; may be traced.

    Returns:
      The weighted mean over examples, a scalar.

    Raises:
      ValueError: if the shapes differ, outputs are not floating, or a known delta
        is not above 0.

    References:
      Huber, *Robust Estimation of a Location Parameter*, 1964.

    >>> float(huber(jnp.array([0.5, 3.0]), jnp.array([0.0, 0.0])))
    1.3125
    """
    check_number("huber: delta", delta, above=0.0)
    check_alike(outputs, targets)
    targets = targets.astype(outputs.dtype)
    losses = optax.losses.huber_loss(outputs, targets, delta=delta)
    return weighted_mean(losses, weights)
