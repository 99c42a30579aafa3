"""Trains a classifier for each seed, with and without dropout if asked to.

A net this wide fills the machine by itself, so seeds are trained one after the
other: they share one compiled program, and vmapping them would be no faster.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnet
from experiments.common.cli import track
from experiments.common.statistics import paired_difference
from experiments.newsgroups.best import train_best
from experiments.newsgroups.config import Config
from experiments.newsgroups.models import build
from experiments.newsgroups.prepare import Parts, Prepared
from experiments.newsgroups.saving import BestClassifier, Classifier, NetClassifier

COMPARED_DROPOUT = 0.4
"""The lecture's rate, for the comparison, where none is given."""


class Run(NamedTuple):
    """What one seed gave.

    Attributes:
      classifier: can be saved, and asked.
      metrics: by name.
      predicted: its groups for the test posts, (posts,).
      history: of a net's training; None for the best model, which is no net.
    """

    classifier: Classifier
    metrics: dict[str, float]
    predicted: np.ndarray
    history: Mapping[str, np.ndarray] | None


def train_nets(
    config: Config,
    groups: tuple[str, ...],
    prepared: Prepared,
    *,
    progress: bool,
    callbacks: Sequence[Any],
) -> list[Run]:
    """Trains a net for each seed, with a second one to compare it with if asked to."""
    runs = []
    h = _hypers(config, len(groups), len(prepared.train[1]))
    for seed in track(_seeds(config), "seeds", show=progress):
        fitted = _fit(config, prepared, h, seed, () if runs else callbacks)
        predicted = np.asarray(fitted.predict(prepared.test[0])).argmax(axis=-1)
        metrics = {
            "test_accuracy": float(np.mean(predicted == prepared.test[1])),
            "train_accuracy": fitted.evaluate(prepared.train)["accuracy"],
            "validation_accuracy": fitted.evaluate(prepared.validation)["accuracy"],
            "train_loss": fitted.history["train_loss"][-1],
        }
        if config.compare_dropout:
            other = h | {"dropout": None if config.dropout else COMPARED_DROPOUT}
            compared = _fit(config, prepared, other, seed, ())
            pair = (
                metrics["test_accuracy"],
                compared.evaluate(prepared.test)["accuracy"],
            )
            with_it, without = pair if config.dropout else pair[::-1]
            metrics["test_accuracy_with_dropout"] = with_it
            metrics["test_accuracy_without_dropout"] = without
        classifier = NetClassifier(
            groups, h, config.features, prepared.features, fitted.params
        )
        runs.append(Run(classifier, metrics, predicted, fitted.history))
    return runs


def train_best_models(config: Config, parts: Parts, *, progress: bool) -> list[Run]:
    """Trains the best model for each seed, on validation posts as well.

    Nothing is left to choose by them: that was done when the model was made.
    """
    runs, train, groups = [], parts.corpus.train, parts.corpus.groups
    for seed in track(_seeds(config), "seeds", show=progress):
        key = jax.random.key(seed)
        model = train_best(train.texts, train.labels, len(groups), key=key)

        def predict(texts: Sequence[str], model: Any = model) -> np.ndarray:
            return model.predict_log_probabilities(texts).argmax(axis=-1)

        predicted = predict(parts.test.texts)
        metrics = {
            "test_accuracy": float(np.mean(predicted == parts.test.labels)),
            "train_accuracy": float(np.mean(predict(train.texts) == train.labels)),
        }
        classifier = BestClassifier(groups, model)
        runs.append(Run(classifier, metrics, predicted, None))
    return runs


def dropout_gain(runs: Sequence[Run]) -> dict[str, Any]:
    """What dropout adds to the test accuracy, paired over the seeds."""
    with_it, without = (
        [run.metrics[f"test_accuracy_{which}_dropout"] for run in runs]
        for which in ("with", "without")
    )
    gain = paired_difference(with_it, without)
    return {**gain._asdict(), "verdict": gain.verdict()}


def _seeds(config: Config) -> range:
    return range(config.seed, config.seed + config.seeds)


def _hypers(config: Config, classes: int, posts: int) -> dict[str, Any]:
    """The hyperparameters that `build` reads."""
    return {
        "model": config.model,
        "classes": classes,
        "dropout": config.dropout or None,
        "learning_rate": config.learning_rate,
        "l2": config.l2,
        "weight_decay": config.weight_decay,
        # A small corpus may be smaller than the lecture's batch.
        "batch_size": min(config.batch_size, max(1, posts // 4)),
    }


def _fit(
    config: Config,
    prepared: Prepared,
    h: dict[str, Any],
    seed: int,
    callbacks: Sequence[Any],
) -> jaxnet.Fit:
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
