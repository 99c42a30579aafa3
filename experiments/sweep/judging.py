"""What the best settings are worth on test data, which are looked at once."""

import math
from typing import Any, NamedTuple

import numpy as np

from experiments.sweep.problem import Problem
from jaxnet.fitted import Fit
from jaxnet.search import Sweep
from jaxnet.statistics import Interval, mean_interval, paired_difference

ENSEMBLE = 5
"""How many of the best settings are asked together."""


class Judged(NamedTuple):
    """Scores on the test data, by the problem's metric.

    Attributes:
      best: mean over the seeds of the best setting, with its interval.
      median: likewise of the setting in the middle of those that did not diverge.
      gain: of the best over the median, paired over the seeds, above 0 if better.
      ensemble: of the runs of the best settings together.
      together: how many settings these are.
    """

    best: Interval
    median: Interval
    gain: Interval
    ensemble: float
    together: int


def judge(problem: Problem, result: Sweep) -> Judged:
    """Evaluates the best setting, the median one and an ensemble on the test data.

    Where every setting diverged there is nothing to judge, and all is NaN.
    """
    feasible = sum(math.isfinite(score.mean) for score in result.scores)
    if feasible == 0:
        unknown = Interval(math.nan, math.nan, math.nan)
        return Judged(unknown, unknown, unknown, math.nan, 0)
    best = _test_scores(problem, result, 0)
    median = _test_scores(problem, result, (feasible - 1) // 2)
    sign = 1.0 if problem.maximize else -1.0
    together = min(ENSEMBLE, feasible)
    outputs = result.best(together).ensemble(problem.test[0], problem.link)
    return Judged(
        mean_interval(best),
        mean_interval(median),
        paired_difference(sign * best, sign * median),
        problem.score(outputs, problem.test[1]),
        together,
    )


def loss_difference(result: Sweep, alone: Fit) -> float:
    """The largest relative difference of the best run's losses to its replay's.

    Accuracies are left out: one example at a boundary changes them by far more.
    """
    member, largest = result.member(), 0.0
    rows = min(len(member.history["epoch"]), len(alone.history["epoch"]))
    for name in ("train_loss", "validation_loss"):
        a, b = member.history[name][:rows], alone.history[name][:rows]
        largest = max(largest, *(abs(a - b) / np.maximum(abs(a), abs(b))).tolist(), 0.0)
    return largest


def described(problem: Problem, result: Sweep) -> dict[str, Any]:
    """The best setting: what varied, its score on validation data, the interval."""
    score = result.scores[0]
    varied = {
        name: value
        for name, value in result.settings[0].items()
        if problem.space[name] is not value
    }
    return {
        "trial": int(result.trials[0]),
        "setting": varied,
        "score": score.mean,
        "interval": [score.low, score.high],
    }


def _test_scores(problem: Problem, result: Sweep, place: int) -> np.ndarray:
    """The test score of each run of the setting with a place in the ranking."""
    seeds = result.plan.seeds
    runs = [result.member(place * seeds + seed) for seed in range(seeds)]
    return np.array([run.evaluate(problem.test)[problem.metric] for run in runs])
