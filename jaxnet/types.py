"""Names for what crosses jaxnet's public functions.

Shapes are part of the interface, so they are written in the annotation:
``Float[Array, " batch"]`` is a vector with one entry per example. The tests
check every annotation at run time; outside the tests they cost nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
from jaxtyping import Array, Float, Key

Params: TypeAlias = Any
"""A PyTree of arrays: nested dicts with readable names, ``()`` for none."""

ModelState: TypeAlias = Any
"""What a layer keeps between calls, such as running means; ``()`` for none."""

PRNGKey: TypeAlias = Key[Array, ""]
"""One typed key, as ``jax.random.key(0)`` makes it."""

ArrayOrSpec: TypeAlias = Array | jax.ShapeDtypeStruct
"""An array, or just its shape and dtype, where no values are read."""

Inputs: TypeAlias = Any
"""What a model takes: an array, or a PyTree of arrays with a shared leading axis."""

Batch: TypeAlias = Any
"""``(x, y)`` or ``(x, y, weights)``: PyTrees with the examples on the leading axis."""

Hypers: TypeAlias = Mapping[str, Any]
"""Hyperparameters by name: floats are traced, everything else is static."""

LossFn: TypeAlias = Callable[..., Float[Array, ""]]
"""``(outputs, targets) -> scalar``, and ``weights`` third if the data have them."""

Initializer: TypeAlias = Callable[..., Array]
"""``(key, shape, dtype) -> array``, as in ``jax.nn.initializers``."""

Device: TypeAlias = Any
"""A ``jax.Device``."""

Leaf: TypeAlias = Any
"""An array that is a leaf of a PyTree, or what JAX puts in its place while it works."""
