"""What a gradient check refuses, and what to do about it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.autograd.naming import Arguments

DUE = ("float32", "float64")
"""Types with digits enough for differences."""


def check_leaves(named: Arguments) -> None:
    """Raises ValueError unless all leaves are finite floats of enough precision."""
    if not named.leaves:
        raise ValueError("check_gradients needs an argument with a leaf, got none.")
    for name, leaf in zip(named.names, named.leaves, strict=True):
        dtype = str(leaf.dtype)
        if dtype in ("float16", "bfloat16"):
            raise ValueError(
                f"{name} is {dtype}, whose differences have hardly a digit. Check in "
                f"float32 or float64: {name}.astype(jnp.float32)."
            )
        if dtype not in DUE:
            raise ValueError(
                f"{name} is {dtype}, but only float32 and float64 can be checked. Put "
                "what is not to be differentiated into the function, as in "
                "check_gradients(lambda params: loss(params, labels), params), and "
                "write numbers as floats: 5.0."
            )
        if leaf.size == 0:
            raise ValueError(f"{name} has the shape {leaf.shape}: nothing to check.")
        if not np.isfinite(leaf).all():
            raise ValueError(
                f"{name} has entries that are not finite. Check where f is finite."
            )


def check_result(f: Callable[..., Any], named: Arguments) -> None:
    """Raises ValueError unless f gives a finite scalar, and the same one again."""
    first, second = (f(*named.tree(named.leaves)) for _ in range(2))
    leaves = jax.tree.leaves(first)
    if len(leaves) != 1 or leaves[0] is not first:
        raise ValueError(
            f"f should return one scalar, got {jax.tree.structure(first)}. Choose one, "
            "as in check_gradients(lambda x: f(x)[0], x)."
        )
    shape, dtype = jnp.shape(first), str(jnp.asarray(first).dtype)
    if shape != () or dtype not in DUE:
        raise ValueError(
            f"f should return a scalar of float32 or float64, got {dtype} of the shape "
            f"{shape}. Reduce it, best with weights that differ, so that no mistake "
            "cancels: lambda x: jnp.vdot(weights, f(x))."
        )
    if not np.isfinite(first):
        raise ValueError(
            f"f gives {float(first)} here, and differences of that say nothing. Check "
            "where it is finite."
        )
    if float(first) != float(second):
        raise ValueError(
            f"f gave {float(first)!r} and then {float(second)!r} for the same "
            "arguments. What is random needs the same key: lambda p: loss(p, key)."
        )
