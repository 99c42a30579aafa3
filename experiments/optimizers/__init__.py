"""Optimizers: one example or all, momentum, rates that adapt, and where Adam fails.

    python -m experiments.optimizers
    python -m experiments.optimizers --seeds 20 --epochs 30

What lecture 002 says of gradient descent and its accelerations, measured: the loss
against epochs, steps and time with one, some and all examples in a step; eight update
rules on contours and on the digits, each with its own best learning rate; momentum's
overshoot beside Nesterov's, and its speed beside the formula; a convex problem on
which Adam goes to the worst point; and one that adaptive rules learn by heart.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from experiments.common.cli import parse, track
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, describe, phase
from experiments.optimizers import (
    adagrad,
    batches,
    contours,
    figures,
    findings,
    momentum,
    noise,
    race,
    reddi,
    sayings,
    wilson,
)
from experiments.optimizers.config import Config
from experiments.optimizers.found import Found, Functions
from experiments.sweep import digits
from jaxnet.devices import devices_of

__all__ = ["Config", "main", "run"]

CONDITIONS = np.array([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0])


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("optimizers", __doc__, Config, argv)
    split_cpu(config.devices)
    try:
        outcome = run(config, progress=options.progress)
    except ValueError as error:  # More devices than there are.
        print(f"python -m experiments.optimizers: error: {error}", file=sys.stderr)
        return 2
    return finish(config, options, outcome)


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Measures all parts. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show a bar, on a terminal.

    Raises:
      ValueError: if there are fewer devices than asked for.
    """
    seconds: dict[str, float] = {}
    seeds = range(config.seed, config.seed + config.seeds)
    devices_of(config.devices or None)  # Refuses before all else.
    examples = batches.data(config.seed)
    with phase(seconds, "race and functions"), ThreadPoolExecutor(1) as pool:
        # While the race compiles, for which one core is enough.
        others = pool.submit(_functions, config.rounds, seeds)
        prepared = pool.submit(batches.prepare, examples, seeds)
        splits = [
            race.race_once(config, seed)
            for seed in track(seeds, "splits of the digits", show=progress)
        ]
        functions, ready = others.result(), prepared.result()
    with phase(seconds, "batches"):  # Alone, since its runs are timed.
        ways = batches.train_all(ready)
        weights = [state.params for state, _ in ready.starts]
        noises = noise.measure(examples, weights, seeds)
    found = Found(batches=ways, noise=noises, functions=functions, splits=splits)
    problem = digits.load(config.seed)
    parts = (problem.train, problem.validation, problem.test)
    names = ("train", "validation", "test")
    sizes = {name: len(part[1]) for name, part in zip(names, parts, strict=True)}
    return Outcome(
        findings.metrics(found),
        findings.checks(found),
        describe("digits", parts, **sizes),
        seconds,
        partial(figures.draw, found),
        sayings.claims(found),
    )


def _functions(rounds: int, seeds: range) -> Functions:
    """All parts without a net."""
    rates = np.geomspace(1e-3, 1.0, 200)
    return Functions(
        races=contours.race_all(seeds),
        rates=rates,
        overshoot={rule: momentum.overshoot(rule, rates) for rule in momentum.STEPS},
        same=momentum.same_as_library(),
        conditions=CONDITIONS,
        shrinking=momentum.shrinking(CONDITIONS, seeds),
        walk=adagrad.measure(seeds),
        games=reddi.play_all(rounds, seeds),
        solved=wilson.solve_all(seeds),
    )
