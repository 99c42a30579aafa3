"""The same net on real data: how far diabetes has progressed after a year.

442 patients, 10 measurements each (Efron et al. 2004, as scikit-learn has them). A
net this wide can learn them by heart, so training stops when the validation loss
no longer falls. Ridge regression on the same patients says what that is worth.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge

import jaxnet
from experiments.common.cli import track
from experiments.common.results import epochs_per_second
from experiments.regression.config import Config
from experiments.regression.sine import EVERY, build, hypers
from jaxnet.data.standardizing import Standardizer

FRACTIONS = (0.6, 0.2, 0.2)
"""Shares of training, validation and test set."""

RIDGE_PENALTIES = tuple(10.0**i for i in range(-2, 4))

Part = tuple[np.ndarray, np.ndarray]


class Patients(NamedTuple):
    """One way to split the patients; x and y standardized by the training set's.

    Attributes:
      train: x, (patients, 10), and y, (patients, 1).
      validation: likewise, to stop training and to choose Ridge's penalty.
      test: likewise, looked at once at the end.
      y: the standardizer of the targets.
      key: for what is trained on them.
    """

    train: Part
    validation: Part
    test: Part
    y: Standardizer
    key: jax.Array


class Run(NamedTuple):
    """One trained net, what came out, and its predictions for the test set."""

    patients: Patients
    fit: jaxnet.Fit
    metrics: dict[str, float]
    predicted: np.ndarray


def load() -> Part:
    """All patients: measurements, and progression as a score from 25 to 346."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)[:, None]


def draw_patients(data: Part, seed: int) -> Patients:
    """The split of a seed."""
    split_key, key = jax.random.split(jax.random.key(seed))
    train, validation, test = jaxnet.split(data, split_key, FRACTIONS)
    of_x, of_y = map(jaxnet.standardizer_of, train)

    def standardized(part: Part) -> Part:
        return np.asarray(of_x.apply(part[0])), np.asarray(of_y.apply(part[1]))

    train, validation, test = map(standardized, (train, validation, test))
    return Patients(train, validation, test, of_y, key)


def train_all(
    config: Config,
    data: Sequence[Patients],
    *,
    progress: bool,
    callbacks: Sequence[Any],
) -> list[Run]:
    """Trains net and baselines on the split of each seed."""
    runs = []
    for patients in track(data, "splits of the patients", show=progress):
        fitted = jaxnet.fit(
            build,
            hypers(config),
            patients.train,
            patients.validation,
            key=patients.key,
            epochs=config.steps,
            every=EVERY,
            early_stopping=jaxnet.EarlyStopping(patience=config.patience // EVERY),
            callbacks=() if runs else callbacks,
            progress=False,
        )
        x, y = patients.test
        predicted = np.asarray(fitted.predict(x))
        linear = LinearRegression().fit(*patients.train)
        metrics = {
            "train_loss": fitted.evaluate(patients.train)["loss"],
            "validation_loss": fitted.evaluate(patients.validation)["loss"],
            "test_loss": _loss(y, predicted),
            "r2": r2(y, predicted),
            "linear_r2": r2(y, linear.predict(x)),
            "ridge_r2": r2(y, ridge(patients).predict(x)),
            "steps": float(fitted.history["epoch"][-1]),
            "best_step": float(fitted.best_epoch or 0),
            "steps_per_second": epochs_per_second(fitted.history),
        }
        metrics["r2_minus_ridge"] = metrics["r2"] - metrics["ridge_r2"]
        runs.append(Run(patients, fitted, metrics, predicted))
    return runs


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """The share of the variance of y that is predicted: 0 for predicting its mean."""
    return 1.0 - _loss(y, predicted) / float(y.var())


def _loss(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean((predicted.reshape(y.shape) - y) ** 2))


def ridge(patients: Patients) -> Ridge:
    """Ridge regression with the penalty that suits the validation set best."""
    models = [Ridge(penalty).fit(*patients.train) for penalty in RIDGE_PENALTIES]
    x, y = patients.validation
    return min(models, key=lambda model: _loss(y, model.predict(x)))
