"""What L1 and L2 do to weights: small, near zero, or zero.

L1's gradient pushes a weight past zero and back again, by the learning rate times the
strength, so that gradient descent ends near zero and not at it. The proximal step puts
what would have passed zero on it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

import jaxnet
from experiments.regularization.linear import descend
from experiments.regularization.training import Study, best_on_average
from jaxnet.regularization import l1, l2
from jaxnet.types import Batch, Params

NEAR = 0.01
"""What counts as near zero. First weights have deviations of 0.18 in both layers."""

STRENGTH = 0.01
"""Of the penalties on the linear classifier."""

RATE, STEPS = 0.2, 1000


class Linear(NamedTuple):
    """A linear classifier, trained with a penalty.

    Attributes:
      kernels: of all seeds, (seeds, pixels, digits).
      objectives: loss and penalty at the end, (seeds,).
    """

    kernels: np.ndarray
    objectives: np.ndarray


def proximal_l1(threshold: float | Array) -> optax.GradientTransformation:
    """The proximal step of L1, last in a chain, for kernels alone.

    After the step ``v = w + update`` it takes ``sign(v) * max(|v| - threshold, 0)``,
    the minimum of ``1/2 (w - v)^2 + threshold * |w|``.

    Args:
      threshold: the learning rate times the strength of the penalty; 0 for no effect.

    References:
      Beck and Teboulle, *A Fast Iterative Shrinkage-Thresholding Algorithm*, 2009,
      eq. 1.4 and 1.5.
    """

    def update(
        updates: Params, state: optax.OptState, params: Params = None
    ) -> tuple[Params, optax.OptState]:
        def shrink(update: Array, w: Array) -> Array:
            v = w + update
            return jnp.sign(v) * jnp.maximum(jnp.abs(v) - threshold, 0.0) - w

        kernel = shrink(updates["kernel"], params["kernel"])
        return updates | {"kernel": kernel}, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def train_linear(data: Batch, start: Params) -> dict[str, Linear]:
    """Softmax regression with each penalty, for all seeds.

    Args:
      data: images (seeds, examples, pixels) and labels (seeds, examples).
      start: the first weights, of all seeds.
    """
    # Strengths of what the gradient sees and of the proximal step, by kind: all kinds
    # are one program.
    kinds = {
        "L2": {"l1": 0.0, "l2": STRENGTH, "proximal": 0.0},
        "L1": {"l1": STRENGTH, "l2": 0.0, "proximal": 0.0},
        "L1, proximal": {"l1": 0.0, "l2": 0.0, "proximal": STRENGTH},
    }

    def train(kind: dict[str, Array], start: Params, x: Array, y: Array) -> tuple:
        def seen(params: Params) -> Array:
            return l1(kind["l1"])(params) + l2(kind["l2"])(params)

        rule = optax.chain(optax.sgd(RATE), proximal_l1(RATE * kind["proximal"]))
        params, loss = descend(rule, seen, STEPS, start, x, y)
        unseen = l1(kind["proximal"])(params)
        return params["kernel"], loss(params) + seen(params) + unseen

    over_seeds = jax.vmap(train, (None, 0, 0, 0))
    stacked = jax.tree.map(lambda *leaves: jnp.array(leaves), *kinds.values())
    over_kinds = jax.jit(jax.vmap(over_seeds, (0, None, None, None)))
    found = over_kinds(stacked, start, *data)
    weights, objectives = map(np.asarray, found)
    return {kind: Linear(weights[i], objectives[i]) for i, kind in enumerate(kinds)}


def describe(fit: jaxnet.Fit) -> dict[str, float]:
    """How large, how peaked and how near to zero a net's weights are.

    Returns:
      "norm"; "largest"; "peak", the largest over their root mean square; and the
      shares in percent that are "near" zero and "exactly" zero.
    """
    weights = kernels(fit)
    largest = float(np.abs(weights).max())
    return {
        "norm": float(np.linalg.norm(weights)),
        "largest": largest,
        "peak": largest / float(np.sqrt(np.mean(np.square(weights)))),
        "near": 100.0 * float(np.mean(np.abs(weights) < NEAR)),
        "exactly": 100.0 * float(np.mean(weights == 0.0)),
    }


def nets(studies: Sequence[Study]) -> list[dict[str, jaxnet.Fit]]:
    """Of each seed the nets without a penalty, with L1 and with L2.

    The strengths are those that are best over all seeds, so that the nets of a kind
    have one in common.
    """
    strengths = {kind: best_on_average(studies, kind) for kind in ("none", "l1", "l2")}
    return [{k: one.member(k, s) for k, s in strengths.items()} for one in studies]


def compare(fits: dict[str, jaxnet.Fit]) -> dict[str, float]:
    """The nets' weights described, and compared with those of "none".

    Args:
      fits: of one seed, by "none", "l1" and "l2".
    """
    found = {kind: describe(fit) for kind, fit in fits.items()}
    row = {f"{kind}_{k}": v for kind, one in found.items() for k, v in one.items()}
    for kind in ("l1", "l2"):
        for name, value in found[kind].items():
            row[f"{kind}_{name}_minus_none"] = value - found["none"][name]
    row["l1_near_minus_l2"] = found["l1"]["near"] - found["l2"]["near"]
    return row


def kernels(fit: jaxnet.Fit) -> np.ndarray:
    """All weights of a net in one row, without the biases."""
    layers = fit.state.params.values()
    return np.concatenate([np.asarray(layer["kernel"]).ravel() for layer in layers])
