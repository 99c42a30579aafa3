"""Slips in formulas: each is computed as the slide has it, and as it should be."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.lecture.slip import Slip, number
from jaxnet.losses import binary_cross_entropy, softmax_cross_entropy


def cross_entropy_sign() -> Slip:
    """The sign between the two terms of the cross-entropy."""
    y, f = 0.0, 0.9  # Sure, and wrong.
    slide = -(y * np.log(f) - (1 - y) * np.log(1 - f))
    right = -(y * np.log(f) + (1 - y) * np.log(1 - f))
    logit = jnp.log(f / (1 - f))
    ours = float(binary_cross_entropy(logit[None], jnp.zeros(1)))
    return Slip(
        "004",
        "cross-entropy, y = 0, f = 0.9",
        "-[y log f - (1 - y) log(1 - f)]",
        f"{number(slide)}: the worse, the lower",
        "-[y log f + (1 - y) log(1 - f)]",
        number(ours),
        slide < 0 and abs(ours - right) < 1e-5,
    )


def cross_entropy_class() -> Slip:
    """A formula for two classes beside a class for many."""
    logits, label = jnp.array([2.0, 1.0, 0.0]), 0
    f, y = jax.nn.softmax(logits), jax.nn.one_hot(label, 3)
    slide = float(-(y * jnp.log(f) + (1 - y) * jnp.log(1 - f)).sum())
    right = float(softmax_cross_entropy(logits[None], jnp.array([label])))
    return Slip(
        "004",
        "nn.CrossEntropyLoss of logits 2, 1, 0",
        "the formula for two classes",
        number(slide),
        "-log softmax(logits)[label]",
        number(right),
        abs(right - float(-jnp.log(f[label]))) < 1e-5 and abs(slide - right) > 0.1,
    )


def forward_difference() -> Slip:
    """A forward difference without the difference."""
    x, eps = 3.0, 1e-4
    slide = (x + eps) ** 2 / eps
    right = ((x + eps) ** 2 - x**2) / eps
    exact = float(jax.grad(jnp.square)(x))
    return Slip(
        "004",
        "forward difference of x^2 at 3",
        "f(x + e) / e",
        number(slide),
        "(f(x + e) - f(x)) / e",
        number(right),
        abs(right - exact) < 1e-3 < abs(slide - exact),
    )


def squared_error_half() -> Slip:
    """The half in front of the squared error."""
    y, t = jnp.array([3.0]), jnp.array([1.0])
    slide = float(jax.grad(lambda y: optax.losses.l2_loss(y, t).mean())(y)[0])
    right = float(jax.grad(lambda y: optax.losses.squared_error(y, t).mean())(y)[0])
    return Slip(
        "004",
        "gradient of nn.MSELoss, y = 3, t = 1",
        "1/2 (y - t)^2",
        number(slide),
        "(y - t)^2, as PyTorch has it",
        number(right),
        right == 2 * slide,
    )


def momentum_velocity() -> Slip:
    """The velocity that is never stored, on (theta - 1)^2 from -1."""
    rate, mu, steps = 0.05, 0.9, 40
    w, v = -1.0, 0.0
    for _ in range(steps):
        _unused = mu * v - rate * 2 * (w - 1)  # It is called w, and v stays as it is.
        w = w + v
    slide = w
    w, v = -1.0, 0.0
    for _ in range(steps):
        v = mu * v - rate * 2 * (w - 1)
        w = w + v
    right = w
    return Slip(
        "002",
        "momentum, 40 steps on (theta - 1)^2",
        "w' = mu v - eta grad, theta' = theta + v'",
        f"theta = {number(slide)}: it never moves",
        "v' = mu v - eta grad",
        f"theta = {number(right)}",
        abs(right - 1) < 0.3 and slide == -1,
    )


def paths_are_added() -> Slip:
    """The derivative along one path where there are two."""
    x, y = 1.0, 2.0
    one = y
    both = y + np.cos(x)
    ours = float(jax.grad(lambda x: x * y + jnp.sin(x))(x))
    return Slip(
        "001",
        "df/dx of x y + sin(x) at 1, 2",
        "the unique path",
        number(one),
        "the sum over all paths",
        number(ours),
        abs(ours - both) < 1e-6,
    )
