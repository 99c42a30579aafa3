"""The product of inputs and a kernel, whose gradient is fast on a CPU as well.

The gradient of ``x @ kernel`` with respect to the kernel is ``x.T @ g``. On a CPU XLA
multiplies small matrices faster if both are in memory row by row, and ``x.T`` is not:
it is only read in another order. Here it is written down first, which is worth it as
long as a core's cache holds it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

SMALL = 2**16
"""The most inputs that are written down; with more, both ways are alike."""


@jax.custom_jvp
def product(
    x: Float[Array, "*batch inputs"], kernel: Float[Array, "inputs features"]
) -> Float[Array, "*batch features"]:
    """``x @ kernel``."""
    return x @ kernel


def _tangent(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x, kernel), (dx, dkernel) = primals, tangents
    terms = []
    if not isinstance(dx, SymbolicZero):
        terms.append(dx @ kernel)
    if not isinstance(dkernel, SymbolicZero):
        # Where gradients are taken, this becomes a product with the transpose.
        factor = x
        if x.ndim > 1 and x.size <= SMALL:
            factor = jax.lax.platform_dependent(x, cpu=_by_columns, default=lambda x: x)
        terms.append(factor @ dkernel)
    return product(x, kernel), sum(terms[1:], start=terms[0])


product.defjvp(_tangent, symbolic_zeros=True)


def _by_columns(x: Array) -> Array:
    """The same, written column by column; the barrier keeps XLA from undoing it."""
    written = jax.lax.optimization_barrier(jnp.moveaxis(x, -1, 0))
    return jnp.moveaxis(written, 0, -1)
