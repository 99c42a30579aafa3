"""From a corpus of posts to arrays that a net can be trained on."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import jaxnet
from experiments.common.results import phase
from experiments.newsgroups.config import Config
from experiments.newsgroups.corpus import Corpus, load_corpus
from experiments.newsgroups.features import LsaFeatures
from experiments.newsgroups.vectors import VectorFeatures

Part = tuple[Float[Array, "posts features"], Int[Array, " posts"]]


class Prepared(NamedTuple):
    """A corpus as numbers.

    Attributes:
      corpus: the posts.
      features: what turns posts into vectors, fitted on the training posts alone.
      train: vectors and groups, without the validation posts.
      validation: likewise, to watch training by.
      test: likewise, looked at once at the end.
      described: which corpus it was, for the result file.
    """

    corpus: Corpus
    features: Any
    train: Part
    validation: Part
    test: Part
    described: dict[str, Any]


def prepare(config: Config, seconds: dict[str, float]) -> Prepared:
    """Loads the corpus, parts it, and turns posts into vectors.

    Args:
      config: which corpus and which features.
      seconds: gets the time of the phases "corpus" and "features".

    Raises:
      ValueError: if corpus or word vectors cannot be used.
    """
    with phase(seconds, "corpus"):
        corpus = load_corpus(
            config.corpus,
            test_fraction=config.test_fraction,
            seed=config.seed,
            strip=config.parts_to_strip,
        )
    with phase(seconds, "features"):
        posts = np.arange(len(corpus.train.labels))
        fractions = (1.0 - config.validation_fraction, config.validation_fraction)
        rows = jaxnet.split(
            posts,
            jax.random.key(config.seed),
            fractions,
            stratify=corpus.train.labels,
        )
        texts = [[corpus.train.texts[i] for i in part] for part in rows]
        if config.vectors is None:
            features = LsaFeatures.fit(texts[0], seed=config.seed)
        else:
            features = VectorFeatures.fit(texts[0], config.vectors)

        def part(texts: list[str], labels: np.ndarray) -> Part:
            return jnp.asarray(features.transform(texts)), jnp.asarray(labels)

        train, validation = (
            part(some, corpus.train.labels[part_rows])
            for some, part_rows in zip(texts, rows, strict=True)
        )
        test = part(corpus.test.texts, corpus.test.labels)
    described = {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "comparable": corpus.comparable,
        "note": corpus.note,
        "sizes": {
            "train": len(train[1]),
            "validation": len(validation[1]),
            "test": len(test[1]),
        },
    }
    return Prepared(corpus, features, train, validation, test, described)
