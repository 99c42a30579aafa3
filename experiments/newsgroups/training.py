"""Trains the net once for each seed, and with and without dropout if asked to.

A net this wide fills the machine by itself, so seeds are trained one after the
other: they share one compiled program, and vmapping them would be no faster.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnet
from experiments.common.cli import track
from experiments.common.statistics import paired_difference
from experiments.newsgroups.config import Config
from experiments.newsgroups.models import build
from experiments.newsgroups.prepare import Prepared

COMPARED_DROPOUT = 0.4
"""The lecture's rate, for the comparison, where none is given."""


class Run(NamedTuple):
    """One seed's net, its numbers, and its groups for the test posts."""

    fit: jaxnet.Fit
    metrics: dict[str, float]
    predicted: np.ndarray


def hypers(config: Config, classes: int) -> dict[str, Any]:
    """The hyperparameters that `build` reads."""
    return {
        "model": config.model,
        "classes": classes,
        "dropout": config.dropout or None,
        "learning_rate": config.learning_rate,
        "l2": config.l2,
        "weight_decay": config.weight_decay,
        "batch_size": config.batch_size,
    }


def train_all(
    config: Config, prepared: Prepared, *, progress: bool, callbacks: Sequence[Any]
) -> list[Run]:
    """Trains a net for each seed, with a second one to compare it with if asked to."""
    runs = []
    seeds = range(config.seed, config.seed + config.seeds)
    h = hypers(config, len(prepared.corpus.groups))
    for seed in track(seeds, "seeds", show=progress):
        fitted = _fit(config, prepared, h, seed, () if runs else callbacks)
        logits = np.asarray(fitted.predict(prepared.test[0]))
        predicted = logits.argmax(axis=-1)
        metrics = {
            "test_accuracy": float(np.mean(predicted == prepared.test[1])),
            "train_accuracy": fitted.evaluate(prepared.train)["accuracy"],
            "validation_accuracy": fitted.evaluate(prepared.validation)["accuracy"],
        }
        if config.compare_dropout:
            other = h | {"dropout": None if config.dropout else COMPARED_DROPOUT}
            compared = _fit(config, prepared, other, seed, ())
            pair = [
                metrics["test_accuracy"],
                compared.evaluate(prepared.test)["accuracy"],
            ]
            with_first = bool(config.dropout)
            metrics["test_accuracy_with_dropout"] = pair[0 if with_first else 1]
            metrics["test_accuracy_without_dropout"] = pair[1 if with_first else 0]
        runs.append(Run(fitted, metrics, predicted))
    return runs


def dropout_gain(runs: Sequence[Run]) -> dict[str, Any]:
    """What dropout adds to the test accuracy, paired over the seeds."""
    with_it, without = (
        [run.metrics[f"test_accuracy_{which}_dropout"] for run in runs]
        for which in ("with", "without")
    )
    gain = paired_difference(with_it, without)
    return {**gain._asdict(), "verdict": gain.verdict()}


def _fit(
    config: Config,
    prepared: Prepared,
    h: dict[str, Any],
    seed: int,
    callbacks: Sequence[Any],
) -> jaxnet.Fit:
    steps = len(prepared.train[1])
    # A small corpus is smaller than the lecture's batch.
    h = h | {"batch_size": min(h["batch_size"], max(1, steps // 4))}
    return jaxnet.fit(
        build,
        h,
        prepared.train,
        prepared.validation,
        key=jax.random.key(seed),
        epochs=config.epochs,
        callbacks=callbacks,
        progress=False,
    )
