"""What the predictions for the test posts say about each group."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Judged(NamedTuple):
    """Predictions, judged.

    Attributes:
      groups: one dict a group: name, posts, precision, recall, f1.
      confusion: posts of group i that were taken for group j, (groups, groups).
      pairs: the most confused pairs, as (true group, taken for, posts).
    """

    groups: list[dict[str, Any]]
    confusion: np.ndarray
    pairs: list[tuple[str, str, int]]


def judge(
    labels: np.ndarray, predicted: np.ndarray, names: Sequence[str], *, pairs: int = 8
) -> Judged:
    """Judges predictions.

    Args:
      labels: the true groups, (posts,).
      predicted: likewise.
      names: of the groups.
      pairs: how many of the most confused ones to name.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    every = np.arange(len(names))
    # Any, since the stubs of scikit-learn know neither 0 nor that these are arrays.
    none: Any = 0.0
    scores: Any = precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=none
    )
    precision, recall, f1, posts = scores
    rows = [
        {
            "group": name,
            "posts": int(posts[i]),
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
        }
        for i, name in enumerate(names)
    ]
    matrix = confusion_matrix(labels, predicted, labels=every)
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    worst = np.argsort(-wrong, axis=None, kind="stable")[:pairs]
    places = np.transpose(np.unravel_index(worst, wrong.shape)).tolist()
    confused = [
        (str(names[int(i)]), str(names[int(j)]), int(wrong[i, j]))
        for i, j in places
        if wrong[i, j]
    ]
    return Judged(rows, matrix, confused)


def print_groups(
    groups: Sequence[dict[str, Any]], pairs: Sequence[tuple[str, str, int]]
) -> None:
    """Prints the table of groups and the most confused pairs of a `Judged`."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for name in ("group", "posts", "precision", "recall", "F1"):
        table.add_column(name, justify="left" if name == "group" else "right")
    for row in groups:
        numbers = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
        table.add_row(row["group"], str(row["posts"]), *numbers)
    console.print(table)
    table = Table("most confused", "taken for", "posts", box=None, pad_edge=False)
    for true, taken, posts in pairs:
        table.add_row(true, taken, str(posts))
    console.print()
    console.print(table)
    console.print()
