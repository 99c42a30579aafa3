"""A real search: two hyperparameters of a net for digits, of which one matters.

The learning rate decides; weight decay is searched where it does little.
Where exactly the rates begin is drawn for each repeat, since a grid's luck depends on
where its few rates happen to lie.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnet
from experiments.search.budgets import Tried
from experiments.search.config import Config
from experiments.sweep import digits
from jaxnet import search
from jaxnet.types import Hypers

WIDTH = 16


class Repeat(NamedTuple):
    """One repeat: a split of the digits, a space, and what was found.

    Attributes:
      tried: the settings.
      losses: on validation data, that of a guess where a setting diverged.
      best: by sampler, each (budgets,).
      seconds: of the sweep, by phase.
    """

    tried: Tried
    losses: np.ndarray
    best: dict[str, np.ndarray]
    seconds: dict[str, float]


def build(h: Hypers) -> jaxnet.Task:
    """A small net, trained by gradient descent with momentum.

    Args:
      h: "learning_rate", "weight_decay".
    """
    return jaxnet.Task(
        model=jaxnet.mlp(WIDTH, 10),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer(
            "momentum", h["learning_rate"], weight_decay=h["weight_decay"]
        ),
        batch_size=32,
    )


def space_of(seed: int) -> dict[str, Any]:
    """The space of a seed: four decades of learning rates."""
    low = 10.0 ** (-4.0 + np.random.default_rng(seed).random())
    return {
        "learning_rate": search.log_uniform(low, 1e4 * low),
        "weight_decay": search.log_uniform(1e-6, 1e-3),
    }


def search_once(config: Config, budgets: list[int], seed: int) -> Repeat:
    """Trains all settings of a repeat in one sweep.

    They share their seed and their data, so that samplers are compared in pairs; and
    all repeats have as many settings, so that only the first compiles.
    """
    tried = Tried(space_of(seed), budgets, jax.random.key(seed))
    problem = digits.load(seed)
    result = search.sweep(
        build,
        tried.settings,
        problem.train,
        problem.validation,
        key=jax.random.fold_in(jax.random.key(seed), 1),
        epochs=config.epochs,
        devices=config.devices or None,
        progress=False,
    )
    guess = float(jnp.log(10.0))
    losses = np.full(len(tried.settings), guess)
    losses[result.trials] = [score.mean for score in result.scores]
    losses = np.fmin(losses, guess)
    return Repeat(tried, losses, tried.best(losses), result.seconds)
