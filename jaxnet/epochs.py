"""A shuffled pass over the data: what `fit` and `sweep` share, step for step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxnet.data.batching import epoch_order, example_count, take_rows
from jaxnet.types import Batch, PRNGKey

Step = Callable[[Any, Batch, PRNGKey], tuple[Any, Any]]
"""``(carry, batch, key) -> (carry, metrics)``."""


def run_epoch(
    step: Step,
    carry: Any,
    data: Batch,
    key: PRNGKey,
    *,
    batch_size: int | None,
    rows: Int[Array, " examples"] | None = None,
) -> tuple[Any, Any]:
    """Steps through the data once, as one ``lax.scan``.

    Args:
      step: what to do with a batch.
      carry: what a step hands to the next, such as a train state.
      data: a PyTree of arrays with the examples on the leading axis.
      key: of the epoch. The order of the examples and the key of every step,
        ``fold_in(noise_key, i)``, are functions of it.
      batch_size: examples per step, as in `epoch_order`; None for a single step
        on all of them, in their own order.
      rows: which examples to train on; None for all. The run is that on the data
        with no other rows.

    Returns:
      The last carry, and the sums of the metrics over the steps.
    """
    order_key, noise_key = jax.random.split(key)
    if batch_size is None:
        batch = data if rows is None else take_rows(data, rows)
        return step(carry, batch, jax.random.fold_in(noise_key, 0))
    count = example_count(data) if rows is None else len(rows)
    order = epoch_order(order_key, count, batch_size)
    if rows is not None:
        order = rows[order]

    def body(
        carry: Any, inputs: tuple[Int[Array, ""], Int[Array, " batch"]]
    ) -> tuple[Any, Any]:
        i, batch_rows = inputs
        step_key = jax.random.fold_in(noise_key, i)
        return step(carry, take_rows(data, batch_rows), step_key)

    carry, each = jax.lax.scan(body, carry, (jnp.arange(len(order)), order))
    return carry, jax.tree.map(lambda a: a.sum(axis=0), each)
