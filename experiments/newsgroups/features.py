"""Latent semantic analysis: posts as 300 standardized numbers, from TF-IDF.

    features, (x, x_test) = LsaFeatures.fit_transform(train_texts, test_texts)
    x = features.transform(more_texts)  # (posts, 300), float32
    features.save(folder)
    features = LsaFeatures.load(folder)

All that is learned, from the choice of words to mean and scale, is learned from the
training texts.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from experiments.newsgroups.arrays import (
    load_array,
    load_words,
    save_array,
    save_words,
)
from experiments.newsgroups.standardizing import Standardizer, directions
from experiments.newsgroups.tokens import words

DIMENSIONS = 300
"""As many as the lecture's word vectors have."""

TERMS = 30_000
"""How many of the most frequent words are kept."""

_ITERATIONS = 2


@dataclass(frozen=True)
class LsaFeatures:
    """A fitted map from texts to features.

    A text is ``z = components @ tfidf(text)``, scaled to length 1 and then
    standardized. One without any known term is 0 everywhere, which is the mean of
    the training texts.

    Attributes:
      terms: the words that are known, in the order of the columns.
      idf: inverse document frequencies, squared, (terms,).
      components: right singular vectors, (dimensions, terms).
      standardizer: of the scaled z of the training texts.
    """

    terms: list[str]
    idf: np.ndarray
    components: np.ndarray
    standardizer: Standardizer

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        *,
        dimensions: int = DIMENSIONS,
        terms: int = TERMS,
        seed: int = 0,
    ) -> Self:
        """Learns features from training texts.

        TF-IDF is ``(1 + log tf) (1 + log((1 + texts) / (1 + df)))^2`` in rows of
        length 1, for words that are in at least two texts and at most half of them.
        Without the square, common words take up most of the dimensions.

        Args:
          texts: of the training set.
          dimensions: of the features. There are fewer for fewer texts or terms.
          terms: the largest number of words to keep.
          seed: of the randomized singular value decomposition.

        Raises:
          ValueError: if the texts have next to nothing in common.

        References:
          Deerwester et al., *Indexing by Latent Semantic Analysis*, 1990; Halko et
          al., *Finding Structure with Randomness*, 2011, algorithm 4.4.
        """
        settings = {"dimensions": dimensions, "terms": terms, "seed": seed}
        return cls.fit_transform(texts, **settings)[0]

    @classmethod
    def fit_transform(
        cls,
        texts: Sequence[str],
        *others: Sequence[str],
        dimensions: int = DIMENSIONS,
        terms: int = TERMS,
        seed: int = 0,
    ) -> tuple[Self, list[np.ndarray]]:
        """As `fit`, and the features of these texts and of others.

        That costs little for the training texts, and words of others are counted on
        another core while the components are found.
        """
        from sklearn.decomposition import TruncatedSVD
        from threadpoolctl import threadpool_limits

        half = max(0.5, 2 / max(len(texts), 2))
        counter = _counter(min_df=2, max_df=half, max_features=terms)
        try:
            counts = counter.fit_transform(texts)
        except ValueError as error:
            raise ValueError(
                f"the {len(texts)} training texts have too little in common: no word "
                f"is in two of them, and in at most half ({error})."
            ) from error
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.square(1 + np.log((1 + len(texts)) / (1 + df))).astype(np.float32)
        dimensions = min(dimensions, *counts.shape)
        svd = TruncatedSVD(dimensions, n_iter=_ITERATIONS, random_state=seed)
        # Its matrices are narrow: threads that wait for one another take longer.
        with ThreadPoolExecutor(1) as pool, threadpool_limits(1):
            rest = pool.map(counter.transform, others)
            z, known = directions(svd.fit_transform(_tfidf(counts, idf)))
        standardizer = Standardizer.fit(z[known])
        features = cls(
            counter.get_feature_names_out().tolist(),
            idf,
            np.asarray(svd.components_, np.float32),
            standardizer,
        )
        return features, [standardizer.transform(z, known), *map(features._of, rest)]

    @property
    def dimensions(self) -> int:
        """How many features there are."""
        return len(self.components)

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Features of texts, float32 (texts, dimensions)."""
        return self._of(_counter(vocabulary=self.terms).transform(texts))

    def _of(self, counts: Any) -> np.ndarray:
        if not counts.shape[0]:
            return np.zeros((0, self.dimensions), np.float32)
        z, known = directions(_tfidf(counts, self.idf) @ self.components.T)
        return self.standardizer.transform(z, known)

    def save(self, folder: Path) -> list[Path]:
        """Writes files named ``lsa_*``, and mean and scale; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        return [
            save_words(folder / "lsa_terms.json", self.terms),
            save_array(folder / "lsa_idf.npy", self.idf),
            save_array(folder / "lsa_components.npy", self.components),
            *self.standardizer.save(folder),
        ]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
          ValueError: if a file is not there or broken, or does not fit the others.
        """
        terms = load_words(folder / "lsa_terms.json")
        idf = load_array(folder / "lsa_idf.npy", (len(terms),))
        components = load_array(folder / "lsa_components.npy", (None, len(terms)))
        return cls(terms, idf, components, Standardizer.load(folder, len(components)))


def _counter(**settings: Any) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    settings |= {"analyzer": words, "dtype": np.float32}
    return CountVectorizer(**settings)


def _tfidf(counts: Any, idf: np.ndarray) -> Any:
    from sklearn.feature_extraction.text import TfidfTransformer

    weighting = TfidfTransformer(sublinear_tf=True)
    weighting.idf_ = idf
    return weighting.transform(counts)
