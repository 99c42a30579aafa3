"""A shuffled pass over the data: what `fit` and `sweep` share, step for step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxnet.data.batching import epoch_order, example_count, take_rows
from jaxnet.types import Batch, PRNGKey

Step = Callable[[Any, Batch, PRNGKey], tuple[Any, Any]]
"""``(carry, batch, key) -> (carry, metrics)``."""


class Epoch(NamedTuple):
    """The steps of an epoch, as what each of them is given.

    Attributes:
      steps: how many there are, at least 1.
      given: the number of a step, from 0, to its batch and its key.
    """

    steps: int
    given: Callable[[int | Int[Array, ""]], tuple[Batch, PRNGKey]]


def epoch_of(
    data: Batch,
    key: PRNGKey,
    *,
    batch_size: int | None,
    rows: Int[Array, " examples"] | None = None,
) -> Epoch:
    """What the steps of an epoch train on.

    Args:
      data: a PyTree of arrays with the examples on the leading axis.
      key: of the epoch. The order of the examples and the key of every step,
        ``fold_in(noise_key, i)``, are functions of it.
      batch_size: examples per step, as in `epoch_order`; None for a single step
        on all of them, in their own order.
      rows: which examples to train on; None for all. The run is that on the data
        with no other rows.
    """
    order_key, noise_key = jax.random.split(key)
    if batch_size is None:
        whole = data if rows is None else take_rows(data, rows)
        return Epoch(1, lambda i: (whole, jax.random.fold_in(noise_key, i)))
    count = example_count(data) if rows is None else len(rows)
    order = epoch_order(order_key, count, batch_size)
    if rows is not None:
        order = rows[order]

    def given(i: int | Int[Array, ""]) -> tuple[Batch, PRNGKey]:
        return take_rows(data, order[i]), jax.random.fold_in(noise_key, i)

    return Epoch(len(order), given)


def run_epoch(step: Step, carry: Any, epoch: Epoch) -> tuple[Any, Any]:
    """Takes all steps of an epoch, as one ``lax.scan``.

    Args:
      step: what to do with a batch.
      carry: what a step hands to the next, such as a train state.
      epoch: of `epoch_of`.

    Returns:
      The last carry, and the sums of the metrics over the steps.
    """
    if epoch.steps == 1:
        return step(carry, *epoch.given(0))

    def body(carry: Any, i: Int[Array, ""]) -> tuple[Any, Any]:
        return step(carry, *epoch.given(i))

    carry, each = jax.lax.scan(body, carry, jnp.arange(epoch.steps))
    return carry, jax.tree.map(lambda a: a.sum(axis=0), each)
