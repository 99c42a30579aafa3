"""What a sweep says about its space, in numbers.

The questions are those that are asked after every search: is the best setting at an
edge, what diverged and from where on, are settings further apart than runs of one
setting, which hyperparameter matters, were the runs long enough, where to search next.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxnet.search.dimensions import Choice
from jaxnet.search.refining import Edge, Refined, edges, refine
from jaxnet.search.reporting.explaining import Cause, Influence, causes, influences
from jaxnet.search.reporting.trials import Trials, trials_of
from jaxnet.statistics import Interval, mean_interval, paired_difference


class Spread(NamedTuple):
    """How far settings are apart, and how far runs of one setting.

    Attributes:
      settings: the standard deviation of settings' true means.
      runs: the standard deviation of the runs of one setting.
      trials: that this is from.
    """

    settings: float
    runs: float
    trials: int


class Training(NamedTuple):
    """How the runs of the best setting went, by their mean curve.

    Attributes:
      late_epochs: a tenth of the epochs, or a block if that is longer.
      late_gain: the improvement in these at the end, from as many before them, as a
        share of the whole improvement after the first block.
      improving: whether that is above 2 %, and seen over the runs if there are more.
      best_epoch: where what is validated on is best.
      epochs: that all runs have.
      rise: how much worse it is at the end, as a share of the whole improvement.
      overfits: whether ``best_epoch`` is in the first four fifths, ``rise`` is above
        10 %, and the training loss goes on falling.
    """

    late_epochs: int
    late_gain: float
    improving: bool
    best_epoch: int
    epochs: int
    rise: float
    overfits: bool


class Diagnosis(NamedTuple):
    """What a sweep says about its space.

    Attributes:
      trials: how many.
      members: how many runs.
      diverged: how many of these.
      diverged_trials: trials with a run that diverged.
      causes: one for each hyperparameter that tells these trials from the others.
      best: the score of the best trial; None if all diverged.
      edges: the hyperparameters at whose edge the best is: of ranges as `edges` says,
        and of choices between three numbers or more the smallest and the largest.
      compared: different settings that are feasible and were trained to the end.
      second: the second best's scores minus the best's, in pairs; None if there is
        none to be compared.
      rivals: compared settings beside the best whose paired difference from it has an
        interval with 0 in it; None with one run of each.
      spread: of all compared settings; None with one run of each, or one setting.
      spread_of_better: of their better half, if that is two or more.
      influences: of the hyperparameters, the largest first; empty below 8 feasible
        settings.
      training: of the best trial; None with fewer than 4 blocks.
      refined: the space to search next; None if all diverged, or nothing varies.
    """

    trials: int
    members: int
    diverged: int
    diverged_trials: int
    causes: list[Cause]
    best: Interval | None
    edges: dict[str, Edge]
    compared: int
    second: Interval | None
    rivals: int | None
    spread: Spread | None
    spread_of_better: Spread | None
    influences: dict[str, Influence]
    training: Training | None
    refined: Refined | None


def diagnose(result: Any) -> Diagnosis:
    """Asks a `Sweep` what is asked after every search.

    Args:
      result: the sweep; of a part of its trials, as from ``best``, it is about these.
    """
    trials = trials_of(result)
    compared = trials.scores[trials.compared]
    feasible, runs = bool(trials.feasible[0]), trials.scores.shape[1]
    pairs = [paired_difference(row, compared[0]) for row in compared[1:]]
    near = sum(pair.low <= 0 <= pair.high for pair in pairs)
    vary = feasible and bool(trials.varied)
    return Diagnosis(
        trials=len(trials.settings),
        members=trials.scores.size,
        diverged=int(np.isnan(trials.scores).sum()),
        diverged_trials=int((~trials.feasible).sum()),
        causes=causes(trials),
        best=mean_interval(trials.scores[0]) if feasible else None,
        edges=_edges(trials) if feasible else {},
        compared=len(compared),
        second=pairs[0] if pairs else None,
        rivals=near if runs > 1 and len(compared) else None,
        spread=spread(compared),
        spread_of_better=spread(compared[: math.ceil(len(compared) / 2)]),
        influences=influences(trials),
        training=_training(result, trials) if feasible else None,
        refined=refine(trials.space, trials.settings, trials.places) if vary else None,
    )


def spread(scores: Float[np.ndarray, "trials runs"]) -> Spread | None:
    """The parts of the variance, by the one-way analysis with random effects.

    ``runs² = MS_within`` and ``settings² = (MS_between - MS_within) / runs``, or 0 if
    that is negative.

    Args:
      scores: finite.

    Returns:
      Standard deviations; None with one trial, or one run of each.

    References:
      Searle, Casella & McCulloch, *Variance Components*, 1992, section 3.5.
    """
    trials, runs = scores.shape
    if trials < 2 or runs < 2:
        return None
    within = float(scores.var(axis=1, ddof=1).mean())
    between = float(scores.mean(axis=1).var(ddof=1)) - within / runs
    return Spread(math.sqrt(max(between, 0.0)), math.sqrt(within), trials)


def _edges(trials: Trials) -> dict[str, Edge]:
    best = trials.settings[0]
    found = edges(trials.varied, best) if trials.varied else {}
    for name, dimension in trials.varied.items():
        if not isinstance(dimension, Choice) or len(dimension.values) < 3:
            continue
        numbers = [v for v in dimension.values if type(v) in (int, float)]
        if len(numbers) == len(dimension.values):
            if best[name] == min(numbers):
                found[name] = "low"
            elif best[name] == max(numbers):
                found[name] = "high"
    return found


def _training(result: Any, trials: Trials) -> Training | None:
    runs, every, each = result.runs, result.plan.every, trials.scores.shape[1]
    mine = trials.numbers[0] * each + np.arange(each)
    blocks = int(runs.epochs[mine].min()) // every
    if blocks < 4:
        return None
    sign = 1.0 if result.maximize else -1.0
    scores = sign * np.asarray(runs.curves[result.monitor][mine, :blocks], float)
    mean, tenth = scores.mean(axis=0), max(1, blocks // 10)
    whole = mean.max() - mean[0]
    gain = scores[:, -tenth:].mean(axis=1) - scores[:, -2 * tenth : -tenth].mean(axis=1)
    late, low = _share(gain.mean(), whole), mean_interval(gain).low
    watched = mean
    if result.monitor.startswith("train_") and "validation_loss" in runs.curves:
        losses = np.asarray(runs.curves["validation_loss"][mine, :blocks], float)
        watched = -losses.mean(axis=0)
    best = int(np.argmax(watched))
    whole = watched[best] - watched[0]
    rise = _share(watched[best] - watched[-1], whole)
    train = np.asarray(runs.curves["train_loss"][mine, :blocks], float).mean(axis=0)
    overfits = best + 1 <= 0.8 * blocks and rise > 0.1 and train[-1] < train[best]
    return Training(
        late_epochs=tenth * every,
        late_gain=late,
        improving=late > 0.02 and (each == 1 or low > 0),
        best_epoch=(best + 1) * every,
        epochs=blocks * every,
        rise=rise,
        overfits=bool(overfits),
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0
