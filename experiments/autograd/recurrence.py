"""The LSTM of lecture 004, and dL/dW^f by hand against autodiff of `jaxnet.lstm`.

s_t = [x_t, h_{t-1}]
i, f, o = sigmoid(W s_t + b), each with its own W and b
c_t = f * c_{t-1} + i * tanh(W^c s_t + b^c)
h_t = o * tanh(c_t)
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnet

INPUTS, FEATURES = 3, 4

_LAYER = jaxnet.lstm(FEATURES)

GATES: tuple[str, ...] = ("i", "f", "c", "o")
"""In the order in which `jaxnet.lstm` has them."""


def forget_gate_gradients(seeds: range, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """dL/dW^f by hand and by autodiff, each (seeds, features, inputs + features).

    L is a product of the last h with fixed numbers. All is float64, so that only a
    mistake makes a difference.

    Args:
      seeds: of weights, inputs and those numbers.
      steps: of the sequence.
    """
    problems = [_problem(seed, steps) for seed in seeds]
    with jax.enable_x64(True):
        stacked = jax.tree.map(lambda *rows: jnp.stack(rows), *problems)
        ours = np.asarray(jax.jit(jax.vmap(_by_autodiff))(*stacked))
    return np.stack([by_hand(*one) for one in problems]), ours


def _problem(
    seed: int, steps: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Weights, a sequence, and what the last h is multiplied with."""
    draw = np.random.default_rng(seed).standard_normal
    params = {
        "kernel": draw((INPUTS, 4 * FEATURES)) / np.sqrt(INPUTS),
        "recurrent_kernel": draw((FEATURES, 4 * FEATURES)) / np.sqrt(FEATURES),
        "bias": draw(4 * FEATURES),
    }
    return params, draw((steps, INPUTS)), draw(FEATURES)


def _by_autodiff(params: dict[str, Array], x: Array, toward: Array) -> Array:
    def loss(params: Any) -> Array:
        h, _ = _LAYER.apply(params, (), x)
        return jnp.vdot(toward, h[-1])

    gradients = jax.grad(loss)(params)
    block = slice(FEATURES, 2 * FEATURES)
    parts = [gradients[name][:, block] for name in ("kernel", "recurrent_kernel")]
    return jnp.concatenate(parts, axis=0).T


def by_hand(
    params: dict[str, np.ndarray],
    x: Float[np.ndarray, "steps inputs"],
    toward: Float[np.ndarray, " features"],
) -> Float[np.ndarray, "features inputs+features"]:
    """dL/dW^f by going through the steps forward, and then back."""
    both = np.concatenate([params["kernel"], params["recurrent_kernel"]])
    w = dict(zip(GATES, np.split(both.T, 4), strict=True))
    b = dict(zip(GATES, np.split(params["bias"], 4), strict=True))

    h, c, kept = np.zeros(FEATURES), np.zeros(FEATURES), []
    for x_t in x:
        s = np.concatenate([x_t, h])
        g = {name: _sigmoid(w[name] @ s + b[name]) for name in "ifo"}
        g["c"] = np.tanh(w["c"] @ s + b["c"])
        before, c = c, g["f"] * c + g["i"] * g["c"]
        h = g["o"] * np.tanh(c)
        kept.append((s, g, before, c))

    gradient = np.zeros_like(w["f"])
    dh, dc = toward, np.zeros(FEATURES)
    for s, g, before, c in reversed(kept):
        dc = dc + dh * g["o"] * (1 - np.tanh(c) ** 2)
        inside = {  # By what goes into each gate.
            "o": dh * np.tanh(c) * g["o"] * (1 - g["o"]),
            "f": dc * before * g["f"] * (1 - g["f"]),
            "i": dc * g["c"] * g["i"] * (1 - g["i"]),
            "c": dc * g["i"] * (1 - g["c"] ** 2),
        }
        gradient += np.outer(inside["f"], s)
        ds = np.sum([w[name].T @ one for name, one in inside.items()], axis=0)
        dh, dc = ds[INPUTS:], dc * g["f"]
    return gradient


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))
