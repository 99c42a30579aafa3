"""Lecture 003's classifier of newsgroup posts, 300-2048-256-20 on LSA features."""

import jax
import numpy as np

from experiments.newsgroups.config import Config as Corpus
from experiments.newsgroups.models import build
from experiments.newsgroups.prepare import load_parts, vectorize
from experiments.sweep.digits import accuracy
from experiments.sweep.problem import Problem
from jaxnet.search import log_uniform, uniform

VALIDATION = 0.1
"""The share of the training posts that settings are chosen by."""


def load(seed: int, corpus: str, seconds: dict[str, float]) -> Problem:
    """The corpus, or the sample where it cannot be reached.

    Args:
      seed: of the split and the features.
      corpus: as in `experiments.newsgroups`.
      seconds: gets the times of the phases "corpus" and "features".

    Raises:
      ValueError: if the corpus cannot be used.
    """
    config = Corpus(corpus=corpus, validation_fraction=VALIDATION, seed=seed)
    parts = load_parts(config, seconds)
    _, data = vectorize(config, parts, seconds)
    posts, classes = len(data.train[1]), len(parts.corpus.groups)
    largest = float(np.bincount(parts.test.labels).max() / len(parts.test.labels))
    return Problem(
        build=build,
        space={
            "model": "lecture",
            "classes": classes,
            # A small corpus may be smaller than the lecture's batch.
            "batch_size": min(config.batch_size, max(1, posts // 4)),
            "l2": 0.0,
            "learning_rate": log_uniform(1e-4, 1e-2),
            "weight_decay": log_uniform(1e-5, 1.0),
            "dropout": uniform(0.0, 0.8),
        },
        train=data.train,
        validation=data.validation,
        test=data.test,
        metric="accuracy",
        maximize=True,
        epochs=config.epochs,
        every=1,
        link=jax.nn.softmax,
        score=accuracy,
        # Twice what always naming the largest group would give, or halfway to all.
        enough=min(2 * largest, (1 + largest) / 2),
        described=parts.described,
    )
