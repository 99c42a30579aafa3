"""Successive halving against training everything: what it saves, and what it misses.

    python -m experiments.halving
    python -m experiments.halving --min-epochs 1

The same settings of the digits net are trained to the end, and with halving: after
the first few epochs one setting in three goes on, and so on. Reported are the time
that it takes, and how good the setting that it chooses is when all are trained to the
end. Each repetition draws its own settings.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.common.cli import parse, track
from experiments.common.devices import split_cpu
from experiments.common.options import check_fields, option, seed_option, seeds_option
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, phase, summarize
from experiments.sweep import digits
from jaxnet.figures import BLUE, GREY, ORANGE, figure, legend_above, plain_log
from jaxnet.search import Halving, Sweep, sweep

MONITOR = "validation_loss"


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers."""

    trials: int = option(243, "settings in a sweep", at_least=9, quick=27)
    runs: int = option(3, "runs of each setting", at_least=2, quick=2)
    epochs: int = option(27, "passes over the digits", at_least=2, quick=9)
    factor: int = option(3, "one setting in so many goes on", at_least=2)
    min_epochs: int = option(3, "before the first decision", at_least=1, quick=1)
    seed: int = seed_option()
    seeds: int = seeds_option(5, quick=2)

    def __post_init__(self):
        problems = []
        if self.min_epochs >= self.epochs:
            problems.append(
                f"min_epochs={self.min_epochs} leaves nothing to decide in "
                f"{self.epochs} epochs. Use fewer."
            )
        check_fields(self, *problems)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("halving", __doc__, Config, argv)
    split_cpu()
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Runs both kinds of sweep for every seed. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show a bar, on a terminal.
    """
    seconds: dict[str, float] = {}
    problem = digits.load(config.seed)
    # One program, so that there is nothing to compile but at first.
    space = dict(problem.space) | {"width": 32}

    def one(seed: int, halving: Halving | None) -> tuple[Sweep, float]:
        start = time.perf_counter()
        result = sweep(
            problem.build,
            space,
            problem.train,
            problem.validation,
            key=jax.random.key(seed),
            trials=config.trials,
            seeds=config.runs,
            epochs=config.epochs,
            monitor=MONITOR,
            halving=halving,
            progress=False,
        )
        return result, time.perf_counter() - start

    rule = Halving(config.factor, config.min_epochs)
    with phase(seconds, "compile"):
        one(config.seed, rule)
    pairs = []
    for seed in track(
        range(config.seed, config.seed + config.seeds), "seeds", show=progress
    ):
        with phase(seconds, "full sweeps"):
            full = one(seed, None)
        with phase(seconds, "halving"):
            halved = one(seed, rule)
        pairs.append((full, halved))

    rows = [_compare(full, halved) for full, halved in pairs]
    metrics: dict[str, Any] = summarize(rows)
    found = sum(row["within_interval"] for row in rows)
    checks = [
        # A check of time: it is a ratio of two in one run.
        check("time_ratio", metrics["time_ratio"], "<=", 1 / 3),
        check("epochs_ratio", metrics["epochs_ratio"], "<=", 1 / 3),
        check("repetitions that find a best one", found, "==", len(rows)),
    ]
    draw = partial(_draw, [(full[0], halved[0]) for full, halved in pairs])
    return Outcome(metrics, checks, problem.described, seconds, draw)


def _compare(full: tuple[Sweep, float], halved: tuple[Sweep, float]) -> dict[str, Any]:
    """What halving saved, and where its choice stands in the full sweep."""
    best, chosen = full[0].scores[0], halved[0].scores[0]
    return {
        "time_ratio": halved[1] / full[1],
        "epochs_ratio": float(halved[0].runs.epochs.sum() / full[0].runs.epochs.sum()),
        "loss_of_the_best": best.mean,
        "loss_of_the_chosen": chosen.mean,
        "rank_of_the_chosen": 1.0 + list(full[0].trials).index(halved[0].trials[0]),
        "within_interval": float(best.low <= chosen.mean <= best.high),
    }


def _draw(pairs: Sequence[tuple[Sweep, Sweep]], out: Path) -> list[Path]:
    """The first seed's settings: how far each was trained, and what was chosen."""
    full, halved = pairs[0]
    each = full.plan.seeds * full.plan.folds
    curves = full.runs.curves[MONITOR].reshape(-1, each, full.plan.epochs).mean(axis=1)
    epochs = np.arange(1, full.plan.epochs + 1)
    with figure(out / "halving") as (fig, ax):
        for trial in full.trials[::-1]:
            last = halved.runs.halved[trial]
            faint = {"color": GREY, "alpha": 0.15, "linewidth": 0.8}
            ax.plot(epochs, curves[trial], label="had it gone on", **faint)
            trained = epochs[: last or None]
            color = BLUE if not last else ORANGE
            kind = "dropped" if last else "trained to the end"
            ax.plot(
                trained,
                curves[trial][: len(trained)],
                color=color,
                alpha=0.8 if not last else 0.35,
                linewidth=1.6 if not last else 0.9,
                label=kind,
                zorder=3 if not last else 2,
            )
        chosen = halved.trials[0]
        ax.plot(epochs, curves[chosen], color="black", label="chosen", zorder=4)
        ax.set(
            xlabel="epoch",
            ylabel="validation loss",
            yscale="log",
            ylim=(0.8 * np.nanmin(curves), 4.0),
        )
        plain_log(ax.yaxis)
        legend_above(fig)
    return [out / "halving.png"]


if __name__ == "__main__":
    sys.exit(main())
