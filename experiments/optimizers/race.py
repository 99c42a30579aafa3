"""The race on a real net: every rule with its own learning rate, on the digits.

Each seed has its own split of the digits. The learning rate is the one with the
lowest loss on the split's validation set, among as many for every rule, and the test
set is looked at once, by what was chosen. Rules are compared on the same split,
first weights and order of the examples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

import jaxnet
from experiments.optimizers.config import Config
from experiments.optimizers.rules import NUMBERS, RULES, any_rule
from experiments.sweep import digits
from jaxnet.search import Sweep
from jaxnet.statistics import Interval, paired_difference
from jaxnet.types import Batch, Hypers, ModelState, Params

WIDTH = 16

BATCH_SIZE = 32

DECAYED = ("momentum", "adam")
"""Those that also run with a rate that falls to zero along half a cosine."""

LOWEST = {
    "sgd": -1.5,
    "momentum": -2.5,
    "nesterov": -2.5,
    "adagrad": -2.5,
    "adadelta": -1.0,
    "rmsprop": -3.5,
    "adam": -3.0,
    "amsgrad": -3.0,
}
"""The power of ten where the learning rates of each rule begin."""

DEFAULT = 1e-3
"""Adam's recommended learning rate."""


class Runner(NamedTuple):
    """A rule, and whether its learning rate decays."""

    rule: str
    decays: bool

    def __str__(self) -> str:
        return f"{self.rule}, decayed" if self.decays else self.rule


RUNNERS = [
    *(Runner(rule, False) for rule in RULES),
    *(Runner(rule, True) for rule in DECAYED),
]


class Split(NamedTuple):
    """What came out on one split of the digits.

    Attributes:
      losses: on validation data after the last epoch, (runners, rates); NaN where a
        run diverged.
      best: the place of the chosen rate, (runners,).
      curves: the training loss with the chosen rate, (runners, epochs).
      test_loss: with the chosen rate, (runners,).
      test_error: likewise, in percent.
      default_error: that of Adam with its recommended rate.
      seconds: of the sweep, by phase.
    """

    losses: np.ndarray
    best: np.ndarray
    curves: np.ndarray
    test_loss: np.ndarray
    test_error: np.ndarray
    default_error: float
    seconds: dict[str, float]


def rates(rule: str, count: int) -> np.ndarray:
    """The learning rates of a rule: two for each power of ten."""
    return 10.0 ** (LOWEST[rule] + 0.5 * np.arange(count))


def build(h: Hypers) -> jaxnet.Task:
    """A small net.

    Args:
      h: "rule", a number of `NUMBERS`; "learning_rate"; "decay", 1 if the rate falls
        to zero and 0 if it stays; "steps" in all.
    """
    rate, decay, steps = h["learning_rate"], h["decay"], h["steps"]

    def schedule(step: ArrayLike) -> Float[Array, ""]:
        done = 0.5 - 0.5 * jnp.cos(jnp.pi * jnp.asarray(step) / steps)
        return rate * (1 - decay * done)

    return jaxnet.Task(
        model=jaxnet.mlp(WIDTH, 10),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=any_rule(h["rule"], schedule),
        batch_size=BATCH_SIZE,
    )


def settings(config: Config, examples: int) -> list[Hypers]:
    """All rates of the first runner, then of the next; Adam's own rate at the end."""
    steps = float(config.epochs * (examples // BATCH_SIZE))

    def setting(runner: Runner, rate: float) -> Hypers:
        return {
            "rule": NUMBERS[runner.rule],
            "decay": float(runner.decays),
            "learning_rate": rate,
            "steps": steps,
        }

    found = [
        setting(runner, rate)
        for runner in RUNNERS
        for rate in rates(runner.rule, config.rates).tolist()
    ]
    return [*found, setting(Runner("adam", False), DEFAULT)]


def race_once(config: Config, seed: int) -> Split:
    """Trains all rules with all rates on one split, as one program.

    All splits have the same shapes, so that only the first compiles.
    """
    problem = digits.load(seed)
    result = jaxnet.sweep(
        build,
        settings(config, len(problem.train[1])),
        problem.train,
        problem.validation,
        key=jax.random.fold_in(jax.random.key(seed), 2),
        epochs=config.epochs,
        devices=config.devices or None,
        progress=False,
    )
    by_trial = np.argsort(result.trials)
    all_losses = np.array([score.mean for score in result.scores])[by_trial]
    losses = all_losses[:-1].reshape(len(RUNNERS), config.rates)
    best = np.where(np.isnan(losses), np.inf, losses).argmin(axis=1)
    chosen = np.arange(len(RUNNERS)) * config.rates + best
    test_loss, test_error = test(result, np.append(chosen, losses.size), problem.test)
    return Split(
        losses,
        best,
        result.runs.curves["train_loss"][chosen],
        test_loss[:-1],
        test_error[:-1],
        float(test_error[-1]),
        result.seconds,
    )


def test(
    result: Sweep, members: np.ndarray, data: Batch
) -> tuple[np.ndarray, np.ndarray]:
    """The loss and the error in percent of some members, all at a time."""
    slots = result.runs.place[members, 1]  # All are in one program.
    state = result.runs.stacks[0].state
    weights = jax.tree.map(
        lambda a: np.asarray(a)[slots], (state.params, state.model_state)
    )
    loss, accuracy = jax.device_get(_tested(weights, data))
    return loss, 100 * (1 - accuracy)


@jax.jit
def _tested(weights: tuple[Params, ModelState], data: Batch) -> tuple[Array, Array]:
    x, y = data
    model = jaxnet.mlp(WIDTH, 10)

    def one(weights: tuple[Params, ModelState]) -> tuple[Array, Array]:
        outputs, _ = model.apply(*weights, x)
        return jaxnet.softmax_cross_entropy(outputs, y), jaxnet.accuracy(outputs, y)

    return jax.vmap(one)(weights)


def row(runner: Runner, splits: Sequence[Split], what: str) -> np.ndarray:
    """A runner's "test_loss" or "test_error" on each split."""
    i = RUNNERS.index(runner)
    return np.array([getattr(split, what)[i] for split in splits])


def above_adam(runner: Runner, splits: Sequence[Split]) -> Interval:
    """The test error less that of Adam at its best constant rate, in percent."""
    adam = row(Runner("adam", False), splits, "test_error")
    return paired_difference(row(runner, splits, "test_error"), adam)


def better_than_adam(splits: Sequence[Split]) -> list[str]:
    """The runners whose test error is lower, by the whole interval."""
    return [str(one) for one in RUNNERS if above_adam(one, splits).high < 0]


def width_of_valley(splits: Sequence[Split], factor: float = 1.5) -> np.ndarray:
    """How many rates are nearly as good as the best, (splits, runners).

    Those whose validation loss is at most ``factor`` times the rule's lowest.
    """
    losses = np.stack([split.losses for split in splits])
    lowest = np.nanmin(losses, axis=2, keepdims=True)
    return (losses <= factor * lowest).sum(axis=2)
