"""Derivatives by hand, by differences and by autodiff.

    python -m experiments.autograd
    python -m experiments.autograd --inputs 512 --neurons 256

The exercises of lectures 000, 001, 003 and 004 with their numbers; computation graphs
with values, local derivatives and what arrives at each node; a function with a
derivative rule of its own, and the check that finds a wrong one; how exact finite
differences are over their step; backpropagation and an LSTM's gradient by hand; and
what vectorizing saves.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from experiments.autograd import (
    accuracy,
    backprop,
    exercises,
    figures,
    recurrence,
    reuse,
    rules,
    vectorizing,
)
from experiments.autograd.config import Config
from experiments.common.claims import Claim, compared, measured
from experiments.common.cli import parse
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase, summarize
from jaxnet.statistics import mean_interval

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("autograd", __doc__, Config, argv)
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Computes everything. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: not used: there is nothing to wait for.
    """
    del progress
    seconds: dict[str, float] = {}
    seeds = range(config.seed, config.seed + config.seeds)
    with phase(seconds, "exercises"):
        claims = exercises.claims()
    with phase(seconds, "rules"):
        reports = rules.reports()
        claims += rules.claims(reports)
    with phase(seconds, "chain rule"):
        operations = reuse.counts()
        claims += reuse.claims(operations)
    with phase(seconds, "differences"):
        curves = accuracy.curves(seeds, config.points)
        claims += _of_curves(curves)
    with phase(seconds, "by hand"):
        off = backprop.differences(seeds)
        hand, ours = recurrence.forget_gate_gradients(seeds, config.steps)
        largest = np.abs(hand).max(axis=(1, 2))
        forget = np.abs(hand - ours).max(axis=(1, 2)) / largest
        claims += _of_hand(off, forget)
    with phase(seconds, "vectorizing"):
        sizes = (config.inputs, config.neurons, config.batch)
        times = vectorizing.measure(
            vectorizing.ways(*sizes, config.seed), config.rounds
        )
        claims += _of_times(times)

    rows = [
        {"lstm_difference": float(one), "backprop_difference": float(other)}
        for one, other in zip(forget, np.max(list(off.values()), axis=0), strict=True)
    ]
    metrics: dict[str, Any] = summarize(rows)
    for (dtype, kind), curve in curves.items():
        for what, values in (
            ("best_step", curve.best_steps),
            ("best_error", curve.best_errors),
        ):
            found = mean_interval(values)
            metrics[f"{dtype}_{kind}_{what}"] = found.mean
            metrics["intervals"][f"{dtype}_{kind}_{what}"] = [found.low, found.high]
        metrics[f"{dtype}_{kind}_theory_step"] = curve.theory
    metrics["operations"] = {name: one._asdict() for name, one in operations.items()}
    metrics["milliseconds"] = {
        name: float(np.median(one)) for name, one in times.milliseconds.items()
    }
    metrics["checked_rules"] = {
        name: {leaf.path: leaf.verdict for leaf in report.leaves}
        for name, report in reports.items()
    }
    checks = [
        *rules.checks(reports),
        check("vectorized ways differ by", times.difference, "<=", 1e-6),
        *(
            # Theory is for a function and derivatives near 1, which these are.
            check(
                f"{dtype}, {kind}: best step beside theory's, decades",
                float(np.abs(np.log10(curve.best_steps / curve.theory)).mean()),
                "<",
                1.0,
            )
            for (dtype, kind), curve in curves.items()
        ),
    ]
    drawn = [backprop.draw_problem(seed) for seed in seeds]
    data = describe("drawn", drawn, seeds=config.seeds, points=config.points)
    draw = partial(figures.draw, curves, times)
    return Outcome(metrics, checks, data, seconds, draw, claims)


def _of_curves(curves: dict[Any, accuracy.Curve]) -> list[Claim]:
    """Lecture 004's question: what is gained by going to both sides?"""
    found = []
    for dtype in accuracy.TYPES:
        forward, central = (curves[dtype, kind].best_errors for kind in accuracy.KINDS)
        gained = mean_interval(np.log10(forward / central))
        text = f"digits gained by central steps, {dtype}"
        found.append(compared("004", text, gained, ">", 0.0))
    return found


def _of_hand(off: dict[str, np.ndarray], forget: np.ndarray) -> list[Claim]:
    """Lecture 003's formulas, and lecture 004's gradient of an LSTM."""
    formulas = {
        "y": "dl/dy = y - t",
        "b": "dl/db = dl/dy * y (1 - y)",
        "h": "dl/dh = W^T dl/db",
        "w": "dl/dW = dl/db h^T",
        "a": "dl/da = dl/dh * h (1 - h)",
        "v": "dl/dV = dl/da x^T",
    }
    found = []
    for name, formula in formulas.items():
        most = float(off[name].max())
        text = f"off by {most:.0e}"
        found.append(measured("003", formula, "equal", text, most < 1e-6))
    most = float(forget.max())
    text = f"off by {most:.0e}"
    found.append(measured("004", "LSTM: dL/dW^f by hand", "equal", text, most < 1e-6))
    return found


def _of_times(times: vectorizing.Times) -> list[Claim]:
    """How many times as fast each way is as the one before, round by round."""
    names = list(times.milliseconds)
    statements = (
        "w·x for the loop: times as fast",
        "W x for each w·x: times as fast",
        "the batch for each W x: times as fast",
    )
    found = []
    for statement, slow, fast in zip(statements, names, names[1:], strict=False):
        ratios = times.milliseconds[slow] / times.milliseconds[fast]
        found.append(compared("003", statement, mean_interval(ratios), ">", 1.0))
    return found
