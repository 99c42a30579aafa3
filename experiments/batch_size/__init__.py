"""Learning rate and batch size: when only their ratio matters, and when it does not.

    python -m experiments.batch_size
    python -m experiments.batch_size --label-noise 0
    python -m experiments.batch_size --seeds 20

Rates x batch sizes, with and without warm-up, on a net for the digits: loss along
rate / batch, the best rate of each batch size beside the linear rule, and where that
ends. The noise of the gradient, measured while training, says why. Then what takes
noise away: a rate that falls, at given epochs or when the loss no longer does, and a
batch that grows instead.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from experiments.batch_size import figures
from experiments.batch_size.config import Config
from experiments.batch_size.findings import all_claims
from experiments.batch_size.grid import KINDS, RATES, Grid, noise_scale, run_grid
from experiments.batch_size.growth import Growth, expected_steps, run_growth
from experiments.batch_size.listening import Listening, listen, noise_in
from experiments.batch_size.problem import Data, load
from experiments.batch_size.rule import Rule, breaks_at, expected_power, fit_rule
from experiments.common.cli import parse
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, phase
from jaxnet.devices import devices_of
from jaxnet.statistics import Interval, mean_interval, paired_difference

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("batch_size", __doc__, Config, argv)
    split_cpu(config.devices)
    try:
        outcome = run(config, progress=options.progress)
    except ValueError as error:  # More devices than there are.
        print(f"python -m experiments.batch_size: error: {error}", file=sys.stderr)
        return 2
    return finish(config, options, outcome)


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Trains everything. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show bars, on a terminal.

    Raises:
      ValueError: if there are fewer devices than asked for.
    """
    devices_of(config.devices or None)  # Refuses before all else.
    seconds: dict[str, float] = {}
    data = load(config)
    with ThreadPoolExecutor(1) as pool:
        # Most of it is a compilation, on one core.
        listened = pool.submit(_timed, seconds, config, data)
        with phase(seconds, "grid"):
            grid = run_grid(config, data, progress=progress)
        with phase(seconds, "growth"):
            growth = run_growth(config, data, progress=progress)
        listening = listened.result()
    rule = fit_rule(grid)
    scale = noise_in(listening, config.epochs)
    intervals = _intervals(grid, rule, growth, listening)
    metrics: dict[str, Any] = {
        **{name: one.mean for name, one in intervals.items()},
        "intervals": {name: [one.low, one.high] for name, one in intervals.items()},
        # While the rates of the grid are at work.
        "power_small_expected_from_noise": expected_power(grid.batch_sizes, scale),
        "breaks_at": {
            name: breaks_at(rule, grid, kind) for kind, name in enumerate(KINDS)
        },
        "grid": _table(grid),
        "seconds": {"grid": grid.seconds, "growth": growth.seconds},
    }
    steps = expected_steps(config.long_epochs)
    gap = metrics["noise_by_batches_over_by_example"]
    checks = [
        check("steps of a rate that falls", growth.steps["decay"], "==", steps[0]),
        check("steps of a batch that grows", growth.steps["growth"], "==", steps[1]),
        check("lowest validation loss", float(grid.losses.min()), "<", 0.7),
        # Sums over 64 batches of each size, and over all seeds.
        check("noise by batches over by example", gap, ">", 0.7),
        check("noise by batches over by example", gap, "<", 1.4),
    ]
    claims = all_claims(data, grid, rule, growth, listening)
    draw = partial(figures.draw, grid, rule, growth, listening)
    return Outcome(metrics, checks, data.described, seconds, draw, claims)


def _timed(seconds: dict[str, float], config: Config, data: Data) -> Listening:
    with phase(seconds, "noise"):
        return listen(config, data)


def _intervals(
    grid: Grid, rule: Rule, growth: Growth, listening: Listening
) -> dict[str, Interval]:
    """Means over seeds by name."""
    found = {}
    for kind, name in enumerate(("", "_warm_up")):
        for i, size in enumerate(grid.batch_sizes):
            found[f"best_rate_{size}{name}"] = mean_interval(rule.best[i, kind])
        found[f"power_small{name}"] = mean_interval(rule.small[kind])
        found[f"power_large{name}"] = mean_interval(rule.large[kind])
    for name in growth.losses:
        key = name.replace(" / ", "_")
        found[f"train_loss_{key}"] = mean_interval(growth.curves[name][:, -1])
        found[f"validation_loss_{key}"] = mean_interval(growth.losses[name][:, -1])
        found[f"validation_error_{key}"] = mean_interval(growth.errors[name][:, -1])
    errors = growth.errors
    found["validation_error_decay_minus_growth"] = paired_difference(
        errors["decay"][:, -1], errors["growth"][:, -1]
    )
    for time, (one, _) in zip(listening.times, listening.scales(), strict=True):
        found[f"gradient_noise_after_{time}"] = one
    both = (listening.by_batches, listening.by_example)
    # Averages over time are compared: single ones of the estimate are noisy.
    signals = [np.asarray(noise.signal)[0].mean(axis=-1) for noise in both]
    noises = [np.asarray(noise.noise)[0].mean(axis=-1) for noise in both]
    found["signal_by_batches_over_by_example"] = mean_interval(signals[0] / signals[1])
    found["noise_by_batches_over_by_example"] = mean_interval(noises[0] / noises[1])
    return found


def _table(grid: Grid) -> list[dict[str, float]]:
    """The grid as rows, with the noise scale as a column."""
    rows = []
    for i, size in enumerate(grid.batch_sizes):
        for j, rate in enumerate(RATES):
            for kind, name in enumerate(KINDS):
                rows.append(
                    {
                        "batch_size": int(size),
                        "learning_rate": float(rate),
                        "schedule": name,
                        "noise_scale": float(noise_scale(rate, size)),
                        "validation_loss": float(grid.losses[i, j, kind].mean()),
                        "validation_error": float(grid.errors[i, j, kind].mean()),
                    }
                )
    return rows
