"""Augmentation where data are few: what is learned from images that were changed.

    python -m experiments.augmentation
    python -m experiments.augmentation --examples 300 --epochs 30

A net of 64 units learns from 150 of scikit-learn's digits, each as it is, or moved,
turned, reflected, scaled, cropped, with noise or with a part of it hidden, anew every
time that it is seen. Every seed has its own digits, chooses strengths by its own
validation set, and looks at its own test set once. Then four augmentations together,
with interpolation and without, for fewer and for more digits; and how much worse every
net is on test digits that were changed themselves.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from experiments.augmentation import data, figures, lecture
from experiments.augmentation.config import Config
from experiments.augmentation.seeds import Seed, examine
from experiments.augmentation.training import STRENGTHS
from experiments.common.cli import parse, track
from experiments.common.devices import split_cpu
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase, summarize

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("augmentation", __doc__, Config, argv)
    split_cpu()
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Trains everything. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show a bar, on a terminal.
    """
    seconds: dict[str, float] = {}
    numbers = range(config.seed, config.seed + config.seeds)
    with phase(seconds, "data"):
        problems = [data.load(config, seed) for seed in numbers]
    pairs = list(zip(problems, numbers, strict=True))
    with phase(seconds, "sweeps"):
        seeds = [
            examine(config, problem, seed)
            for problem, seed in track(pairs, "splits of the digits", show=progress)
        ]
    metrics = _metrics(config, seeds)
    names = [f"none_of_{size}" for size in data.sizes(config)]
    few, some, many = (metrics["means"][name] for name in names)
    checks = [
        check("test error without augmentation, %", some, "<", 20.0),
        check("more digits, lower error: points", some - many, ">", 0.0),
        check("fewer digits, higher error: points", few - some, ">", 0.0),
    ]
    one = problems[0]
    described = describe(
        "digits",
        [(p.train, p.validation, p.test) for p in problems],
        train=config.examples,
        validation=len(one.validation[1]),
        test=len(one.test[1]),
    )
    draw = partial(figures.draw, config, problems[0], seeds)
    claims = lecture.claims(config, seeds)
    return Outcome(metrics, checks, described, seconds, draw, claims)


def _metrics(config: Config, seeds: Sequence[Seed]) -> dict[str, Any]:
    """All numbers, of which few are on the outermost level, to be printed."""
    found = summarize([one.row for one in seeds])
    means = {name: found[name] for name in found["per_seed"]}
    names = {f"{kind}_test_error": f"{kind}_of_{config.examples}" for kind in STRENGTHS}
    intervals = {name: found["intervals"][of] for name, of in names.items()}
    strengths = {
        kind: float(np.median([one.strengths[kind] for one in seeds]))
        for kind in STRENGTHS
    }
    return {name: means[of] for name, of in names.items()} | {
        "median_strengths": strengths,
        "means": means,
        "intervals": found["intervals"] | intervals,
        "per_seed": found["per_seed"],
    }
