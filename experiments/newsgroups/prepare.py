"""From a corpus to parts, and from the posts of each part to vectors."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import jaxnet
from experiments.common.results import phase
from experiments.newsgroups.config import Config
from experiments.newsgroups.corpus import Corpus, Posts, load_corpus
from experiments.newsgroups.features import LsaFeatures
from experiments.newsgroups.vectors import VectorFeatures

Vectors = tuple[Float[Array, "posts features"], Int[Array, " posts"]]


class Parts(NamedTuple):
    """A corpus in three parts.

    Attributes:
      corpus: the posts, whose own training posts are the first two parts together.
      train: what a net learns from.
      validation: to watch training by.
      test: looked at once, at the end.
      described: which corpus it was, for the result file.
    """

    corpus: Corpus
    train: Posts
    validation: Posts
    test: Posts
    described: dict[str, Any]


class Data(NamedTuple):
    """The parts as vectors and groups.

    Attributes:
      train: (posts, features) and (posts,).
      validation: likewise.
      test: likewise.
    """

    train: Vectors
    validation: Vectors
    test: Vectors


def load_parts(config: Config, seconds: dict[str, float]) -> Parts:
    """Loads the corpus and takes validation posts out of its training posts.

    Args:
      config: which corpus, and how much of it.
      seconds: gets the time of the phase "corpus".

    Raises:
      ValueError: if the corpus cannot be used.
    """
    with phase(seconds, "corpus"):
        corpus = load_corpus(
            config.corpus,
            test_fraction=config.test_fraction,
            seed=config.seed,
            strip=config.parts_to_strip,
        )
        share = config.validation_fraction
        try:
            rows = jaxnet.split(
                np.arange(len(corpus.train.labels)),
                jax.random.key(config.seed),
                (1.0 - share, share),
                stratify=corpus.train.labels,
            )
        except ValueError as error:
            raise ValueError(f"validation_fraction={share:g}: {error}") from None
        train, validation = (
            Posts([corpus.train.texts[i] for i in some], corpus.train.labels[some])
            for some in rows
        )
    parts = {"train": train, "validation": validation, "test": corpus.test}
    described = {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "comparable": corpus.comparable,
        "note": corpus.note,
        "sizes": {name: len(part.labels) for name, part in parts.items()},
    }
    return Parts(corpus, train, validation, corpus.test, described)


def vectorize(
    config: Config, parts: Parts, seconds: dict[str, float]
) -> tuple[LsaFeatures | VectorFeatures, Data]:
    """Fits the features and turns all posts into vectors.

    Args:
      config: which features.
      parts: the posts.
      seconds: gets the time of the phase "features".

    Returns:
      What turns posts into vectors, fitted on the part ``train`` alone, and the data.

    Raises:
      ValueError: if a file of word vectors cannot be used.
    """
    with phase(seconds, "features"):
        posts = parts.train, parts.validation, parts.test
        texts = [some.texts for some in posts]
        if config.vectors is None:
            features, vectors = LsaFeatures.fit_transform(*texts, seed=config.seed)
        else:
            path = config.vectors
            features, vectors = VectorFeatures.fit_transform(*texts, path=path)
        pairs = [
            (jnp.asarray(x), jnp.asarray(some.labels))
            for x, some in zip(vectors, posts, strict=True)
        ]
        return features, Data(*pairs)
