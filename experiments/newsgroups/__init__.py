"""Which of twenty newsgroups a post is from: lecture 003's classifier, end to end.

    python -m experiments.newsgroups
    python -m experiments.newsgroups --corpus FOLDER --seeds 20 --compare-dropout
    python -m experiments.newsgroups --corpus FOLDER --seeds 20 --compare-decay
    python -m experiments.newsgroups --corpus FOLDER --model best
    python -m experiments.newsgroups --ask "text, or - for standard input"

Posts become vectors of 300 numbers (the latent semantic analysis of their words, or
the mean of their words' vectors), and a net 300-2048-256-20 learns to tell the
groups apart: relu, Adam, ten epochs. Without a network the corpus is a small sample,
and its accuracy says nothing about the real one.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.cli import parse
from experiments.common.long_runs import LongRun, join_processes
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, phase, summarize
from experiments.newsgroups import asking
from experiments.newsgroups.comparisons import differences, print_differences
from experiments.newsgroups.config import Config
from experiments.newsgroups.prepare import load_parts, vectorize
from experiments.newsgroups.saving import save
from experiments.newsgroups.tables import Judged, judge, print_groups
from experiments.newsgroups.training import (
    Run,
    compile_ahead,
    train_best_models,
    train_nets,
)
from jaxnet.devices import is_leader

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if asking.is_question(argv):
        return asking.main(argv)
    config, options = parse("newsgroups", __doc__, Config, argv, logged=True, long=True)
    try:
        join_processes(options.long)
        outcome = run(
            config,
            progress=options.progress,
            callbacks=options.callbacks(),
            long=options.long,
        )
    except ValueError as error:  # Of the corpus or the word vectors.
        print(f"python -m experiments.newsgroups: error: {error}", file=sys.stderr)
        return 2
    if is_leader():
        print_groups(outcome.metrics["groups"], outcome.metrics["most_confused"])
        print_differences(outcome.metrics)
    return finish(config, options, outcome)


def run(
    config: Config,
    *,
    progress: bool = False,
    callbacks: Sequence[Any] = (),
    long: LongRun = LongRun(),
) -> Outcome:
    """Loads, trains and evaluates. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      progress: whether to show bars, on a terminal.
      callbacks: for the first `jaxnet.fit`.
      long: where to write each net's training down, and whether to go on from there.

    Raises:
      ValueError: if the corpus or the word vectors cannot be used.
    """
    seconds: dict[str, float] = {}
    parts = load_parts(config, seconds)
    groups = parts.corpus.groups
    if config.model == "best":
        with phase(seconds, "train"):
            runs = train_best_models(config, parts, progress=progress)
    else:
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(compile_ahead, config, parts)
            features, data = vectorize(config, parts, seconds)
            with phase(seconds, "compile"):  # What is left of it.
                ahead.result()
        with phase(seconds, "train"):
            runs = train_nets(
                config,
                groups,
                features,
                data,
                long,
                progress=progress,
                callbacks=callbacks,
            )
    judged = judge(parts.test.labels, runs[0].predicted, groups)
    metrics = summarize([run.metrics for run in runs])
    metrics |= {
        "corpus": parts.corpus.name,
        "test_accuracy_by_seed": metrics["per_seed"]["test_accuracy"],
        "test_accuracy_interval": metrics["intervals"]["test_accuracy"],
        "groups": judged.groups,
        "most_confused": judged.pairs,
    }
    metrics |= differences(metrics["per_seed"])
    largest = float(np.bincount(parts.test.labels).max() / len(parts.test.labels))
    losses = metrics["per_seed"].get("train_loss", [])
    checks = [
        check("losses that are not finite", int((~np.isfinite(losses)).sum()), "==", 0),
        # Twice what always naming the largest group would give, or halfway to all.
        check(
            "test_accuracy",
            metrics["test_accuracy"],
            ">",
            min(2 * largest, (1 + largest) / 2),
        ),
    ]
    draw = partial(_write, runs, judged, groups)
    return Outcome(metrics, checks, parts.described, seconds, draw)


def _write(
    runs: Sequence[Run], judged: Judged, groups: Sequence[str], out: Path
) -> list[Path]:
    """The figures, and the first seed's classifier, to be asked later."""
    from experiments.newsgroups.figures import draw_confusion, draw_curves

    paths = [draw_confusion(judged.confusion, groups, out / "confusion")]
    histories = [run.history for run in runs if run.history is not None]
    if histories:
        paths.append(draw_curves(histories, out / "curves"))
    return [*paths, save(out, runs[0].classifier)]
