"""Grid against random search: why few values of what matters are too few.

    python -m experiments.search
    python -m experiments.search --trials 64 --seeds 40

The lecture's figure after Bergstra and Bengio (2012): nine trials of a function of
which one variable matters, as a grid and at random. Then how good the best of n
trials is, over many such functions; and on a real net, where only the learning rate
matters, over splits of the digits. Samplers are compared on the same function, data
and seed.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from experiments.common.claims import Claim, compared
from experiments.common.cli import parse, track
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase
from experiments.search import digits, figures, function
from experiments.search.budgets import SAMPLERS, repeat, squares
from experiments.search.config import Config
from jaxnet.devices import devices_of
from jaxnet.statistics import Interval, mean_interval, paired_difference

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("search", __doc__, Config, argv)
    split_cpu(config.devices)
    try:
        outcome = run(config, progress=options.progress)
    except ValueError as error:  # More devices than there are.
        print(f"python -m experiments.search: error: {error}", file=sys.stderr)
        return 2
    return finish(config, options, outcome)


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Searches. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show bars, on a terminal.

    Raises:
      ValueError: if there are fewer devices than asked for.
    """
    devices_of(config.devices or None)  # Refuses before all else.
    seconds: dict[str, float] = {}
    of_function = list(range(1, config.trials + 1))
    with phase(seconds, "function"):
        one = partial(function.regret, of_function)
        regrets = repeat(one, range(config.seed, config.seed + config.functions))
    budgets = squares(config.trials)
    with phase(seconds, "digits"):
        seeds = range(config.seed, config.seed + config.seeds)
        runs = [
            digits.search_once(config, budgets, seed)
            for seed in track(seeds, "splits of the digits", show=progress)
        ]
    losses = {name: np.stack([run.best[name] for run in runs]) for name in SAMPLERS}
    nine = function.DRAWN
    metrics = _metrics(
        {
            f"function_regret_{nine}": {n: r[:, nine - 1] for n, r in regrets.items()},
            f"function_regret_{config.trials}": {
                n: r[:, -1] for n, r in regrets.items()
            },
            f"digits_loss_{nine}": {
                n: r[:, budgets.index(nine)] for n, r in losses.items()
            },
            f"digits_loss_{budgets[-1]}": {n: r[:, -1] for n, r in losses.items()},
        }
    )
    metrics["best_by_budget"] = {
        "budgets": budgets,
        **{
            name: [mean_interval(row) for row in rows.T]
            for name, rows in losses.items()
        },
    }
    metrics["members"] = sum(len(run.losses) for run in runs)
    metrics["compile_seconds"] = sum(run.seconds["compile"] for run in runs)
    metrics["run_seconds"] = sum(run.seconds["run"] for run in runs)
    name, last = f"function_regret_{nine}_grid_minus", f"digits_loss_{budgets[-1]}"
    low, _ = metrics["intervals"][f"{name}_random"]
    checks = [
        # The grid is worse, and with so many functions not by chance.
        check(f"{name}_random, lower end", low, ">", 0.0),
        *(
            check(difference, metrics[difference], ">", 0.0)
            for difference in (f"{last}_grid_minus_random", f"{last}_grid_minus_sobol")
        ),
        check(f"{last}_random", metrics[f"{last}_random"], "<", 0.5),
    ]
    problem = digits.digits.load(config.seed)
    described = describe(
        "digits",
        (problem.train, problem.validation),
        train=len(problem.train[1]),
        validation=len(problem.validation[1]),
    )
    draw = partial(figures.draw, config, regrets, of_function, losses, budgets, runs)
    return Outcome(metrics, checks, described, seconds, draw, _claims(metrics, budgets))


def _claims(metrics: dict[str, Any], budgets: list[int]) -> list[Claim]:
    """What lectures 002 and 004 say: at equal budget random search is better."""
    claims = []
    for trials in (function.DRAWN, budgets[-1]):
        for lecture, what, name in (
            ("004", "a function of one variable", "function_regret"),
            ("002", "a net on digits", "digits_loss"),
        ):
            key = f"{name}_{trials}_grid_minus_random"
            if key in metrics:
                difference = Interval(metrics[key], *metrics["intervals"][key])
                text = f"{what}, {trials} trials: grid - random"
                claims.append(compared(lecture, text, difference, ">", 0.0))
    return claims


def _metrics(found: dict[str, dict[str, np.ndarray]]) -> dict[str, Any]:
    """Means with intervals, and the differences that are paired over the repeats."""
    intervals = {}
    for what, by_sampler in found.items():
        for name, values in by_sampler.items():
            intervals[f"{what}_{name}"] = mean_interval(values)
        grid = by_sampler["grid"]
        for name in ("random", "sobol"):
            difference = paired_difference(grid, by_sampler[name])
            intervals[f"{what}_grid_minus_{name}"] = difference
    return {
        **{name: one.mean for name, one in intervals.items()},
        "intervals": {name: [one.low, one.high] for name, one in intervals.items()},
        "verdicts": {
            name: one.verdict() for name, one in intervals.items() if "minus" in name
        },
    }
