"""One check of the data, when they are loaded.

Under ``jit`` no value can be checked: a label out of range becomes NaN and a NaN
spreads. So values are checked once, on the host, before training.
"""

import jax
import numpy as np

from jaxnet.checks import check_int
from jaxnet.data.batching import example_count
from jaxnet.paths import path_name
from jaxnet.types import Batch


def check_data(data: Batch, *, name: str = "data") -> None:
    """Raises ValueError unless the arrays fit together and are finite.

    Args:
      data: ``(x, y)`` or ``(x, y, weights)``, each an array or a PyTree of arrays
        with the examples on the leading axis; weights are (examples,), at least 0
        and not all 0.
      name: what to call the data in messages.
    """
    parts = unpack(data, name=name)
    example_count(data, name=name)
    for path, leaf in jax.tree_util.tree_leaves_with_path(
        dict(zip(("x", "y", "weights"), parts, strict=False))
    ):
        _check_finite(f"{name}: {path_name(path)}", leaf)
    if len(parts) == 3:
        weights = np.asarray(parts[2])
        if weights.ndim != 1:
            raise ValueError(
                f"{name}: weights should have shape ({len(weights)},), one for each "
                f"example, got {weights.shape}."
            )
        if (weights < 0).any() or not (weights > 0).any():
            raise ValueError(
                f"{name}: weights should be at least 0 and not all 0, got values from "
                f"{weights.min():g} to {weights.max():g}."
            )


def check_labels(labels: np.ndarray | jax.Array, classes: int) -> None:
    """Raises ValueError unless every label is an integer in [0, classes).

    Args:
      labels: class numbers, of any shape.
      classes: the number of classes, at least 1.
    """
    check_int("classes", classes)
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels should be integers, got {labels.dtype}. Use labels.astype(int), "
            "or numpy.unique(labels, return_inverse=True) for names."
        )
    bad = np.argwhere((labels < 0) | (labels >= classes))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        index = ", ".join(map(str, first))
        raise ValueError(
            f"{len(bad)} of {labels.size} labels are outside [0, {classes}); the first "
            f"is labels[{index}]={labels[first]}. For {classes} classes the labels are "
            f"0 to {classes - 1}: is the file counting from 1?"
        )


def unpack(data: Batch, *, name: str = "data") -> tuple[Batch, ...]:
    """``(x, y)`` or ``(x, y, weights)`` as a tuple, whatever else is refused."""
    if isinstance(data, tuple | list) and len(data) in (2, 3):
        return tuple(data)
    got = type(data).__name__
    if isinstance(data, tuple | list):
        got += f" of {len(data)}"
    raise ValueError(
        f"{name} should be (x, y) or (x, y, weights), got a {got}. For inputs without "
        "targets use predict."
    )


def _check_finite(name: str, leaf: np.ndarray | jax.Array) -> None:
    values = np.asarray(leaf)
    if not np.issubdtype(values.dtype, np.number) and values.dtype != bool:
        raise ValueError(
            f"{name} should be numbers, got {values.dtype}. Turn text and categories "
            "into numbers first."
        )
    if not np.issubdtype(values.dtype, np.floating):
        return
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{name} holds {len(bad)} values that are not finite; the first is "
            f"{name.rsplit(' ', 1)[-1]}[{', '.join(map(str, first))}]={values[first]}. "
            "Drop or impute them before training."
        )
