"""The best model we found: naive Bayes, corrected by a linear support vector machine.

    model = train_best(train_texts, train_labels, classes=20, key=jax.random.key(0))
    log_p = model.predict_log_probabilities(test_texts)  # (posts, classes)

There are two such machines, and their scores are added. One sees words and pairs of
words, the other pieces of words; both see the header fields. Each is one layer, an
`embedding_bag` whose table is ``w * r``: r is naive Bayes' weight of a token for a
class and does not change, and w is learned. L2 decay of w pulls every token towards
having no say, and the less so, the better a sign it is of the class.

All choices were made on the later posts of each group in the training set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

import jaxnet
from experiments.newsgroups.arrays import load_array, save_array
from experiments.newsgroups.bags import BagFeatures, Tokens, log_count_ratios
from experiments.newsgroups.tokens import pieces, words_and_pairs
from jaxnet.data.batching import in_chunks
from jaxnet.layers import Bag
from jaxnet.losses.common import Weights, weighted_mean
from jaxnet.types import Hypers, ModelState, Params, PRNGKey


class View(NamedTuple):
    """What a machine sees of a post.

    Attributes:
      tokens: a text to its tokens.
      slack: the weight C of errors in the usual form, ``|w|^2 / 2 + C sum_i l_i``.
    """

    tokens: Tokens
    slack: float


VIEWS = {"words": View(words_and_pairs, 0.2), "pieces": View(pieces, 0.1)}
"""One for each machine, by name."""

EPOCHS = 10
BATCH_SIZE = 256
LEARNING_RATE = 0.02
SHARPNESS = 4.0
"""What the sum of scores is multiplied by to be logits."""


@dataclass(frozen=True)
class BestModel:
    """A trained model.

    Attributes:
      features: of each view.
      tables: likewise, the trained ``w * r``, (ids, classes).
    """

    features: tuple[BagFeatures, ...]
    tables: tuple[np.ndarray, ...]

    def predict_log_probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """The logarithm of each class's probability, float32 (texts, classes)."""
        if not texts:
            return np.zeros((0, self.tables[0].shape[1]), np.float32)
        scores = [
            _scores(table, features.transform(texts))
            for features, table in zip(self.features, self.tables, strict=True)
        ]
        return np.asarray(jax.nn.log_softmax(SHARPNESS * sum(scores)))

    def save(self, folder: Path) -> list[Path]:
        """Writes a folder for each view; returns the paths of the files."""
        paths = []
        views = zip(VIEWS, self.features, self.tables, strict=True)
        for name, features, table in views:
            paths += features.save(folder / name)
            paths.append(save_array(folder / name / "table.npy", table))
        return paths

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
          ValueError: if a file is not there or broken, or does not fit the others.
        """
        features, tables, classes = [], [], None
        for name, view in VIEWS.items():
            features.append(BagFeatures.load(folder / name, view.tokens))
            shape = (features[-1].ids, classes)
            tables.append(load_array(folder / name / "table.npy", shape))
            classes = tables[-1].shape[1]
        return cls(tuple(features), tuple(tables))


def train_best(
    texts: Sequence[str],
    labels: np.ndarray,
    classes: int,
    *,
    key: PRNGKey,
    epochs: int = EPOCHS,
    progress: bool = False,
) -> BestModel:
    """Trains both machines, one after the other.

    Args:
      texts: of the training posts, with headers.
      labels: their classes, integers in [0, classes), (posts,).
      classes: how many there are.
      key: the order of the posts is a function of it.
      epochs: passes over the posts.
      progress: whether to show a bar for each machine.

    Returns:
      The model, with ``predict_log_probabilities``, ``save`` and ``load``.

    Raises:
      ValueError: if the texts have no word in common.
    """
    trained = [
        _train_view(
            view,
            texts,
            labels,
            classes,
            key=jax.random.fold_in(key, i),
            epochs=epochs,
            progress=progress,
        )
        for i, view in enumerate(VIEWS.values())
    ]
    features, tables = zip(*trained, strict=True)
    return BestModel(features, tables)


def build(h: Hypers) -> jaxnet.Task:
    """One machine.

    Args:
      h: "ratios", naive Bayes' weights, (ids, classes); "learning_rate", "steps" until
        it is 0, "l2", and "batch_size".
    """
    rate = jaxnet.schedules.cosine(h["learning_rate"], h["steps"])
    return jaxnet.Task(
        model=naive_bayes_bag(h["ratios"]),
        loss=squared_hinge,
        optimizer=jaxnet.optimizer("adam", rate, l2=h["l2"]),
        batch_size=h["batch_size"],
        metrics={"accuracy": jaxnet.accuracy},
    )


def naive_bayes_bag(ratios: Float[Array, "ids classes"]) -> jaxnet.Layer:
    """Scores ``y = sum_j weights_j w[ids_j] r[ids_j]`` of the classes, w = 0 at first.

    Args:
      ratios: r, which is not trained.

    Returns:
      A layer from a `Bag` to (*batch, classes) with params ``{"embedding": w}``.

    References:
      Wang & Manning, *Baselines and Bigrams*, 2012, section 2.3.
    """
    bag = jaxnet.layers.embedding_bag(
        *ratios.shape, embedding_init=jax.nn.initializers.zeros
    )

    def apply(
        params: Params,
        state: ModelState,
        x: Bag,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch classes"], ModelState]:
        table = {"embedding": params["embedding"] * ratios}
        return bag.apply(table, state, x, train=train, key=key)

    return jaxnet.Layer(bag.init, apply, "naive_bayes_bag")


def squared_hinge(
    scores: Float[Array, "posts classes"],
    labels: Int[Array, " posts"],
    weights: Weights = None,
) -> Float[Array, ""]:
    """Each class against the rest, ``l = sum_c max(0, 1 - t_c y_c)^2``.

    Args:
      scores: y, (posts, classes).
      labels: integers in [0, classes), (posts,): t_c is 1 for the label, else -1.
      weights: of the posts, (posts,).

    Returns:
      The weighted mean over posts.
    """
    targets = 2.0 * jax.nn.one_hot(labels, scores.shape[1]) - 1.0
    losses = jnp.sum(jax.nn.relu(1.0 - targets * scores) ** 2, axis=1)
    return weighted_mean(losses, weights)


def _train_view(
    view: View,
    texts: Sequence[str],
    labels: np.ndarray,
    classes: int,
    *,
    key: PRNGKey,
    epochs: int,
    progress: bool,
) -> tuple[BagFeatures, np.ndarray]:
    features, bag = BagFeatures.fit_transform(texts, view.tokens)
    ratios = log_count_ratios(bag, labels, features.ids, classes)
    posts = len(texts)
    batch_size = min(BATCH_SIZE, max(1, posts // 4))
    hypers = {
        "ratios": ratios,
        "learning_rate": LEARNING_RATE,
        "steps": epochs * -(-posts // batch_size),
        "l2": 1.0 / (view.slack * posts),
        "batch_size": batch_size,
    }
    data = (bag, np.asarray(labels, np.int32))
    fitted = jaxnet.fit(build, hypers, data, key=key, epochs=epochs, progress=progress)
    return features, np.asarray(fitted.params["embedding"]) * ratios


@jax.jit
def _scores(
    table: Float[Array, "ids classes"], bag: Bag
) -> Float[Array, "posts classes"]:
    layer = jaxnet.layers.embedding_bag(*table.shape)

    def of_chunk(rows: Bag) -> Float[Array, "rows classes"]:
        return layer.apply({"embedding": table}, (), rows)[0]

    parts = in_chunks(of_chunk, bag, 512)
    return jnp.concatenate([part.reshape(-1, table.shape[1]) for part in parts])
