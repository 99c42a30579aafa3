"""Trains a classifier for each seed, and those that it is compared with.

A net this wide fills the machine by itself, so seeds are trained one after the
other: they share one compiled program, and vmapping them would be no faster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnet
from experiments.common.cli import track
from experiments.common.long_runs import LongRun
from experiments.newsgroups.best import train_best
from experiments.newsgroups.comparisons import variants
from experiments.newsgroups.config import Config
from experiments.newsgroups.corpus import Posts
from experiments.newsgroups.features import DIMENSIONS, LsaFeatures
from experiments.newsgroups.models import build
from experiments.newsgroups.prepare import Data, Parts, Vectors
from experiments.newsgroups.saving import BestClassifier, Classifier, NetClassifier
from experiments.newsgroups.vectors import VectorFeatures


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


def compile_ahead(config: Config, parts: Parts) -> None:
    """Compiles what `train_nets` will run, as features are made on another core.

    For that it trains each net for an epoch on zeros. Features of other dimensions
    than these are compiled for when they are there.
    """
    if jax.process_count() > 1:
        return  # All processes have to talk to each other in the same order.
    dimensions = min(DIMENSIONS, len(parts.train.labels))

    def blank(posts: Posts) -> Vectors:
        # Of NumPy, so that there is no program to compile for them.
        x = np.zeros((len(posts.labels), dimensions), np.float32)
        return jnp.asarray(x), jnp.asarray(posts.labels)

    data = Data(*map(blank, (parts.train, parts.validation, parts.test)))
    h = _hypers(config, len(parts.corpus.groups), len(parts.train.labels))
    for changes in variants(config).values():
        once = replace(config, epochs=1)
        _judged(_fit(once, data, h | changes, config.seed, (), {}), data)


def train_nets(
    config: Config,
    groups: tuple[str, ...],
    features: LsaFeatures | VectorFeatures,
    data: Data,
    long: LongRun,
    *,
    progress: bool,
    callbacks: Sequence[Any],
) -> list[Run]:
    """Trains a net for each seed, and those of a comparison beside it."""
    runs = []
    h = _hypers(config, len(groups), len(data.train[1]))
    nets = variants(config)
    reported = next(iter(nets))
    for seed in track(_seeds(config), "seeds", show=progress):
        fits = {}
        for name, changes in nets.items():
            watched = callbacks if not runs and name == reported else ()
            saving = long.saving(f"seed_{seed}_{name}")
            fits[name] = _fit(config, data, h | changes, seed, watched, saving)
        fitted = fits[reported]
        predicted, right = _judged(fitted, data)
        metrics = {
            **{f"{part}_accuracy": share for part, share in right.items()},
            # As it was during the last epoch: with dropout, and changing weights.
            "running_train_accuracy": float(fitted.history["train_accuracy"][-1]),
            "train_loss": float(fitted.history["train_loss"][-1]),
        }
        for name, fit in fits.items() if len(fits) > 1 else ():
            metrics[f"test_accuracy_{name}"] = _judged(fit, data)[1]["test"]
        classifier = NetClassifier(
            groups, fitted.hypers, config.features, features, fitted.params
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


def _judged(fitted: jaxnet.Fit, data: Data) -> tuple[np.ndarray, dict[str, float]]:
    """The groups of the test posts as a net sees them, and the accuracy on each part.

    All parts are one batch, so that one program is compiled for them.
    """
    x, labels = (np.concatenate(arrays) for arrays in zip(*data, strict=True))
    found = np.asarray(fitted.predict(x)).argmax(axis=-1)
    ends = np.cumsum([len(labels) for _, labels in data])[:-1]
    right = map(np.mean, np.split(found == labels, ends))
    return found[ends[-1] :], dict(zip(Data._fields, map(float, right), strict=True))


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
    data: Data,
    h: dict[str, Any],
    seed: int,
    callbacks: Sequence[Any],
    saving: dict[str, Any],
) -> jaxnet.Fit:
    return jaxnet.fit(
        build,
        h,
        data.train,
        data.validation,
        key=jax.random.key(seed),
        epochs=config.epochs,
        callbacks=callbacks,
        progress=False,
        **saving,
    )
