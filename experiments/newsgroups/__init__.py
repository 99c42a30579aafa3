"""Which of twenty newsgroups a post is from: lecture 003's classifier, end to end.

    python -m experiments.newsgroups
    python -m experiments.newsgroups --corpus FOLDER --seeds 5 --compare-dropout
    python -m experiments.newsgroups --ask "text, or - for standard input"

Posts become vectors of 300 numbers (the latent semantic analysis of their words, or
the mean of their words' vectors), and a net 300-2048-256-20 learns to tell the
groups apart: relu, Adam, ten epochs. Without a network the corpus is a small sample,
and its accuracy says nothing about the real one.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.common.cli import parse
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, phase, summarize
from experiments.newsgroups import asking
from experiments.newsgroups.config import Config
from experiments.newsgroups.prepare import Prepared, prepare
from experiments.newsgroups.tables import Judged, judge, print_judged
from experiments.newsgroups.training import Run, dropout_gain, hypers, train_all

__all__ = ["Config", "main", "run"]


class Found(NamedTuple):
    """What was prepared, trained and judged."""

    prepared: Prepared
    runs: list[Run]
    judged: Judged


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if asking.is_question(argv):
        return asking.main(argv)
    config, options = parse("newsgroups", __doc__, Config, argv)
    seconds: dict[str, float] = {}
    try:
        prepared = prepare(config, seconds)
    except ValueError as error:
        print(f"python -m experiments.newsgroups: error: {error}", file=sys.stderr)
        return 2
    outcome, found = run(
        config,
        prepared,
        seconds,
        progress=options.progress,
        callbacks=options.callbacks(),
    )
    print_judged(found.judged)
    return finish(config, options, outcome)


def run(
    config: Config,
    prepared: Prepared,
    seconds: dict[str, float] | None = None,
    *,
    progress: bool = False,
    callbacks: Sequence[Any] = (),
) -> tuple[Outcome, Found]:
    """Trains and evaluates. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers.
      prepared: the corpus as numbers, by `prepare`.
      seconds: time by phase so far, to which this is added.
      progress: whether to show bars, on a terminal.
      callbacks: for the first `jaxnet.fit`.
    """
    seconds = {} if seconds is None else seconds
    with phase(seconds, "train"):
        runs = train_all(config, prepared, progress=progress, callbacks=callbacks)
    corpus = prepared.corpus
    first = runs[0]
    judged = judge(corpus.test.labels, first.predicted, corpus.groups)
    metrics = summarize([run.metrics for run in runs])
    metrics |= {
        "corpus": corpus.name,
        "test_accuracy_by_seed": metrics["per_seed"]["test_accuracy"],
        "test_accuracy_interval": metrics["intervals"]["test_accuracy"],
        "groups": judged.groups,
        "most_confused": judged.pairs,
    }
    if config.compare_dropout:
        metrics["dropout_gain"] = dropout_gain(runs)
    largest = np.bincount(corpus.test.labels).max() / len(corpus.test.labels)
    losses = [run.fit.history["train_loss"][-1] for run in runs]
    checks = [
        check("losses that are not finite", int((~np.isfinite(losses)).sum()), "==", 0),
        # Twice what always naming the largest group would give.
        check("test_accuracy", metrics["test_accuracy"], ">", 2 * float(largest)),
    ]
    found = Found(prepared, runs, judged)
    draw = partial(_write, config, found)
    return Outcome(metrics, checks, prepared.described, seconds, draw), found


def _write(config: Config, found: Found, out: Path) -> list[Path]:
    """The figures, and the first seed's classifier, to be asked later."""
    from experiments.newsgroups.figures import draw_confusion, draw_curves
    from experiments.newsgroups.saving import Classifier, save

    prepared, first = found.prepared, found.runs[0]
    groups = prepared.corpus.groups
    classifier = Classifier(
        groups,
        hypers(config, len(groups)),
        config.features,
        prepared.features,
        first.fit.params,
    )
    histories = [run.fit.history for run in found.runs]
    return [
        draw_confusion(found.judged.confusion, groups, out / "confusion"),
        draw_curves(histories, out / "curves"),
        save(out, classifier),
    ]
