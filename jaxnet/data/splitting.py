"""Splitting examples into parts: train, validation, test."""

from collections.abc import Sequence

import jax
import numpy as np

from jaxnet.checks import check_key, check_number
from jaxnet.data.batching import example_count
from jaxnet.types import Batch, PRNGKey


def split(
    data: Batch,
    key: PRNGKey,
    fractions: Sequence[float],
    *,
    stratify: np.ndarray | jax.Array | None = None,
) -> tuple[Batch, ...]:
    """Shuffles the examples and cuts them into parts.

    Args:
      data: a PyTree of arrays with the examples on the leading axis, such as
        ``(x, y)``.
      key: which split it is; the same key gives the same split.
      fractions: the share of each part, positive, with the sum 1.
      stratify: class labels, (examples,); each class is then cut by itself, so
        that all parts have the classes' shares to within one example of a class.

    Returns:
      One PyTree of NumPy arrays like ``data`` for each fraction. Every example is
      in just one part.

    Raises:
      ValueError: if fractions are not positive or do not add up to 1, if labels
        and data differ in length, or if a part would be empty.

    >>> import jax, numpy as np
    >>> train, test = split(np.arange(10), jax.random.key(0), (0.8, 0.2))
    >>> len(train), len(test), len(set(train) & set(test))
    (8, 2, 0)
    """
    check_key(key)
    for fraction in fractions:
        check_number("split: each fraction", fraction, above=0.0)
    if not np.isclose(sum(fractions), 1.0):
        raise ValueError(
            f"fractions should add up to 1, got {tuple(fractions)} with the sum "
            f"{sum(fractions):g}. Name the share of every part, such as (0.8, 0.2)."
        )
    examples = example_count(data)
    labels = np.zeros(examples, int) if stratify is None else np.asarray(stratify)
    if labels.shape != (examples,):
        raise ValueError(
            f"stratify should hold one label for each of the {examples} examples, got "
            f"shape {labels.shape}."
        )
    order = np.asarray(jax.random.permutation(key, examples))
    edges = np.cumsum(fractions)[:-1]
    part = np.empty(examples, int)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        cuts = np.rint(edges * len(rows)).astype(int)
        part[rows] = np.searchsorted(cuts, np.arange(len(rows)), side="right")
    parts = [order[part[order] == i] for i in range(len(fractions))]
    for i, rows in enumerate(parts):
        if len(rows) == 0:
            raise ValueError(
                f"part {i} of {len(fractions)} is empty: {fractions[i]:g} of "
                f"{examples} examples is less than one. Use a larger fraction."
            )
    return tuple(
        jax.tree.map(lambda a, rows=rows: np.asarray(a)[rows], data) for rows in parts
    )
