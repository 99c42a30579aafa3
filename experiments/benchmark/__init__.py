"""Compares jaxnet with what people would use instead, in the same run.

    pip install -e '.[bench]'
    python -m experiments.benchmark --corpus FOLDER

Contestants take turns (A B C A B C ...), each in a process of its own that waits
while others run, so that whatever else the machine does is shared by all. Reported
are ratios of the turns of one round, with their median and range: absolute times
are of one machine on one day. Compilation and imports happen before the first turn,
but for cases that say that they count. The case newsgroups needs the posts, a folder
with train.parquet and test.parquet; without it all other cases run.
"""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from experiments.benchmark import (
    mlp_epoch,
    newsgroups,
    scaling,
    search,
    small_nets,
    spreading,
    startup,
)
from experiments.benchmark.case import PLATFORMS, Case
from experiments.benchmark.comparing import Turns, checks_of, compare, record
from experiments.benchmark.tables import table
from experiments.benchmark.turns import take_turns
from experiments.common.cli import parse
from experiments.common.options import check_fields, option
from experiments.common.reports import finish
from experiments.common.results import Outcome, phase
from jaxnet.figures import BLUE, GREY, figure
from jaxnet.saving.files import write_whole

MODULES: dict[str, ModuleType] = {
    "mlp_epoch": mlp_epoch,
    "startup": startup,
    "search": search,
    "newsgroups": newsgroups,
    "small_nets": small_nets,
    "scaling": scaling,
    "spreading": spreading,
}
CASES: dict[str, Case] = {
    name: case for module in MODULES.values() for name, case in module.CASES.items()
}

_PEERS = ("torch", "scikit-learn", "optuna", "keras", "flax")


@dataclass(frozen=True)
class Config:
    """Which cases, and how often."""

    only: Literal[
        "all",
        "mlp_epoch",
        "startup",
        "search",
        "newsgroups",
        "small_nets",
        "scaling",
        "spreading",
    ] = option("all", "which cases to run")
    device: Literal["cpu", "gpu"] = option("cpu", "what contestants train on")
    corpus: str | None = option(None, "the posts for newsgroups, a folder")
    repeats: int = option(9, "turns of each contestant, at most", quick=3, at_least=1)

    def __post_init__(self):
        problems = []
        if self.corpus is None and self.only == "newsgroups":
            problems.append("newsgroups needs the real posts: --corpus FOLDER.")
        for name in newsgroups.FILES if self.corpus is not None else ():
            if not (Path(str(self.corpus)) / name).is_file():
                problems.append(f"corpus={self.corpus!r} should hold {name}.")
        check_fields(self, *problems)

    @property
    def cases(self) -> Mapping[str, Case]:
        """Those to run, by name."""
        if self.only != "all":
            return MODULES[self.only].CASES
        left_out = newsgroups.CASES if self.corpus is None else ()
        return {name: case for name, case in CASES.items() if name not in left_out}


def run(config: Config) -> Outcome:
    """Runs the cases and compares the first contestant of each with the others."""
    checks, seconds, found, tables = [], {}, {}, {}
    metrics: dict[str, Any] = {}
    environment = {PLATFORMS: config.device}
    if config.device == "gpu":
        # All contestants' processes are there at once, and share its memory.
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        _check_gpu(environment)
    if config.corpus is not None:
        environment[newsgroups.CORPUS] = config.corpus
    for name, case in config.cases.items():
        with phase(seconds, name):
            turns = take_turns(
                name,
                case.contestants,
                min(config.repeats, case.rounds),
                warm_up=case.warm_up,
                **environment,
            )
        found[name] = turns
        rows = compare(turns)
        metrics[f"{name}: {rows[0].contestant}, {case.unit}"] = rows[0].value.median
        metrics.setdefault("cases", {})[name] = record(case, rows, turns)
        checks += checks_of(name, case, rows)
        tables[name] = table(name, case, rows)
    if config.only == "all" and config.corpus is None:
        metrics["newsgroups"] = "not run: it needs --corpus FOLDER"
    metrics["tables"] = tables
    metrics["versions"] = {peer: _version(peer) for peer in _PEERS}
    return Outcome(metrics, checks, {}, seconds, partial(_draw, found, tables))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    config, options = parse("benchmark", __doc__, Config, argv)
    try:
        outcome = run(config)
    except ValueError as error:  # There is no GPU.
        print(f"python -m experiments.benchmark: error: {error}", file=sys.stderr)
        return 2
    print(*outcome.metrics["tables"].values(), "", sep="\n\n")
    return finish(config, options, outcome)


def _check_gpu(environment: dict[str, str]) -> None:
    """Looks for a GPU in a process of its own, which leaves its memory alone.

    Raises:
      ValueError: if JAX finds none.
    """
    found = subprocess.run(
        [sys.executable, "-c", "import jax; jax.devices()"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        last = found.stderr.strip().splitlines()[-1]
        raise ValueError(
            f"device='gpu': JAX finds none ({last}). Install JAX for it, such as "
            "jax[cuda13], or use --device cpu."
        )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _draw(found: dict[str, Turns], tables: dict[str, str], out: Path) -> list[Path]:
    """A figure for each case, and all tables in one file."""
    for name, turns in found.items():
        rows = compare(turns)
        with figure(out / name, size=(8.0, 1.2 + 0.6 * len(rows))) as (_, ax):
            for place, row in enumerate(rows):
                color = BLUE if place == 0 else GREY
                values = [turn.value for turn in turns[row.contestant]]
                ax.barh(row.contestant, row.value.median, color=color, height=0.6)
                ax.plot(
                    values, [place] * len(values), "|", color="black", markersize=12
                )
                ax.annotate(
                    f"{row.value.median:.2g}",
                    (row.value.high, place),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                )
            ax.margins(x=0.1)
            ax.invert_yaxis()
            ax.grid(axis="y", visible=False)
            ax.set(xlabel=CASES[name].unit)
    path = write_whole(out / "tables.md", "\n\n".join(tables.values()).encode() + b"\n")
    return [*(out / f"{name}.png" for name in found), path]
