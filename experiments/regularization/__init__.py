"""Regularization where a net overfits: penalties, dropout, early stopping.

    python -m experiments.regularization
    python -m experiments.regularization --noise 0.4 --seeds 20
    python -m experiments.regularization --examples 1000

A net of 64 units learns from 150 of scikit-learn's digits, with their own labels, and
again with a fifth of the labels wrong. L1, L2, dropout and early stopping are swept
over their strengths; every seed chooses by its own validation set and looks at its own
test set once. Then what L1 does to weights; an L2 penalty beside decoupled decay, for
gradient descent, momentum and Adam; dropout's sub-networks beside the whole net; and
what a score is worth by which something was chosen.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.cli import parse, track
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase, summarize
from experiments.regularization import (
    data,
    decay,
    figures,
    lecture,
    quadratic,
    subnets,
    weights,
)
from experiments.regularization.config import Config
from experiments.regularization.linear import first_weights
from experiments.regularization.seeds import LECTURE_RATES, examine
from experiments.regularization.training import STRENGTHS, best_on_average
from jaxnet.devices import devices_of

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("regularization", __doc__, Config, argv)
    split_cpu(config.devices)
    try:
        outcome = run(config, progress=options.progress)
    except ValueError as error:  # More devices than there are.
        print(f"python -m experiments.regularization: error: {error}", file=sys.stderr)
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
    numbers = range(config.seed, config.seed + config.seeds)
    problems = [data.load(config, seed) for seed in numbers]
    with phase(seconds, "sweeps"):
        pairs = list(zip(problems, numbers, strict=True))
        seeds = [
            examine(config, problem, seed)
            for problem, seed in track(pairs, "splits of the digits", show=progress)
        ]
    nets = weights.nets([one.studies["noisy"] for one in seeds])
    rows = [
        one.row | weights.compare(fits) for one, fits in zip(seeds, nets, strict=True)
    ]
    train = [problem.train["true"] for problem in problems]
    stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *train)
    with phase(seconds, "linear nets"):
        start = first_weights(numbers)
        classifiers = weights.train_linear(stacked, start)
        apart = decay.differences(stacked, start)
    with phase(seconds, "closed forms"):
        rates = LECTURE_RATES
        expectation = {r: subnets.expectation_error(r, config.seed) for r in rates}
        geometric = {r: subnets.geometric_error(r, config.seed) for r in rates}
        gains = subnets.mean_gains(rates, jax.random.key(config.seed))
        shrinkage = quadratic.shrink()

    gains = dict(zip(rates, gains, strict=True))
    claims = [
        *lecture.of_rows(rows),
        *lecture.of_exact(apart, expectation, geometric, gains),
    ]
    zeros = {k: 100.0 * float(np.mean(c.kernels == 0)) for k, c in classifiers.items()}
    gap = classifiers["L1"].objectives - classifiers["L1, proximal"].objectives
    off = np.abs(shrinkage.descended - shrinkage.formula).max()
    metrics = _metrics(rows) | {
        "zeros_by_gradient": zeros["L1"],
        "zeros_by_proximal_step": zeros["L1, proximal"],
        "best_strengths": {
            task: {
                kind: best_on_average([one.studies[task] for one in seeds], kind)
                for kind in STRENGTHS
            }
            for task in data.TASKS
        },
        "stopping_minus_l2_shrinkage": float(
            np.abs(shrinkage.formula - shrinkage.penalized).max()
        ),
    }
    checks = [
        check("SGD: L2 - weight decay", float(apart["sgd"].max()), "<", 1e-6),
        check("geometric mean - net", max(geometric.values()), "<", 1e-12),
        check("early stopping - its formula", float(off), "<", 1e-5),
        check("zeros_by_gradient, %", zeros["L1"], "<", 0.1),
        check("zeros_by_proximal_step, %", zeros["L1, proximal"], ">", 10.0),
        check("objective, gradient - proximal", float(gap.max()), "<", 0.02),
        check("test error, true labels", metrics["true_none_test_error"], "<", 20.0),
    ]
    one = problems[0]
    described = describe(
        "digits",
        [(p.train, p.validation, p.test) for p in problems],
        train=len(one.train["true"][1]),
        validation=len(one.validation[1]),
        test=len(one.test[1]),
    )
    draw = partial(figures.draw, config, seeds, rows, nets, classifiers)
    return Outcome(metrics, checks, described, seconds, draw, claims)


_SHOWN = (
    "true_none_test_error",
    "noisy_none_test_error",
    "none_near",
    "l1_near",
    "l2_near",
    "subnets_kl",
    "one_kl",
    "removal_none",
    "removal_dropout",
    "split_reported",
    "split_actual",
    "folds_reported",
    "folds_actual",
    "peeking_reported",
    "peeking_actual",
    "wide_gain_seemed",
    "wide_gain",
)
"""The numbers that are printed, beside those in the claims."""


def _metrics(rows: list[dict[str, float]]) -> dict[str, Any]:
    """All numbers, of which few are on the outermost level, to be printed."""
    found = summarize(rows)
    means = {name: found[name] for name in found["per_seed"]}
    shown = {name: means[name] for name in _SHOWN}
    intervals, per_seed = found["intervals"], found["per_seed"]
    return shown | {"means": means, "intervals": intervals, "per_seed": per_seed}
