"""A random search: 64 settings of a net for scikit-learn's digits.

A setting is a learning rate, a momentum and an L2 penalty for a net 64-32-10, which
learns from 1,440 digits for 100 epochs in batches of 32 and is then judged by the
other 357. Seconds are from a search space to the accuracies of all settings, without
imports. The score of a search is its best validation accuracy, and each has to reach
`ENOUGH`.

`jaxnet.sweep` is measured in a new process every time, so that it compiles, and once
more where it finds its program compiled. The others have nothing to compile; they try
`TRIED` settings, and their times are scaled to 64: every setting takes the same steps,
and none stops early.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmark.case import Case, Turn, torch_device
from experiments.benchmark.turns import start
from experiments.common.devices import cores, split_cpu

SETTINGS, TRIED = 64, 8
WIDTH, EPOCHS, BATCH, TRAINED = 32, 100, 32, 1440
RATES, MOMENTA, PENALTIES = (1e-3, 1e-1), (0.5, 0.95), (1e-6, 1e-3)
"""The search space: learning rates and penalties on a log scale."""

ENOUGH = 0.97
"""Validation accuracy. Logistic regression has 0.96."""

_OURS = """
from experiments.benchmark.search import compiled
print(*compiled()())
"""

Part = tuple[np.ndarray, np.ndarray]


def data() -> tuple[Part, Part]:
    """Digits and labels for training, (1440, 64) and (1440,), and for validation."""
    from sklearn.datasets import load_digits

    images, labels = map(np.asarray, load_digits(return_X_y=True))
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = (images[order] / 16).astype(np.float32), labels[order].astype(np.int32)
    return (x[:TRAINED], y[:TRAINED]), (x[TRAINED:], y[TRAINED:])


def compiled() -> Callable[[], Turn]:
    """`jaxnet.sweep`, with the CPU as one device a core."""
    split_cpu()
    import jax

    import jaxnet

    def build(h):
        return jaxnet.Task(
            model=jaxnet.mlp(WIDTH, 10),
            loss=jaxnet.softmax_cross_entropy,
            optimizer=jaxnet.optimizer(
                "momentum", h["learning_rate"], momentum=h["momentum"], l2=h["l2"]
            ),
            batch_size=BATCH,
            metrics={"accuracy": jaxnet.accuracy},
        )

    train, validation = data()
    space = {
        "learning_rate": jaxnet.log_uniform(*RATES),
        "momentum": jaxnet.uniform(*MOMENTA),
        "l2": jaxnet.log_uniform(*PENALTIES),
    }
    calls = itertools.count()

    def measure() -> Turn:
        begin = time.perf_counter()
        result = jaxnet.sweep(
            build,
            space,
            train,
            validation,
            key=jax.random.key(next(calls)),
            trials=SETTINGS,
            epochs=EPOCHS,
            every=EPOCHS,
            monitor="validation_accuracy",
            maximize=True,
        )
        best = result.scores[0].mean
        seconds = time.perf_counter() - begin
        assert set(result.status) == {"done"}, "members that stop cost nothing"
        return Turn(seconds, best)

    return measure


def ours() -> Callable[[], Turn]:
    """The first search of a process."""

    def measure() -> Turn:
        done = subprocess.run(
            [sys.executable, "-c", _OURS],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return Turn(*map(float, done.stdout.split()))

    return measure


def optuna_pytorch() -> Callable[[], Turn]:
    """Optuna's random sampler around a training loop of PyTorch.

    On one thread, which is its best: for matrices this small, two mostly wait for
    each other, and much longer where something else runs.
    """
    import optuna
    import torch
    from torch import nn

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    device = torch_device()
    (x, y), (x_validation, y_validation) = (
        (torch.from_numpy(x).to(device), torch.from_numpy(y).long().to(device))
        for x, y in data()
    )

    def objective(trial: optuna.Trial) -> float:
        model = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(
            model.to(device).parameters(),
            lr=trial.suggest_float("learning_rate", *RATES, log=True),
            momentum=trial.suggest_float("momentum", *MOMENTA),
            weight_decay=trial.suggest_float("l2", *PENALTIES, log=True),
        )
        for _ in range(EPOCHS):
            for rows in torch.randperm(TRAINED, device=device).split(BATCH):
                optimizer.zero_grad()
                loss = criterion(model(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            right = model(x_validation).argmax(dim=1) == y_validation
        return right.float().mean().item()

    calls = itertools.count()

    def measure() -> Turn:
        begin = time.perf_counter()
        sampler = optuna.samplers.RandomSampler(seed=next(calls))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(objective, n_trials=TRIED)
        seconds = time.perf_counter() - begin
        return Turn(seconds * SETTINGS / TRIED, study.best_value)

    return measure


def two_optuna_pytorch() -> Callable[[], Turn]:
    """The same in two processes, each with half of the settings."""
    workers = [start("search", "Optuna + PyTorch") for _ in range(2)]

    def measure() -> Turn:
        for worker in workers:
            worker.go()
        first, second = (worker.answer() for worker in workers)
        # Each said how long it would take for all, and takes half of them.
        seconds = (first.value + second.value) / 4
        return Turn(seconds, max(first.score, second.score))

    return measure


def scikit_learn() -> Callable[[], Turn]:
    """``RandomizedSearchCV`` with ``MLPClassifier``, in a process for each core."""
    import warnings

    from scipy.stats import loguniform, uniform
    from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
    from sklearn.neural_network import MLPClassifier

    # That it has not converged after all its epochs.
    warnings.simplefilter("ignore")
    train, validation = data()
    x, y = map(np.concatenate, zip(train, validation, strict=True))
    part = np.where(np.arange(len(y)) < TRAINED, -1, 0)
    space = {
        "learning_rate_init": loguniform(*RATES),
        "momentum": uniform(MOMENTA[0], MOMENTA[1] - MOMENTA[0]),
        "alpha": loguniform(*PENALTIES),
    }
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (WIDTH,),
        "solver": "sgd",
        "nesterovs_momentum": False,
        "batch_size": BATCH,
        "max_iter": EPOCHS,
        "n_iter_no_change": EPOCHS,
    }
    calls = itertools.count()

    def measure() -> Turn:
        begin = time.perf_counter()
        search = RandomizedSearchCV(
            MLPClassifier(**settings),
            space,
            n_iter=TRIED,
            cv=PredefinedSplit(part),
            refit=False,
            n_jobs=cores(),
            random_state=next(calls),
        )
        search.fit(x, y)
        seconds = time.perf_counter() - begin
        return Turn(seconds * SETTINGS / TRIED, float(search.best_score_))

    return measure


CASES = {
    "search": Case(
        unit="seconds for 64 settings",
        contestants={
            "jaxnet.sweep": ours,
            "jaxnet.sweep, compiled": compiled,
            "Optuna + PyTorch": optuna_pytorch,
            "Optuna + PyTorch, two processes": two_optuna_pytorch,
            "RandomizedSearchCV": scikit_learn,
        },
        targets={
            "Optuna + PyTorch": 1 / 20,
            "Optuna + PyTorch, two processes": 1 / 20,
            "RandomizedSearchCV": 1 / 20,
        },
        score="best validation accuracy",
        enough=ENOUGH,
        rounds=5,
    )
}
