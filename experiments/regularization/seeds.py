"""All that is found out on the digits of one seed."""

from typing import NamedTuple

import jax
import numpy as np

from experiments.regularization import choosing, subnets
from experiments.regularization.choosing import Choice
from experiments.regularization.config import Config
from experiments.regularization.data import TASKS, Problem
from experiments.regularization.training import STRENGTHS, Study, study

LECTURE_RATES = (0.5, 0.4)
"""Of dropout: lectures 000 and 002, and lecture 003."""

SAME = 0.1
"""The strength at which both kinds of decay are compared."""

UNDERFIT = ("l2", 0.1)

PAIRS = {
    "momentum": ("decay", "l2"),
    "adam": ("adam_decay", "adam_l2"),
    "biases": ("l2_biases", "l2"),
}
"""Kinds that are compared with each other, each at its best."""


class Seed(NamedTuple):
    """What one seed found.

    Attributes:
      row: numbers by name.
      studies: by task.
      choices: by method, of a strength of L2 where all labels are true.
      gains: by how many settings were tried there, as `choosing.gains` makes them.
    """

    row: dict[str, float]
    studies: dict[str, Study]
    choices: dict[str, Choice]
    gains: np.ndarray


def examine(config: Config, problem: Problem, seed: int) -> Seed:
    """Trains every setting for both tasks, and looks at what was chosen."""
    studies = {
        task: study(config, problem.train[task], problem.validation, problem.test, seed)
        for task in TASKS
    }
    row = {
        f"{task}_{name}": value
        for task, one in studies.items()
        for name, value in _of_task(one).items()
    }
    row |= _of_dropout(studies["true"], problem, seed)
    choices = choosing.choose(config, studies["true"], problem.train["true"], seed)
    gains = choosing.gains(studies["true"], seed)
    seemed, gained = gains[:, -1]
    row |= _of_choices(choices, studies["true"], row["true_none_test_error"])
    row |= {
        "wide_gain_seemed": seemed,
        "wide_gain": gained,
        "wide_seemed_minus_gained": seemed - gained,
    }
    return Seed(row, studies, choices, gains)


def _of_task(one: Study) -> dict[str, float]:
    """Test errors of what was chosen, beside those of the net without anything."""
    best = {kind: one.on_test(kind, one.chosen(kind)) for kind in STRENGTHS}
    none = best["none"]
    accuracy, underfit = (
        100.0 * float(one.curve("train_accuracy", *which)[-1])
        for which in (("none", 0.0), UNDERFIT)
    )
    row = {
        "none_test_error": none["error"],
        "none_train_accuracy": accuracy,
        "train_minus_test": accuracy - (100.0 - none["error"]),
        "underfit_minus_none": underfit - accuracy,
        "last_minus_stopped_loss": none["loss"] - best["stopping"]["loss"],
    }
    for kind in STRENGTHS:
        base = best["adam"] if kind.startswith("adam") else none
        row[f"{kind}_minus_none"] = best[kind]["error"] - base["error"]
    for rate in LECTURE_RATES:
        dropped = one.on_test("dropout", rate)["error"]
        row[f"none_minus_dropout_{rate}"] = none["error"] - dropped
    for name, (a, b) in PAIRS.items():
        row[f"{name}_{a}_minus_{b}"] = best[a]["error"] - best[b]["error"]
        if SAME in STRENGTHS[a]:
            same = one.error(a, SAME) - one.error(b, SAME)
            row[f"{name}_{a}_minus_{b}_at_{SAME:g}"] = same
    return row


def _of_dropout(one: Study, problem: Problem, seed: int) -> dict[str, float]:
    """The net with dropout of a half: its sub-networks, and its units."""
    (x, y), key = problem.validation, jax.random.fold_in(jax.random.key(seed), 3)
    dropped = one.member("dropout", 0.5).state.params
    plain = one.member("none", 0.0).state.params
    found = subnets.compare(dropped, 0.5, x, y, key)
    with_dropout = subnets.worst_removal(dropped, x, y)
    without = subnets.worst_removal(plain, x, y)
    return found | {
        "removal_dropout": with_dropout,
        "removal_none": without,
        "removal_dropout_minus_none": with_dropout - without,
    }


def _of_choices(
    choices: dict[str, Choice], one: Study, none_error: float
) -> dict[str, float]:
    """What was reported of each choice, and what it was worth."""
    found = {}
    for name, choice in choices.items():
        found[f"{name}_reported"] = choice.reported
        found[f"{name}_actual"] = choice.actual
    found["split_minus_folds"] = choices["split"].actual - choices["folds"].actual
    # What the choice seemed to gain over no penalty, and what it gained.
    seemed = one.error("none", 0.0) - choices["peeking"].reported
    gained = none_error - choices["peeking"].actual
    return found | {
        "peeking_gain_seemed": seemed,
        "peeking_gain": gained,
        "peeking_seemed_minus_gained": seemed - gained,
    }
