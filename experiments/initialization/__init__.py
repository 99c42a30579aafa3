"""Initialization: how far signals and gradients get, and which deep nets can learn.

    python -m experiments.initialization
    python -m experiments.initialization --depths 2 4 8 16 --width 32 --epochs 10

Activations and gradients by depth for the library's initializers; the numbers of the
lectures' formulas; gradients of neighbouring inputs, which have less and less in
common the deeper a net is; and nets of 2, 8 and 32 layers on the digits, from five
initializers, with batch normalization, skip connections, both or neither, each at the
learning rate that is best on validation data.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import numpy as np

from experiments.common.cli import parse
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Check, Outcome, check, phase
from experiments.initialization import deep, figures, findings, scales
from experiments.initialization import shattering as shattered
from experiments.initialization import signals as signalled
from experiments.initialization.config import Config
from experiments.initialization.kinds import ACTIVATIONS
from experiments.sweep import digits
from jaxnet.statistics import mean_interval
from jaxnet.types import Batch, PRNGKey

__all__ = ["Config", "main", "run"]

EPSILON = 0.01
"""Lecture 002's small weights are this times N(0, 1)."""

EQUAL = {
    "zeros, sigmoid": {"value": 0.0, "tanh": 0.0},
    "zeros, tanh": {"value": 0.0, "tanh": 1.0},
    "all 0.1, tanh": {"value": 0.1, "tanh": 1.0},
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("initialization", __doc__, Config, argv)
    split_cpu()
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Measures and trains. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: does nothing: no part takes long.
    """
    del progress
    seconds: dict[str, float] = {}
    keys = [jax.random.fold_in(jax.random.key(config.seed), i) for i in range(6)]
    problem = digits.load(config.seed)
    parts = (problem.train, problem.validation, problem.test)
    # What is measured below is compiled on one core while nets train on the other.
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(_timed, seconds, config, keys[0], parts)
        with phase(seconds, "signals"):
            signals = signalled.measure(
                keys[1], config.seeds, config.units, config.layers
            )
        with phase(seconds, "shattering"):
            shattering = shattered.measure(
                keys[2], shattered.NETS * config.seeds, config.units, config.depths
            )
        with phase(seconds, "scales"):
            ratios = scales.variance_ratios(keys[3], config.seeds)
            first = scales.first_losses(keys[4], config.seeds)
            equal = {
                name: scales.differences(h, parts[0], jax.random.fold_in(keys[5], i))
                for i, (name, h) in enumerate(EQUAL.items())
            }
        trained = training.result()
    metrics = _metrics(trained, signals, shattering, first)
    checks = _checks(config, signals, shattering, first)
    claims = [
        *findings.of_scales(ratios, first, equal),
        *findings.of_signals(signals, config.units, shattering),
        *findings.of_training(trained, config.depths),
    ]
    draw = partial(figures.draw, config.depths, signals, shattering, trained)
    return Outcome(metrics, checks, problem.described, seconds, draw, claims)


def _timed(
    seconds: dict[str, float], config: Config, key: PRNGKey, parts: tuple[Batch, ...]
) -> dict[deep.Kind, deep.Trained]:
    with phase(seconds, "training"):
        return deep.train(config, key, *parts)


def _metrics(
    trained: dict[deep.Kind, deep.Trained],
    signals: signalled.Signals,
    shattering: shattered.Shattering,
    first: dict[str, dict[str, np.ndarray]],
) -> dict:
    """Test accuracies as rows of the table, and all else in parts of its own."""
    intervals, metrics = {}, {}
    for kind, nets in trained.items():
        name = f"accuracy_{kind.depth}_{kind.help}_{kind.start}"
        one = mean_interval(nets.test)
        metrics[name], intervals[name] = one.mean, [one.low, one.high]
    return {
        **metrics,
        "intervals": intervals,
        "learning_rates": {
            f"{kind.depth}_{kind.help}_{kind.start}": nets.rate
            for kind, nets in trained.items()
        },
        "diverged": {
            f"{kind.depth}_{kind.help}_{kind.start}": nets.diverged
            for kind, nets in trained.items()
        },
        "gradient_factor_a_layer": {
            start: {
                name: mean_interval(signalled.factor(signals.of(start, name).gradients))
                for name in ACTIVATIONS
            }
            for start in signalled.STARTS
        },
        "correlation_of_neighbours": {
            kind: {depth: mean_interval(shattered.near(a)) for depth, a in each.items()}
            for kind, each in shattering._asdict().items()
        },
        "first_loss": {name: mean_interval(one["loss"]) for name, one in first.items()},
    }


def _checks(
    config: Config,
    signals: signalled.Signals,
    shattering: shattered.Shattering,
    first: dict[str, dict[str, np.ndarray]],
) -> list[Check]:
    """What theory says of the numbers, which hold for many units."""
    # What a layer of linear units, or of tanh near 0, multiplies a gradient by.
    due = EPSILON * config.units**0.5
    slopes = {"linear": 1.0, "tanh": 1.0, "sigmoid": 0.25, "relu": 0.5**0.5}
    worst = max(
        abs(
            signalled.factor(signals.of("0.01 randn", name).gradients).mean()
            - slope * due
        )
        for name, slope in slopes.items()
    )
    last = config.depths[-1]
    gaps = [
        abs(a[last].mean(axis=0) - shattered.expected(last, skip=skip)).max()
        for a, skip in ((shattering.plain, False), (shattering.skip, True))
    ]
    logits = float(np.sqrt(np.mean(first["randn"]["logits"] ** 2)))
    ratio = logits / scales.expected_logits(scales.LENGTH)
    return [
        check("gradient a layer, over 0.01 sqrt(n) f', less 1", worst / due, "<", 0.05),
        check("correlations, distance from theory", float(max(gaps)), "<", 0.25),
        check("logits of randn, relative to theory", abs(ratio - 1), "<", 0.2),
    ]
