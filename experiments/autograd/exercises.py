"""The exercises with numbers: by hand, and by autodiff.

Each returns claims: what a slide says, or what the derivation by hand gives, beside
what JAX computes.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import jaxnet
from experiments.common.claims import Claim, exact
from jaxnet.autograd import graph


def sine_of_square(x: Array, y: Array) -> Array:
    """Exercise 1.1: sin(x^2 + y^2)."""
    return jnp.sin(x**2 + y**2)


def tanh_of_log(x: Array, y: Array, z: Array) -> Array:
    """Exercises 1.2 and 1.3: tanh(ln(1 + z * 2x / sin(y)))."""
    return jnp.tanh(jnp.log(1 + z * (2 * x / jnp.sin(y))))


def neuron_loss(w: Array, b: Array, x: Array, y: Array) -> Array:
    """Exercise 2.1: (y - tanh(w x + b))^2."""
    return (y - jnp.tanh(w * x + b)) ** 2


def half_square(x: Array, w: Array) -> Array:
    """Lecture 000: (x - w)^2 / 2."""
    return 0.5 * (x - w) ** 2


def by_hand(x: float, y: float, z: float) -> list[float]:
    """The gradient of `tanh_of_log`, derived on paper.

    With u = 2 z x / sin(y), f' = (1 - f^2) / (1 + u) times the derivative of u.
    """
    u = 2 * z * x / np.sin(y)
    outer = (1 - np.tanh(np.log(1 + u)) ** 2) / (1 + u)
    return [outer * u / x, -outer * u / np.tan(y), outer * u / z]


def claims() -> list[Claim]:
    """All numbers of the slides that autodiff can check."""
    return [*_of_deck_0(), *_of_deck_1(), *_of_deck_3(), *_of_deck_4()]


def _of_deck_0() -> list[Claim]:
    found = graph(half_square, 5.0, 3.0)
    to_w = [edge.derivative for edge in found.edges if edge.tail != "x"]
    return [
        _exact("000", "L = (x - w)^2 / 2 at 5 and 3", 2.0, found["c"].value),
        _exact("000", "its derivatives on the way to w", [-1.0, 4.0, 0.5], to_w),
        _exact("000", "dL/dw, their product", -2.0, found["w"].gradient),
    ]


def _of_deck_1() -> list[Claim]:
    point, ones = (0.6, -0.9), jnp.ones(3)
    hand = [2 * one * np.cos(0.6**2 + 0.9**2) for one in point]
    ours = jax.grad(sine_of_square, (0, 1))(*point)
    value, gradient = tanh_of_log(*ones), jax.grad(tanh_of_log, (0, 1, 2))
    neuron = jax.grad(neuron_loss, (0, 1))(-0.5, 0.5, 1.0, 7.0)
    elsewhere = (0.7, 2.0, 1.3)
    said = [0.2087, -0.1340, 0.2087]
    return [
        _exact("001", "1.1: grad of sin(x^2 + y^2) by hand", _round(hand), ours),
        _exact("001", "1.2: tanh(ln(1 + z 2x/sin y)) at 1", 0.83874, value),
        _exact("001", "1.3: its gradient at (1, 1, 1)", said, gradient(*ones)),
        _exact(
            "001",
            "1.3: by hand, at (0.7, 2, 1.3)",
            _round(by_hand(*elsewhere)),
            gradient(*elsewhere),
        ),
        _exact("001", "2.1: dL/dw and dL/db by hand", [-14.0, -14.0], neuron),
    ]


def _of_deck_3() -> list[Claim]:
    a = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    b = jnp.array([[8.0, 1.0, 2.0], [-5.0, 6.0, 7.0]])
    e = jnp.array([[-5.0, 1.0], [0.0, 2.0], [-11.0, 7.0]])
    return [
        _exact("003", "sum of a^2", 30.0, jnp.sum(a**2)),
        _exact(
            "003",
            "its gradient",
            [[2.0, 4.0], [6.0, 8.0]],
            jax.grad(lambda a: jnp.sum(a**2))(a),
        ),
        _exact("003", "the matrix product BE", [[-62, 24], [-52, 56]], b @ e),
    ]


def _of_deck_4() -> list[Claim]:
    x, y, z = (jnp.array(one) for one in ([-1.5, 1.2], [1.0, -1.3], [-2.0, 0.2]))
    value, gradient = jax.value_and_grad(lambda x: x * y @ z)(x)
    layer = jaxnet.dense(2)
    params, state = layer.init(jax.random.key(0), jnp.ones(5))
    output, _ = layer.apply(params, state, jnp.ones(5))
    kernel, bias = params["kernel"], params["bias"]
    sizes = [*kernel.T.shape, *bias.shape, *output.shape]
    return [
        _exact("004", "x * y @ z", 2.6880, value),
        _exact("004", "its gradient by x", [-2.0, -0.26], gradient),
        _exact("004", "LinearModule(5, 2): sizes of W, b, output", [2, 5, 2, 2], sizes),
    ]


def _exact(lecture: str, statement: str, said: Any, ours: Any) -> Claim:
    """`exact`, for lists as well."""
    return exact(lecture, statement, said, ours)


def _round(values: list[float]) -> list[float]:
    return [round(float(one), 6) for one in values]
