"""The numbers that the experiment reports, and checks of the program."""

from collections.abc import Iterator
from typing import Any

from experiments.common.results import Check, check
from experiments.optimizers import momentum, race, reddi
from experiments.optimizers.found import Found
from jaxnet.statistics import Interval, mean_interval

_TOLD = ("milliseconds", "overshoot", "test_error", "noise")
"""How the names begin of what is printed; the rest is in ``result.json``."""


def metrics(found: Found) -> dict[str, Any]:
    """Means with intervals over seeds: the main ones, and all others in "more"."""
    intervals = dict(_intervals(found))
    means = {name: one.mean for name, one in intervals.items()}
    worst = {
        f"overshoot_{r}": float(o.max()) for r, o in found.functions.overshoot.items()
    }
    return {
        **worst,
        **{name: mean for name, mean in means.items() if name.startswith(_TOLD)},
        "more": {
            name: mean for name, mean in means.items() if not name.startswith(_TOLD)
        },
        "intervals": {name: [one.low, one.high] for name, one in intervals.items()},
        "rates": {
            **{name: one.rates for name, one in found.functions.races.items()},
            "batches": {name: runs.rate for name, runs in found.batches.items()},
        },
        "splits": [split._asdict() for split in found.splits],
    }


def _intervals(found: Found) -> Iterator[tuple[str, Interval]]:
    for name, runs in found.batches.items():
        yield f"epochs_with_{name}", mean_interval(runs.until(runs.epochs))
        yield f"steps_with_{name}", mean_interval(runs.until(runs.steps))
        milliseconds = 1e3 * runs.until(runs.seconds)
        yield f"milliseconds_with_{name}", mean_interval(milliseconds)
    yield "noise_exponent", mean_interval(found.noise.slopes())
    for surface, one in found.functions.races.items():
        for rule, steps in one.steps.items():
            yield f"steps_{surface}_{rule}", mean_interval(steps)
    for rule, rates in found.functions.shrinking.items():
        for condition, each in zip(found.functions.conditions, rates, strict=True):
            steps = momentum.steps_for_a_tenth(each)
            yield f"steps_to_a_tenth_{rule}_{condition:g}", mean_interval(steps)
    for name, game in found.functions.games.items():
        for player, last in game.last.items():
            yield f"game_{name}_{player}", mean_interval(last)
    for rule, solved in found.functions.solved.items():
        yield f"wilson_accuracy_{rule}", mean_interval(solved.accuracy)
    for runner in race.RUNNERS:
        name = str(runner).replace(", ", "_")
        errors = race.row(runner, found.splits, "test_error")
        yield f"test_error_{name}", mean_interval(errors)
        yield f"less_adam_{name}", race.above_adam(runner, found.splits)
    default = [split.default_error for split in found.splits]
    yield f"test_error_adam_{race.DEFAULT:g}", mean_interval(default)


def checks(found: Found) -> list[Check]:
    """What must be true of the program, whatever the lectures say."""
    last = found.functions.conditions[-1:]
    ratios = {
        rule: (momentum.steps_for_a_tenth(rates[-1]).mean())
        / momentum.steps_for_a_tenth(momentum.formula(rule, last)).item()
        for rule, rates in found.functions.shrinking.items()
    }
    bowls = [
        found.functions.races[name].steps["newton"].max()
        for name in ("along", "across")
    ]
    worst = max(solved.loss.max() for solved in found.functions.solved.values())
    return [
        check(
            "equations (4), (5) less jaxnet.optimizer", found.functions.same, "<", 1e-5
        ),
        *(
            check(f"{rule}, steps over formula", one, "<", 1.05)
            for rule, one in ratios.items()
        ),
        check("Newton's steps in a bowl", float(max(bowls)), "==", 1.0),
        check("the random game's mean slope", reddi.GAMES["random"].mean, ">", 0.0),
        check("training loss, Wilson's problem", float(worst), "<", 1e-3),
    ]
