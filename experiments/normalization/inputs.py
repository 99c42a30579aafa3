"""Raw and standardized inputs: 30 measurements of cells, from 1e-3 to 4000 in size."""

from typing import NamedTuple

import jax
import numpy as np
from sklearn.datasets import load_breast_cancer

import jaxnet
from experiments.initialization.choosing import when
from experiments.initialization.testing import evaluate
from jaxnet.types import Batch, Hypers, PRNGKey

RATES = tuple(float(rate) for rate in 10.0 ** np.arange(-7.0, 1.0))
"""Learning rates, wide enough for raw inputs and for standardized ones."""

EPOCHS = 20

FRACTIONS = (0.6, 0.2, 0.2)


class Prepared(NamedTuple):
    """Nets for inputs that were prepared in one way, at every learning rate.

    Attributes:
      losses: on validation data, (rates, seeds); infinite for those that diverged.
      best: the number of the rate with the lowest mean of them.
      test_loss: at that rate, (seeds,).
      test_accuracy: likewise.
    """

    losses: np.ndarray
    best: int
    test_loss: np.ndarray
    test_accuracy: np.ndarray


def build(h: Hypers) -> jaxnet.Task:
    """A hidden layer of 16 tanh units, trained by gradient descent with momentum.

    Args:
      h: "norm", 1.0 for batch normalization of the inputs; "learning_rate".
    """
    return jaxnet.Task(
        model=jaxnet.sequential(
            when(h["norm"], jaxnet.batch_norm()),
            jaxnet.dense(16, kernel_init=jaxnet.initializers.glorot_normal),
            jaxnet.tanh,
            jaxnet.dense(1, kernel_init=jaxnet.initializers.glorot_normal),
            jaxnet.activation(lambda x: x[..., 0], "squeeze"),
        ),
        loss=jaxnet.binary_cross_entropy,
        optimizer=jaxnet.optimizer("momentum", h["learning_rate"]),
        batch_size=32,
        metrics={"accuracy": lambda f, y: ((f > 0) == (y > 0.5)).mean()},
    )


def load(seed: int) -> tuple[Batch, Batch, Batch]:
    """Training, validation and test part, raw."""
    x, y = load_breast_cancer(return_X_y=True)
    data = np.asarray(x, np.float32), np.asarray(y, np.float32)
    train, validation, test = jaxnet.split(
        data, jax.random.key(seed), FRACTIONS, stratify=data[1]
    )
    return train, validation, test


def standardized(parts: tuple[Batch, Batch, Batch]) -> tuple[Batch, Batch, Batch]:
    """The same with mean 0 and variance 1 of each measurement in the training part."""
    standardizer = jaxnet.standardizer_of(parts[0][0])
    train, validation, test = ((standardizer.apply(x), y) for x, y in parts)
    return train, validation, test


def compare(
    key: PRNGKey, seeds: int, parts: tuple[Batch, Batch, Batch]
) -> dict[str, Prepared]:
    """Trains nets on raw and on standardized inputs, and with batch_norm on raw ones.

    Args:
      key: of all runs.
      seeds: runs of each kind and rate.
      parts: as `load` makes them.
    """
    settings = [
        {"norm": norm, "learning_rate": rate} for norm in (0.0, 1.0) for rate in RATES
    ]

    def of(parts: tuple[Batch, Batch, Batch]) -> list[Prepared]:
        train, validation, test = parts
        result = jaxnet.sweep(
            build,
            settings,
            train,
            validation,
            key=jax.random.clone(key),  # The same for both, on purpose.
            seeds=seeds,
            epochs=EPOCHS,
            every=EPOCHS,
            progress=False,
        )
        shape = (2, len(RATES), seeds)
        losses = result.runs.curves["validation_loss"][:, -1].reshape(shape)
        losses = np.where(np.isfinite(losses), losses, np.inf)
        best = losses.mean(axis=2).argmin(axis=1)
        tested = evaluate(result, np.arange(2) * len(RATES) + best, test)
        return [
            Prepared(losses[i], best[i], tested["loss"][i], tested["accuracy"][i])
            for i in range(2)
        ]

    raw, normalized = of(parts)
    return {"raw": raw, "standardized": of(standardized(parts))[0], "norm": normalized}
