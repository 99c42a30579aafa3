"""The order of the examples, and how batches are cut from arrays.

Data are a PyTree of arrays with the examples on the leading axis. What is
shuffled is their row numbers; each batch is gathered when it is needed.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxnet.data.shuffling import permutation
from jaxnet.types import Batch, PRNGKey


def example_count(data: Batch, *, name: str = "data") -> int:
    """The number of examples, which all arrays of ``data`` have to share.

    Args:
      data: a PyTree of arrays with the examples on the leading axis.
      name: what to call the data in messages.

    Raises:
      ValueError: if there is no array, no example, or lengths differ.
    """
    leaves = jax.tree.leaves(data)
    if not leaves:
        raise ValueError(f"{name}: no arrays. Pass (x, y), such as (images, labels).")
    for leaf in leaves:
        if not hasattr(leaf, "shape") or leaf.shape == ():
            raise ValueError(
                f"{name} should be arrays with the examples on the leading axis, got "
                f"{leaf!r}. Convert lists with numpy.asarray."
            )
    lengths = [leaf.shape[0] for leaf in leaves]
    if len(set(lengths)) != 1:
        # Indexing past the end does not fail under jit: it repeats rows.
        raise ValueError(
            f"{name}: the arrays should share their leading axis, got lengths "
            f"{lengths}. Every array needs one row for each example."
        )
    if lengths[0] == 0:
        raise ValueError(f"{name}: the arrays have no rows. Is a filter wrong?")
    return lengths[0]


def epoch_order(
    key: PRNGKey, examples: int, batch_size: int
) -> Int[Array, "steps batch_size"]:
    """The rows that each step of an epoch trains on.

    A function of the key alone, so data in device memory and data streamed from
    the host are visited in the same order.

    Args:
      key: the epoch's key.
      examples: number of rows.
      batch_size: rows per step. The ``examples % batch_size`` rows that do not
        fill a batch are left out; which ones changes with the key.

    Returns:
      Distinct row numbers, (examples // batch_size, batch_size).

    Raises:
      ValueError: if the batch is larger than the data.
    """
    steps = examples // batch_size
    if steps == 0:
        raise ValueError(
            f"batch_size={batch_size} is larger than the data set of {examples} "
            f"examples, so an epoch has no step. Use at most {examples}."
        )
    order = permutation(key, examples)
    return order[: steps * batch_size].reshape(steps, batch_size)


def take_rows(data: Batch, rows: Int[Array, " batch"]) -> Batch:
    """The batch made of these rows, each known to be in range."""
    return jax.tree.map(
        lambda a: a.at[rows].get(mode="promise_in_bounds", unique_indices=True), data
    )


def in_chunks(fn: Callable[[Batch], Any], data: Batch, rows: int) -> list[Any]:
    """Applies ``fn`` to every example, ``rows`` of them at a time, in order.

    Args:
      fn: from a batch to a PyTree of arrays.
      data: any number of examples, at least 1.
      rows: size of a chunk.

    Returns:
      One or two parts: what ``fn`` gives for the full chunks, stacked on a new
      leading axis, and for the rows that are left over, with a leading axis of 1.
    """
    chunks, rest = divmod(example_count(data), rows)
    parts = []
    if chunks:

        def of_chunk(start: Int[Array, ""]) -> Any:
            return fn(
                jax.tree.map(
                    lambda a: jax.lax.dynamic_slice_in_dim(a, start, rows), data
                )
            )

        parts.append(jax.lax.map(of_chunk, rows * jnp.arange(chunks)))
    if rest:
        left_over = fn(jax.tree.map(lambda a: a[-rest:], data))
        parts.append(jax.tree.map(lambda a: a[None], left_over))
    return parts
