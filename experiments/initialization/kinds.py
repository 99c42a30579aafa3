"""The initializers and activations that are compared."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet import initializers
from jaxnet.types import Initializer, PRNGKey

Number = float | Float[Array, ""]

INITIALIZERS: dict[str, Initializer] = {
    "0.01 randn": initializers.normal(0.01),
    "U(-0.01, 0.01)": initializers.uniform(0.01),
    "PyTorch default": initializers.pytorch_default,
    "randn / sqrt(n)": initializers.lecun_normal,
    "LeCun, uniform": initializers.lecun_uniform,
    "Xavier": initializers.glorot_normal,
    "Xavier, uniform": initializers.glorot_uniform,
    "orthogonal": initializers.orthogonal(),
    "relu heuristic": initializers.fan_average,
    "He": initializers.he_normal,
    "He, uniform": initializers.he_uniform,
    "randn": initializers.normal(1.0),
}
"""All of the library that draw something, by the lectures' names."""

VARIANCES = {
    "0.01 randn": (1e-4, 0.0, 0.0),
    "U(-0.01, 0.01)": (1e-4 / 3, 0.0, 0.0),
    "PyTorch default": (0.0, 1 / 3, 0.0),
    "randn / sqrt(n)": (0.0, 1.0, 0.0),
    "LeCun, uniform": (0.0, 1.0, 0.0),
    "Xavier": (0.0, 0.0, 2.0),
    "Xavier, uniform": (0.0, 0.0, 2.0),
    "relu heuristic": (0.0, 0.0, 4.0),
    "He": (0.0, 2.0, 0.0),
    "He, uniform": (0.0, 2.0, 0.0),
    "randn": (1.0, 0.0, 0.0),
}
"""The formula of each, ``a + b / n_in + c / (n_in + n_out)``, as (a, b, c)."""

ACTIVATIONS = {
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "linear": lambda x: x,
}


def variance(name: str, n_in: int, n_out: int) -> float:
    """What the formula of an initializer gives for a kernel (n_in, n_out).

    >>> round(variance("Xavier", 300, 2048), 6)
    0.000852
    """
    a, b, c = VARIANCES[name]
    return a + b / n_in + c / (n_in + n_out)


def of_formula(a: Number, b: Number, c: Number) -> Initializer:
    """Normal draws of the variance ``a + b / n_in + c / (n_in + n_out)``.

    The three numbers may be traced, so that one program trains nets from all
    initializers.
    """

    def init(key: PRNGKey, shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
        n_in, n_out = shape
        std = jnp.sqrt(a + b / n_in + c / (n_in + n_out)).astype(dtype)
        return std * jax.random.normal(key, shape, dtype)

    return init
