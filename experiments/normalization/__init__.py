"""Normalization: standardized inputs, and batch normalization of what is in between.

    python -m experiments.normalization
    python -m experiments.normalization --layers 8 --epochs 20

Raw and standardized inputs on measurements of very different sizes; on the digits,
batch normalization before the activation, after it, or nowhere, over learning rates
and scales of the first weights; and the loss along the gradient, after Santurkar et
al. (2018), with batch normalization, without, and with noise behind it that shifts
every unit's distribution on purpose. Each kind of net has the learning rate that is
best on validation data.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import numpy as np

from experiments.common.cli import parse
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase
from experiments.normalization import figures, findings, inputs, landscape, nets
from experiments.normalization.config import Config
from experiments.sweep import digits
from jaxnet.statistics import mean_interval
from jaxnet.types import Batch, PRNGKey

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("normalization", __doc__, Config, argv)
    split_cpu()
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Trains and measures. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: does nothing: no part takes long.
    """
    del progress
    seconds: dict[str, float] = {}
    keys = [jax.random.fold_in(jax.random.key(config.seed), i) for i in range(3)]
    problem = digits.load(config.seed)
    parts = (problem.train, problem.validation, problem.test)
    cells = inputs.load(config.seed)
    # What is below is compiled on one core while nets train on the other.
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(_timed, seconds, config, keys[0], parts)
        with phase(seconds, "inputs"):
            prepared = inputs.compare(keys[1], config.seeds, cells)
        with phase(seconds, "landscape"):
            seen = landscape.see(config, keys[2], problem.train, problem.test)
        trained = training.result()
    claims = [
        *findings.of_inputs(inputs.standardized(cells)[0][0], prepared),
        *findings.of_training(trained),
        *findings.of_landscape(seen),
    ]
    checks = [
        check("accuracy with batch norm", trained["before", 1.0].test.mean(), ">", 0.9),
        check(
            "accuracy on standardized inputs",
            prepared["standardized"].test_accuracy.mean(),
            ">",
            0.9,
        ),
        check(
            "loss is within its range along the gradient",
            min(float((one.highest - one.lowest).min()) for one in seen.values()),
            ">=",
            0.0,
        ),
    ]
    described = describe(
        "digits, breast cancer",
        (parts, cells),
        train=len(parts[0][1]),
        validation=len(parts[1][1]),
        test=len(parts[2][1]),
        cells_train=len(cells[0][1]),
        cells_validation=len(cells[1][1]),
        cells_test=len(cells[2][1]),
    )
    draw = partial(figures.draw, config, prepared, trained, seen)
    metrics = _metrics(config, prepared, trained, seen)
    return Outcome(metrics, checks, described, seconds, draw, claims)


def _timed(
    seconds: dict[str, float], config: Config, key: PRNGKey, parts: tuple[Batch, ...]
) -> dict[tuple[str, float], nets.Trained]:
    with phase(seconds, "training"):
        return nets.train(config, key, *parts)


def _metrics(
    config: Config,
    prepared: dict[str, inputs.Prepared],
    trained: dict[tuple[str, float], nets.Trained],
    seen: dict[str, landscape.Landscape],
) -> dict[str, Any]:
    """Means with intervals, and the learning rates that were chosen."""
    found: dict[str, np.ndarray] = {}
    for name, one in prepared.items():
        found[f"inputs_{name}_test_loss"] = one.test_loss
        found[f"inputs_{name}_test_accuracy"] = one.test_accuracy
    for (place, scale), one in trained.items():
        found[f"digits_{place}_{scale:g}_test_accuracy"] = one.test
        if scale == 1.0:
            found[f"digits_{place}_epochs_to_{findings.REACHED:g}"] = (
                findings.epochs_of(one)
            )
            found[f"digits_{place}_rates_that_work"] = findings.working_rates(one)
    for name, one in seen.items():
        short = name.replace(", ", "_").replace(" ", "_")
        found[f"landscape_{short}_loss_range"] = findings.loss_range(one)
        for of in ("distance", "roughness", "shift", "unevenness"):
            found[f"landscape_{short}_{of}"] = getattr(one, of).mean(axis=1)
        found[f"landscape_{short}_final_loss"] = findings.final_loss(one)
        found[f"landscape_{short}_test_accuracy"] = one.accuracy
    intervals = {name: mean_interval(rows) for name, rows in found.items()}
    return {
        **{name: one.mean for name, one in intervals.items()},
        "intervals": {name: [one.low, one.high] for name, one in intervals.items()},
        "per_seed": found,
        "learning_rates": {
            **{
                f"inputs_{name}": inputs.RATES[one.best]
                for name, one in prepared.items()
            },
            **{
                f"digits_{place}_{scale:g}": config.rates[one.best]
                for (place, scale), one in trained.items()
            },
        },
    }
