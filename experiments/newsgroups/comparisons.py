"""What is compared over the seeds: dropout, two kinds of decay, training and test.

    python -m experiments.newsgroups --seeds 20 --compare-dropout
    python -m experiments.newsgroups --seeds 20 --compare-decay

A comparison trains several nets for each seed, on the same posts in the same order,
and is about the differences between their accuracies, seed by seed. Differences are
shares of the posts; a verdict says which is larger, or that no difference is seen.
"""

from collections.abc import Mapping
from typing import Any

from experiments.newsgroups.config import Config
from jaxnet.statistics import paired_difference

COMPARED_DROPOUT = 0.4
"""The lecture's rate, for a comparison where none is given."""

COMPARED_L2 = 1e-3
"""Likewise, of L2 in the gradient: best on validation posts, with the features lsa."""

COMPARED_WEIGHT_DECAY = 3.0
"""Likewise, of decoupled decay."""

DIFFERENCES = {
    "dropout_gain": ("test_accuracy_with_dropout", "test_accuracy_without_dropout"),
    "l2_gain": ("test_accuracy_with_l2", "test_accuracy_without_decay"),
    "weight_decay_gain": (
        "test_accuracy_with_weight_decay",
        "test_accuracy_without_decay",
    ),
    "weight_decay_minus_l2": (
        "test_accuracy_with_weight_decay",
        "test_accuracy_with_l2",
    ),
    "train_minus_test": ("train_accuracy", "test_accuracy"),
    "train_minus_validation": ("train_accuracy", "validation_accuracy"),
    "running_train_minus_test": ("running_train_accuracy", "test_accuracy"),
    "running_train_minus_validation": (
        "running_train_accuracy",
        "validation_accuracy",
    ),
}
"""The metrics whose difference is reported, by its name: the second is taken away."""


def variants(config: Config) -> dict[str, dict[str, Any]]:
    """The nets that are trained for each seed.

    Args:
      config: which comparison, if any.

    Returns:
      By name, the hyperparameters in which a net differs. The first net is the one
      that is reported and saved.
    """
    if config.compare_dropout:
        with_it = {"with_dropout": {"dropout": config.dropout or COMPARED_DROPOUT}}
        without = {"without_dropout": {"dropout": None}}
        return with_it | without if config.dropout else without | with_it
    if config.compare_decay:
        l2 = config.l2 or COMPARED_L2
        weight_decay = config.weight_decay or COMPARED_WEIGHT_DECAY
        return {
            "without_decay": {"l2": 0.0, "weight_decay": 0.0},
            "with_l2": {"l2": l2, "weight_decay": 0.0},
            "with_weight_decay": {"l2": 0.0, "weight_decay": weight_decay},
        }
    return {"": {}}


def differences(per_seed: Mapping[str, list[float]]) -> dict[str, Any]:
    """All `DIFFERENCES` whose metrics are there, paired over the seeds.

    Args:
      per_seed: the metrics by name, one number for each seed.

    Returns:
      By name, mean, low, high and verdict. Nothing for a single seed, which has no
      interval.
    """
    found = {}
    for name, (one, other) in DIFFERENCES.items():
        if {one, other} <= set(per_seed) and len(per_seed[one]) > 1:
            difference = paired_difference(per_seed[one], per_seed[other])
            found[name] = {**difference._asdict(), "verdict": difference.verdict()}
    return found


def print_differences(metrics: Mapping[str, Any]) -> None:
    """Prints those `DIFFERENCES` that are among the metrics, in points."""
    from rich.console import Console
    from rich.table import Table

    found = {name: metrics[name] for name in DIFFERENCES if name in metrics}
    if not found:
        return
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for name in ("by seed, in points", "mean", "95 % interval", ""):
        table.add_column(name, justify="right" if name == "mean" else "left")
    for name, one in found.items():
        mean, low, high = (f"{100 * one[end]:+.2f}" for end in ("mean", "low", "high"))
        table.add_row(name, mean, f"{low} to {high}", one["verdict"])
    console.print(table)
    console.print()
