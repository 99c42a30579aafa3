"""End-to-end non-linear regression: noisy points, a net, a loss that goes down.

    python -m experiments.regression
    python -m experiments.regression --width 8 --learning-rate 0.03 --seeds 3
    python -m experiments.regression --data diabetes

Lecture 000's example with the details of lecture 001: 32 points evenly on [-1, 1],
y = sin(pi x) + N(0, 1) / 4, one hidden layer of 512 tanh units from PyTorch's
default initialization, mean squared error, gradient descent on all points with
learning rate 0.003 and momentum 0.9, 1847 steps. Then nets of other widths and
depths, which underfit and overfit. Or the same net on 442 patients, beside linear
and ridge regression.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from experiments.common.claims import Claim, compared, measured
from experiments.common.cli import parse
from experiments.common.reports import finish
from experiments.common.results import (
    Check,
    Outcome,
    check,
    describe,
    phase,
    summarize,
)
from experiments.regression import capacity, figures, sine
from experiments.regression.config import Config
from experiments.regression.sine import build
from jaxnet.statistics import Interval

__all__ = ["Config", "build", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("regression", __doc__, Config, argv, logged=True)
    outcome = run(config, progress=options.progress, callbacks=options.callbacks())
    return finish(config, options, outcome)


def run(
    config: Config, *, progress: bool = False, callbacks: Sequence[Any] = ()
) -> Outcome:
    """Trains and evaluates. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show bars, on a terminal.
      callbacks: for the first `jaxnet.fit`.
    """
    run_on = _run_sine if config.data == "sine" else _run_diabetes
    return run_on(config, progress, callbacks)


def _run_sine(config: Config, progress: bool, callbacks: Sequence[Any]) -> Outcome:
    seconds: dict[str, float] = {}
    with phase(seconds, "data"):
        data = [sine.draw_points(config, seed) for seed in _seeds(config)]
    with phase(seconds, "train"):
        runs = sine.train_all(config, data, progress=progress, callbacks=callbacks)
    with phase(seconds, "capacity"):
        nets = capacity.train_nets(config, data, progress=progress)

    steps = min(int(run.fit.state.step) for run in runs)
    gaps = capacity.gaps(nets)
    metrics = {
        "steps": steps,
        **summarize([run.metrics | gap for run, gap in zip(runs, gaps, strict=True)]),
        "nets": [net.summary() for net in nets],
    }
    checks = [
        check("steps", steps, "==", config.steps),
        _all_finite(metrics),
        check(
            "first_train_loss / train_loss",
            metrics["first_train_loss"] / metrics["train_loss"],
            ">",
            3.0,
        ),
        check("curve_rmse", metrics["curve_rmse"], "<", config.noise),
        check("underfit_train_loss_gap", metrics["underfit_train_loss_gap"], ">", 0.05),
        check("overfit_curve_rmse_gap", metrics["overfit_curve_rmse_gap"], ">", 0.03),
    ]
    arrays = [(points.train, points.validation) for points in data]
    described = describe(
        "sine", arrays, train=config.points, validation=sine.VALIDATION_POINTS
    )
    draw = partial(figures.draw_sine, config, runs, nets)
    return Outcome(metrics, checks, described, seconds, draw, _claims(metrics))


def _claims(metrics: dict[str, Any]) -> list[Claim]:
    """What lectures 000, 001 and 004 say of it."""

    def interval(name: str) -> Interval:
        return Interval(metrics[name], *metrics["intervals"][name])

    last, first = metrics["train_loss"], metrics["first_train_loss"]
    return [
        measured(
            "001", "a net that is trained: the loss", "goes down", last, last < first
        ),
        measured(
            "000",
            "distance from the curve, of noise 0.25",
            "fits",
            interval("curve_rmse"),
            interval("curve_rmse").high < 0.25,
        ),
        compared(
            "004",
            "too little freedom: training loss, small - best net",
            interval("underfit_train_loss_gap"),
            ">",
            0.0,
        ),
        compared(
            "000",
            "too much freedom: error, large - best net",
            interval("overfit_curve_rmse_gap"),
            ">",
            0.0,
        ),
    ]


def _run_diabetes(config: Config, progress: bool, callbacks: Sequence[Any]) -> Outcome:
    from experiments.regression import diabetes  # Imports scikit-learn, which is slow.

    seconds: dict[str, float] = {}
    with phase(seconds, "data"):
        patients = diabetes.load()
        data = [diabetes.draw_patients(patients, seed) for seed in _seeds(config)]
    with phase(seconds, "train"):
        runs = diabetes.train_all(config, data, progress=progress, callbacks=callbacks)

    metrics = summarize([run.metrics for run in runs])
    difference = Interval(
        metrics["r2_minus_ridge"], *metrics["intervals"]["r2_minus_ridge"]
    )
    metrics |= {"net_against_ridge": difference.verdict(), "curve_rmse": None}
    checks = [
        check("steps", metrics["steps"], "<=", config.steps),
        _all_finite(metrics),
        check("smallest r2", min(metrics["per_seed"]["r2"]), ">", 0.2),
        check("r2_minus_ridge", metrics["r2_minus_ridge"], ">", -0.1),
    ]
    names = ("train", "validation", "test")
    sizes = {name: len(getattr(data[0], name)[0]) for name in names}
    described = describe("diabetes", patients, **sizes)
    draw = partial(figures.draw_diabetes, runs, difference)
    return Outcome(metrics, checks, described, seconds, draw)


def _all_finite(metrics: dict[str, Any]) -> Check:
    losses = [
        values for name, values in metrics["per_seed"].items() if name.endswith("_loss")
    ]
    count = int((~np.isfinite(losses)).sum())
    return check("losses that are not finite", count, "==", 0)


def _seeds(config: Config) -> range:
    return range(config.seed, config.seed + config.seeds)
