"""Posts as bags: the few tokens that each has, with TF-IDF weights, padded.

    features = BagFeatures.fit(train_texts, words_and_pairs)
    bag = features.transform(test_texts)  # ids and weights, (posts, length)
    features.save(folder)
    features = BagFeatures.load(folder, words_and_pairs)

This is scikit-learn's sparse matrix in the form that `embedding_bag` takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from experiments.newsgroups.arrays import (
    load_array,
    load_words,
    save_array,
    save_words,
)
from jaxnet.layers import Bag

LENGTH = 512
"""Tokens of a post that are kept, the constant one included."""

Tokens = Callable[[str], list[str]]
"""A text to its tokens, as often as they come."""


@dataclass(frozen=True)
class BagFeatures:
    """A fitted map from texts to bags of tokens.

    A text has the weights ``(1 + log tf) idf``, scaled to length 1, and of those the
    largest. In front is a token that every text has, with the number ``len(terms)``
    and the weight 1: its row of an embedding is a bias.

    Attributes:
      tokens: what the tokens of a text are.
      terms: those that are known, by number.
      idf: inverse document frequencies, (terms,).
      length: of the bags.
    """

    tokens: Tokens
    terms: list[str]
    idf: np.ndarray
    length: int

    @classmethod
    def fit(cls, texts: Sequence[str], tokens: Tokens, *, length: int = LENGTH) -> Self:
        """Learns tokens and their frequencies from training texts.

        Args:
          texts: of the training set.
          tokens: a text to its tokens. Those in at least two texts are kept.
          length: of the bags, at most. Shorter ones are padded.

        Raises:
          ValueError: if no token is in two texts.
        """
        return cls.fit_transform(texts, tokens, length=length)[0]

    @classmethod
    def fit_transform(
        cls, texts: Sequence[str], tokens: Tokens, *, length: int = LENGTH
    ) -> tuple[Self, Bag]:
        """As `fit`, and the bags of the training texts, in half the time."""
        vectorizer = _vectorizer(tokens, min_df=2)
        try:
            rows = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise ValueError(
                f"the {len(texts)} training texts have too little in common: no word "
                f"is in two of them ({error})."
            ) from error
        terms = vectorizer.get_feature_names_out().tolist()
        features = cls(tokens, terms, vectorizer.idf_.astype(np.float32), length)
        return features, _padded(rows, length)

    @property
    def ids(self) -> int:
        """How many ids there are: the terms and the constant."""
        return len(self.terms) + 1

    def transform(self, texts: Sequence[str]) -> Bag:
        """The bags of texts, int32 and float32 of (texts, length)."""
        vectorizer = _vectorizer(self.tokens, vocabulary=self.terms)
        vectorizer.idf_ = self.idf
        return _padded(vectorizer.transform(texts), self.length)

    def save(self, folder: Path) -> list[Path]:
        """Writes ``terms.json`` and ``idf.npy``; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        return [
            save_words(folder / "terms.json", self.terms),
            save_array(folder / "idf.npy", self.idf),
        ]

    @classmethod
    def load(cls, folder: Path, tokens: Tokens, *, length: int = LENGTH) -> Self:
        """Reads what `save` wrote; tokens and length are as they were for `fit`.

        Raises:
          ValueError: if a file is not there or broken, or does not fit the other.
        """
        terms = load_words(folder / "terms.json")
        idf = load_array(folder / "idf.npy", (len(terms),))
        return cls(tokens, terms, idf, length)


def log_count_ratios(
    bag: Bag, labels: np.ndarray, ids: int, classes: int, *, smoothing: float = 0.3
) -> np.ndarray:
    """How much more often a token is in posts of a class than in all others.

    With ``p`` the posts of class c that have token i, plus the smoothing, and ``q``
    those of other classes, ``r[i, c] = log(p / |p|) - log(q / |q|)``, where ``|p|``
    sums over the tokens. The constant token, which is the last, has 1.

    Args:
      bag: of the training posts.
      labels: their classes, (posts,).
      ids: how many there are.
      classes: how many there are.
      smoothing: added to all counts, above 0.

    Returns:
      float32 (ids, classes).

    References:
      Wang & Manning, *Baselines and Bigrams*, 2012, eq. 1, one class against the rest.
    """
    cells = np.asarray(bag.ids) * classes + labels[:, None]
    present = np.asarray(bag.weights) > 0
    counts = np.bincount(cells[present], minlength=ids * classes)
    inside = counts.reshape(ids, classes)[:-1]
    outside = inside.sum(axis=1, keepdims=True) - inside

    def log_shares(counts: np.ndarray) -> np.ndarray:
        counts = counts + smoothing
        return np.log(counts / counts.sum(axis=0))

    ratios = log_shares(inside) - log_shares(outside)
    return np.concatenate([ratios, np.ones((1, classes))]).astype(np.float32)


def _vectorizer(tokens: Tokens, **settings: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    settings |= {"analyzer": tokens, "sublinear_tf": True, "dtype": np.float32}
    return TfidfVectorizer(**settings)


def _padded(rows: Any, length: int) -> Bag:
    """The entries of a sparse matrix by row, after one for the constant."""
    ids = np.zeros((rows.shape[0], length), np.int32)
    weights = np.zeros((rows.shape[0], length), np.float32)
    ids[:, 0], weights[:, 0] = rows.shape[1], 1.0
    room = length - 1
    for i in range(rows.shape[0]):
        here = slice(rows.indptr[i], rows.indptr[i + 1])
        columns, values = rows.indices[here], rows.data[here]
        if len(values) > room:
            largest = np.argpartition(-values, room)[:room]
            columns, values = columns[largest], values[largest]
        ids[i, 1 : 1 + len(values)] = columns
        weights[i, 1 : 1 + len(values)] = values
    return Bag(jnp.asarray(ids), jnp.asarray(weights))
