"""Losses: pure functions ``(outputs, targets, weights=None) -> scalar``.

    loss = softmax_cross_entropy(logits, labels)
    loss = huber(outputs, targets, weights, delta=0.5)
    task = Task(model, functools.partial(huber, delta=h["delta"]), optimizer)

The rules for every loss of jaxnet:

* It is the weighted mean over the examples, ``sum_i w_i l_i / sum_i w_i``, where
  ``l_i`` is the mean over the elements of example i; see `weighted_mean`. Without
  weights that is what PyTorch calls ``reduction="mean"``.
* ``weights`` has one entry per example. Weights per class, as PyTorch's
  ``CrossEntropyLoss(weight=...)`` takes them, are ``class_weights[labels]``. For
  weights per step of a sequence, merge the leading axes of all arguments.
* Shapes are never broadcast: (4,) with (4, 1) is refused, since it would compare
  each output with each target.
* Options are keywords, and floats among them may be traced.
* Values and gradients stay finite for outputs as large as their type can square.

The names that PyTorch has for them:

    mean_squared_error         MSELoss
    half_mean_squared_error    (none: MSELoss has no 1/2)
    mean_absolute_error        L1Loss
    huber                      HuberLoss
    softmax_cross_entropy      CrossEntropyLoss (classes on the last axis here)
    binary_cross_entropy       BCEWithLogitsLoss
    soft_margin                SoftMarginLoss (which overflows below -88; this does not)
    hinge                      (none)
    multiclass_margin          MultiMarginLoss
    multilabel_margin          MultiLabelMarginLoss (targets as 0 and 1 here)

More are in ``optax.losses``. They return a loss for each example or element, and
some of them broadcast; `weighted_mean` makes one number of it:

    def log_cosh(outputs, targets, weights=None):
        return weighted_mean(optax.losses.log_cosh(outputs, targets), weights)
"""

from jaxnet.losses.classification import binary_cross_entropy, softmax_cross_entropy
from jaxnet.losses.common import weighted_mean
from jaxnet.losses.margin import (
    hinge,
    multiclass_margin,
    multilabel_margin,
    soft_margin,
)
from jaxnet.losses.regression import (
    half_mean_squared_error,
    huber,
    mean_absolute_error,
    mean_squared_error,
)

__all__ = [
    "binary_cross_entropy",
    "half_mean_squared_error",
    "hinge",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "multiclass_margin",
    "multilabel_margin",
    "soft_margin",
    "softmax_cross_entropy",
    "weighted_mean",
]
