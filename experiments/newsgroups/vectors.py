"""Posts as the mean of the vectors of their words, read from the usual files.

    features = VectorFeatures.fit(train_texts, "glove.6B.300d.txt")
    x = features.transform(test_texts)  # (posts, 300), float32

Files of vectors are told apart by how they end:

* ``.npy``: a matrix, with the words in ``.words.txt`` beside it, one a line;
* ``.bin``: word2vec's binary format;
* anything else: text as GloVe and fastText write it, a word and its numbers a line,
  with or without a first line that says how many there are.

A word is looked up as it is written, then in lower case, capitalized and in capitals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from experiments.newsgroups.arrays import (
    load_array,
    load_words,
    save_array,
    save_words,
)
from experiments.newsgroups.reading_vectors import read_vectors
from experiments.newsgroups.standardizing import Standardizer
from experiments.newsgroups.tokens import WORD


@dataclass(frozen=True)
class VectorFeatures:
    """A fitted map from texts to features.

    A text is the mean of the vectors of its words, as often as they come,
    standardized. One without any known word is 0 everywhere, which is the mean of
    the training texts.

    Attributes:
      words: those that have a vector, in the order of the rows.
      vectors: (words, dimensions).
      standardizer: of the means of the training texts.
    """

    words: list[str]
    vectors: np.ndarray
    standardizer: Standardizer

    @classmethod
    def fit(cls, texts: Sequence[str], path: str | Path) -> Self:
        """Reads word vectors, and learns mean and scale from training texts.

        Args:
          texts: of the training set.
          path: of the file of vectors.

        Raises:
          ValueError: if the file is not there or broken, or has no word of the texts.
        """
        return cls.fit_transform(texts, path=path)[0]

    @classmethod
    def fit_transform(
        cls, texts: Sequence[str], *others: Sequence[str], path: str | Path
    ) -> tuple[Self, list[np.ndarray]]:
        """As `fit`, and the features of these texts, at little cost, and of others."""
        words, vectors = read_vectors(Path(path))
        means, known = _means(texts, words, vectors)
        if not known.any():
            raise ValueError(
                f"{path} has {len(words)} words, {words[0]!r} the first of them, but "
                f"none of the {len(texts)} training texts. Are they of this language?"
            )
        standardizer = Standardizer.fit(means[known])
        features = cls(words, vectors, standardizer)
        x = standardizer.transform(means, known)
        return features, [x, *map(features.transform, others)]

    @property
    def dimensions(self) -> int:
        """How many features there are."""
        return self.vectors.shape[1]

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Features of texts, float32 (texts, dimensions)."""
        return self.standardizer.transform(*_means(texts, self.words, self.vectors))

    def save(self, folder: Path) -> list[Path]:
        """Writes the vectors, and mean and scale; returns the paths of the files."""
        folder.mkdir(parents=True, exist_ok=True)
        return [
            save_words(folder / "vectors_words.json", self.words),
            save_array(folder / "vectors.npy", self.vectors),
            *self.standardizer.save(folder),
        ]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
          ValueError: if a file is not there or broken, or does not fit the others.
        """
        words = load_words(folder / "vectors_words.json")
        vectors = load_array(folder / "vectors.npy", (len(words), None))
        return cls(words, vectors, Standardizer.load(folder, vectors.shape[1]))


def _means(
    texts: Sequence[str], words: Sequence[str], vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The mean vector of each text, and which of them have a word that is known."""
    rows = {word: row for row, word in enumerate(words)}
    found: dict[str, int | None] = {}
    means = np.zeros((len(texts), vectors.shape[1]), np.float32)
    known = np.zeros(len(texts), bool)
    for i, text in enumerate(texts):
        here = []
        for word in WORD.findall(text):
            if word not in found:
                found[word] = _row(rows, word)
            row = found[word]
            if row is not None:
                here.append(row)
        if here:
            means[i] = vectors[here].mean(axis=0)
            known[i] = True
    return means, known


def _row(rows: dict[str, int], word: str) -> int | None:
    for form in (word, word.lower(), word.capitalize(), word.upper()):
        if form in rows:
            return rows[form]
    return None
