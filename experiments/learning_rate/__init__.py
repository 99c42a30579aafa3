"""Learning rates from too small to far too large, by hand and on a real net.

    python -m experiments.learning_rate
    python -m experiments.learning_rate --batch-size 64 --width 256

Lecture 001's walks on (w - 1)^2 with learning rates of 0.2, 0.8 and 1.1; where descent
stops being stable, over a fine grid of rates and momenta; paths in a valley; the
gradient as the direction of steepest ascent; and one net trained with rates from 0.001
to 1, of which four have the curves of CS231n's figure: low, good, high, very high.
Last, how much the rate matters beside whatever else there is to choose.
"""

import sys
from collections.abc import Sequence
from functools import partial

import numpy as np

from experiments.common.cli import parse
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase
from experiments.learning_rate import (
    figures,
    importance,
    ladder,
    lecture,
    parabola,
    ripples,
    valley,
)
from experiments.learning_rate.config import Config
from experiments.regression import sine
from jaxnet.devices import devices_of

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("learning_rate", __doc__, Config, argv)
    split_cpu(config.devices)
    try:
        outcome = run(config, progress=options.progress)
    except ValueError as error:  # Fewer devices than asked for, or no rate for a rule.
        print(f"python -m experiments.learning_rate: error: {error}", file=sys.stderr)
        return 2
    return finish(config, options, outcome)


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Descends and trains. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show a bar, on a terminal.

    Raises:
      ValueError: if there are fewer devices than asked for, or the seeds that choose
        the four rates leave one of them without any.
    """
    devices_of(config.devices or None)  # Refuses before all else.
    seconds: dict[str, float] = {}
    with phase(seconds, "parabola"):
        walks = parabola.slides()
        stability = parabola.stability()
    with phase(seconds, "valley"):
        paths = valley.paths()
        steepest = valley.steepest(config.seed)
    with phase(seconds, "net"):
        climbed = ladder.climb(config)
    with phase(seconds, "importance"):
        shares = importance.shares(config, progress=progress)

    off = np.abs(stability.bounds() - parabola.bound(stability.momenta)).max()
    ends = {rate: valley.heights(path)[-1] for rate, path in paths.items()}
    start = valley.heights(np.array([valley.START]))[0]
    climbs = sum(bool(end > start) for end in ends.values())
    above = sum(share > 1.0 for share in valley.SHARES)
    metrics = {
        **lecture.metrics(climbed, shares),
        "members": climbed.sweep.plan.members,
        "stability_bound_error": float(off),
        "valley_ends": list(ends.items()),
        "degrees_off": steepest.angles.mean(axis=0),
        "step_lengths": steepest.lengths,
    }
    checks = [
        # Two steps of the grid: at the bound itself nothing changes.
        check("stability_bound_error", off, "<=", 0.0081),
        check("gradient by hand - jax.grad", ripples.disagreement(), "<", 1e-5),
        check("valley: rates that climb", climbs, "==", above),
        check("good_loss", metrics["good_loss"], "<", metrics["first_loss"]),
    ]
    claims = [
        *lecture.of_parabola(walks),
        *lecture.of_gradient(steepest),
        *lecture.of_ladder(climbed),
        lecture.of_importance(shares),
    ]
    data = climbed.sweep.plan.data
    described = describe(
        "sine",
        (data.train, data.validation),
        train=config.points,
        validation=sine.VALIDATION_POINTS,
    )
    draw = partial(figures.draw, walks, stability, paths, steepest, climbed, shares)
    return Outcome(metrics, checks, described, seconds, draw, claims)
