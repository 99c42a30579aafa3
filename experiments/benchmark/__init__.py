"""Compares jaxnet with what people would use instead, in the same run.

    pip install torch==2.13.0
    python -m experiments.benchmark

Contestants take turns (A B C A B C ...), each in a process of its own that waits
while others run, so that whatever else the machine does is shared by all. Reported
are ratios of the turns of one round, with their median and range: absolute times
are of one machine on one day. Compilation and imports happen before the first turn.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from experiments.benchmark import mlp_epoch, scaling, small_nets, startup
from experiments.benchmark.case import Case
from experiments.benchmark.turns import take_turns
from experiments.common.cli import parse
from experiments.common.options import check_fields, option
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, phase
from jaxnet.figures import BLUE, GREY, figure

MODULES = {
    "mlp_epoch": mlp_epoch,
    "startup": startup,
    "small_nets": small_nets,
    "scaling": scaling,
}
CASES: dict[str, Case] = {
    name: case for module in MODULES.values() for name, case in module.CASES.items()
}


@dataclass(frozen=True)
class Config:
    """Which cases, and how often."""

    only: Literal["all", "mlp_epoch", "startup", "small_nets", "scaling"] = option(
        "all", "which cases to run"
    )
    repeats: int = option(9, "turns of each contestant", quick=3, at_least=1)

    def __post_init__(self):
        check_fields(self)


def run(config: Config) -> Outcome:
    """Runs the cases and compares the first contestant of each with the others."""
    metrics, checks, seconds, times = {}, [], {}, {}
    cases = CASES if config.only == "all" else MODULES[config.only].CASES
    for name, case in cases.items():
        with phase(seconds, name):
            turns = take_turns(name, case.contestants, config.repeats)
        times[name] = turns
        ours = next(iter(case.contestants))
        for contestant, its in turns.items():
            metrics[f"{name}: {contestant}, {case.unit}"] = statistics.median(its)
            if contestant == ours:
                continue
            ratios = [a / b for a, b in zip(turns[ours], its, strict=True)]
            label = f"{name}: {ours} / {contestant}"
            metrics[label] = statistics.median(ratios)
            metrics.setdefault("ranges", {})[label] = [min(ratios), max(ratios)]
            if contestant in case.targets:
                limit = case.targets[contestant]
                checks.append(check(label, metrics[label], "<=", limit))
    return Outcome(metrics, checks, {}, seconds, partial(_draw, times))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    config, options = parse("benchmark", __doc__, Config, argv)
    return finish(config, options, run(config))


def _draw(times: dict[str, dict[str, list[float]]], out: Path) -> list[Path]:
    for name, turns in times.items():
        with figure(out / name, size=(8.0, 1.2 + 0.6 * len(turns))) as (_, ax):
            for row, (contestant, its) in enumerate(turns.items()):
                color = BLUE if row == 0 else GREY
                median = statistics.median(its)
                ax.barh(contestant, median, color=color, height=0.6)
                ax.plot(its, [row] * len(its), "|", color="black", markersize=12)
                ax.annotate(
                    f"{median:.2g}",
                    (max(its), row),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                )
            ax.margins(x=0.1)
            ax.invert_yaxis()
            ax.grid(axis="y", visible=False)
            ax.set(xlabel=CASES[name].unit)
    return [out / f"{name}.png" for name in times]
