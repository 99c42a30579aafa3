"""Every loss of jaxnet, with outputs and targets to try it on."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnet.losses import (
    binary_cross_entropy,
    half_mean_squared_error,
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    multiclass_margin,
    multilabel_margin,
    soft_margin,
    softmax_cross_entropy,
)


class LossCase(NamedTuple):
    """A loss to test.

    Attributes:
      name: for the test's id.
      loss: ``(outputs, targets, weights=None, **hypers) -> scalar``.
      outputs: with the examples on the leading axis.
      targets: for those outputs; weights would have shape ``outputs.shape[:1]``.
      hypers: floats that may be traced, by keyword.
    """

    name: str
    loss: Callable[..., Any]
    outputs: jax.Array
    targets: jax.Array
    hypers: dict[str, float] = {}  # noqa: RUF012 - read only


def normal(*shape: int) -> jax.Array:
    # Twice the unit scale: both parts of every piecewise loss are visited.
    return 2.0 * jax.random.normal(jax.random.key(sum(shape)), shape)


NUMBERS = jnp.array([[0.5, -1.0], [2.0, 0.1], [-3.0, 1.2], [0.0, 0.7], [1.1, -0.4]])
SIGNS = jnp.array([[1, -1], [-1, -1], [1, 1], [-1, 1], [1, 1]])
LABELS = jnp.array([0, 3, 1, 1, 2])
SEQUENCES = jnp.array([[0, 2, 1], [1, 1, 0], [2, 0, 2], [0, 0, 1]])
SOFT = jnp.array(
    [
        [0.7, 0.1, 0.1, 0.1],
        [0.0, 0.5, 0.5, 0.0],
        [0.25, 0.25, 0.25, 0.25],
        [0.0, 0.0, 0.0, 1.0],
        [0.3, 0.2, 0.4, 0.1],
    ]
)
# None, one, several and all of the classes hold.
MANY_HOT = jnp.array(
    [[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1], [0, 1, 1, 1]]
)

REGRESSION = [
    LossCase("mean_squared_error", mean_squared_error, normal(5, 2), NUMBERS),
    LossCase(
        "mean_squared_error of vectors", mean_squared_error, normal(5), NUMBERS[:, 0]
    ),
    LossCase("half_mean_squared_error", half_mean_squared_error, normal(5, 2), NUMBERS),
    LossCase("mean_absolute_error", mean_absolute_error, normal(5, 2), NUMBERS),
    LossCase("huber", huber, normal(5, 2), NUMBERS, {"delta": 0.7}),
]

CLASSIFICATION = [
    LossCase("softmax_cross_entropy", softmax_cross_entropy, normal(5, 4), LABELS),
    LossCase(
        "softmax_cross_entropy smoothed",
        softmax_cross_entropy,
        normal(5, 4),
        LABELS,
        {"label_smoothing": 0.2},
    ),
    LossCase("softmax_cross_entropy soft", softmax_cross_entropy, normal(5, 4), SOFT),
    LossCase(
        "softmax_cross_entropy soft and smoothed",
        softmax_cross_entropy,
        normal(5, 4),
        SOFT,
        {"label_smoothing": 0.1},
    ),
    LossCase(
        "softmax_cross_entropy of sequences",
        softmax_cross_entropy,
        normal(4, 3, 3),
        SEQUENCES,
        {"label_smoothing": 0.05},
    ),
    LossCase("binary_cross_entropy", binary_cross_entropy, normal(5, 4), MANY_HOT),
    LossCase("binary_cross_entropy soft", binary_cross_entropy, normal(5, 4), SOFT),
    LossCase(
        "binary_cross_entropy of vectors",
        binary_cross_entropy,
        normal(5),
        SIGNS[:, 0] > 0,
    ),
]

MARGIN = [
    LossCase("soft_margin", soft_margin, normal(5, 2), SIGNS),
    LossCase("hinge", hinge, normal(5, 2), SIGNS),
    LossCase("hinge of vectors", hinge, normal(5), SIGNS[:, 1]),
    LossCase(
        "multiclass_margin", multiclass_margin, normal(5, 4), LABELS, {"margin": 0.8}
    ),
    LossCase(
        "multiclass_margin squared",
        functools.partial(multiclass_margin, p=2),
        normal(5, 4),
        LABELS,
        {"margin": 1.5},
    ),
    LossCase("multilabel_margin", multilabel_margin, normal(5, 4), MANY_HOT),
]

LOSSES: list[LossCase] = REGRESSION + CLASSIFICATION + MARGIN
