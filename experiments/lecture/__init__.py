"""All five lectures in one table: what they say, and what came out here.

    python -m experiments.lecture
    python -m experiments.lecture --only optimizers regularization
    python -m experiments.lecture --slips

Runs every experiment that belongs to the lectures, with its figures, and collects
each number and each statement of theirs. Exact numbers have to hold; comparisons are
paired over seeds and reported as they come out. With --slips it shows the errors in
the slides instead: what each gives, and what it should have been.
"""

import importlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from experiments.common.claims import Claim, exact
from experiments.common.cli import parse
from experiments.common.devices import split_cpu
from experiments.common.options import (
    check_fields,
    option,
    quick_values,
    seed_option,
)
from experiments.common.reports import finish, write_json
from experiments.common.results import Check, Outcome, all_checks, phase
from experiments.lecture.slips import SLIPS, slips_table
from jaxnet.checks import check_names
from jaxnet.layers import mlp
from jaxnet.progress import progress_bar

EXPERIMENTS = (
    "autograd",
    "learning_rate",
    "two_layer",
    "regression",
    "initialization",
    "normalization",
    "optimizers",
    "batch_size",
    "regularization",
    "augmentation",
    "search",
)
"""In the order of the lectures, as far as they have one."""


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers."""

    only: tuple[str, ...] | None = option(None, "the experiments to run; none for all")
    slips: bool = option(False, "show the errors in the slides, and nothing else")
    small: bool = option(False, "run each experiment as with --quick", quick=True)
    seed: int = seed_option()

    def __post_init__(self):
        problems = []
        try:
            check_names("only", self.only or (), EXPERIMENTS)
        except ValueError as error:
            problems.append(str(error))
        check_fields(self, *problems)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("lecture", __doc__, Config, argv)
    split_cpu()
    if config.slips:
        return _show_slips(options.out)
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Runs the experiments. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show a bar, on a terminal.
    """
    seconds: dict[str, float] = {}
    outcomes: dict[str, Outcome] = {}
    names = [name for name in EXPERIMENTS if name in (config.only or EXPERIMENTS)]
    with progress_bar(len(names), show=progress, unit="experiment") as update:
        for done, name in enumerate(names):
            update(done, name)
            with phase(seconds, name):
                outcomes[name] = _run_one(name, config)
            update(done + 1, name)
    claims = [_parameters()]
    claims += [claim for outcome in outcomes.values() for claim in outcome.claims]
    failed = [
        Check(f"{name}: {check.name}", check.expected, check.got, check.ok)
        for name, outcome in outcomes.items()
        for check in outcome.checks
        if not check.ok
    ]
    good = len([c for outcome in outcomes.values() for c in all_checks(outcome)])
    checks = [Check("checks of the experiments", "all hold", good, not failed)]
    metrics = {"experiments": len(outcomes), **_counts(claims)}
    data = {name: outcome.data for name, outcome in outcomes.items()}
    draw = partial(_draw, outcomes)
    return Outcome(metrics, [*checks, *failed], data, seconds, draw, claims)


def _run_one(name: str, config: Config) -> Outcome:
    module: Any = importlib.import_module(f"experiments.{name}")
    values = quick_values(module.Config) if config.small else {}
    return module.run(module.Config(**values | {"seed": config.seed}))


def _parameters() -> Claim:
    """How many parameters the text classifier of lecture 003 has."""
    params, _ = mlp(2048, 256, 20).init(jax.random.key(0), jnp.zeros((1, 300)))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return exact("003", "parameters of 300-2048-256-20", 1_146_132, count)


def _counts(claims: Sequence[Claim]) -> dict[str, int]:
    """How many statements there are, and how many hold."""
    verdicts = [claim.verdict for claim in claims]
    return {
        "statements": len(claims),
        "exact": sum(claim.exact for claim in claims),
        "hold": verdicts.count("holds"),
        "no_difference_seen": verdicts.count("no difference seen"),
        "do_not_hold": verdicts.count("does not hold"),
    }


def _draw(outcomes: dict[str, Outcome], out: Path) -> list[Path]:
    """The figures of all experiments, each in a folder of its own."""
    paths = []
    for name, outcome in outcomes.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        paths += outcome.draw(folder)
    return paths


def _show_slips(out: Path) -> int:
    """Prints the slips and writes ``slips.json``; 1 if a number shows none."""
    from rich.console import Console

    start = time.perf_counter()
    slips = [slip() for slip in SLIPS]
    Console(highlight=False).print(slips_table(slips))
    path = write_json(out / "slips.json", [slip._asdict() for slip in slips])
    hidden = [slip.what for slip in slips if not slip.shown]
    print(f"\n{len(slips)} slips, {time.perf_counter() - start:.1f} s; {path}")
    for what in hidden:
        print(f"not seen here: {what}", file=sys.stderr)
    return 1 if hidden else 0
