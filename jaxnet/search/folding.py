"""Cross-validation: which examples each fold holds out."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxnet.data.batching import example_count
from jaxnet.types import Batch, PRNGKey


def fold_rows(
    data: Batch, folds: int, key: PRNGKey
) -> tuple[Int[Array, "folds rows"], Int[Array, "folds held"]]:
    """The rows that each fold trains on, and those that it holds out.

    All folds are of one size, so that one program trains them: each holds out
    ``examples // folds`` examples, and the few that are left over are trained on in
    every fold.

    Args:
      data: arrays with the examples on the leading axis.
      folds: how many, at least 2.
      key: which examples are together.

    Raises:
      ValueError: if there are fewer examples than folds.
    """
    examples = example_count(data)
    held = examples // folds
    if held == 0:
        raise ValueError(
            f"folds={folds} are more than the {examples} examples. Use at most "
            f"{examples}."
        )
    order = jax.random.permutation(key, examples)
    starts = held * jnp.arange(folds)
    # The order turned so that the rows held out come first.
    turned = jnp.stack([jnp.roll(order, -start) for start in starts])
    return jnp.sort(turned[:, held:], axis=1), jnp.sort(turned[:, :held], axis=1)
