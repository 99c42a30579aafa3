"""The net, every kind of regularization at every strength, and the sweep of a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

import jaxnet
from experiments.regularization.config import Config
from jaxnet.regularization import l1, l2
from jaxnet.search import Sweep
from jaxnet.types import Batch, Hypers, Params

BATCH = 30

MOMENTUM_RATE, ADAM_RATE = 0.1, 0.01
"""The learning rates, the same at every strength."""

STRENGTHS: dict[str, tuple[float, ...]] = {
    "none": (0.0,),
    "l1": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "l2": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "l2_biases": (1e-3, 3e-3, 1e-2, 3e-2),
    "decay": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0),
    "dropout": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "stopping": (32.0, 16.0, 8.0, 4.0, 2.0, 1.0),
    "adam": (0.0,),
    "adam_l2": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "adam_decay": (1e-1, 3e-1, 1.0, 3.0, 10.0),
}
"""By kind, the weakest first. That of early stopping is the epochs trained."""

SETTINGS = [(kind, strength) for kind in STRENGTHS for strength in STRENGTHS[kind]]
"""All of them, in the order of their numbers."""

Setting = dict[str, Any]


def build(h: Hypers) -> jaxnet.Task:
    """A hidden layer of relu units, with every kind of regularization there is here.

    Args:
      h: "width"; "adam", 1 for Adam and 0 for momentum; "l1" and "l2" on the kernels,
        "bias_l2" on the biases; "decay", decoupled; "dropout"; "steps" to train for.
    """
    lasso, ridge, of_biases = l1(h["l1"]), l2(h["l2"]), l2(h["bias_l2"], "*bias")
    steps, decay = h["steps"], h["decay"]

    def penalty(params: Params) -> Float[Array, ""]:
        return lasso(params) + ridge(params) + of_biases(params)

    def until_stopped(rate: float) -> optax.Schedule:
        return lambda step: jnp.where(jnp.asarray(step) < steps, rate, 0.0)

    momentum = jaxnet.optimizer(
        "momentum", until_stopped(MOMENTUM_RATE), weight_decay=decay
    )
    adam = jaxnet.optimizer("adam", until_stopped(ADAM_RATE), weight_decay=decay)

    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(h["width"]),
            jaxnet.relu,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(10),
        ),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=either(momentum, adam, h["adam"]),
        batch_size=BATCH,
        penalty=penalty,
        metrics={"accuracy": jaxnet.accuracy},
    )


def either(
    first: optax.GradientTransformation,
    second: optax.GradientTransformation,
    share: float | Float[Array, ""],
) -> optax.GradientTransformation:
    """The first rule where the share is 0 and the second where it is 1.

    As a number that is traced, the choice of a rule needs no program of its own.
    """

    def init(params: Params) -> optax.OptState:
        return first.init(params), second.init(params)

    def update(
        updates: Params, state: Any, params: Params = None
    ) -> tuple[Params, optax.OptState]:
        a, first_state = first.update(updates, state[0], params)
        b, second_state = second.update(updates, state[1], params)
        picked = jax.tree.map(lambda a, b: jnp.where(share > 0, b, a), a, b)
        return picked, (first_state, second_state)

    return optax.GradientTransformation(init, update)


def setting(config: Config, train: Batch, kind: str, strength: float) -> Setting:
    """The hyperparameters of a kind of regularization at a strength."""
    steps_per_epoch = len(train[1]) // BATCH
    epochs = float(config.epochs)
    h = {"l1": 0.0, "l2": 0.0, "bias_l2": 0.0, "decay": 0.0, "dropout": 0.0}
    if kind == "stopping":
        epochs = min(epochs, strength)
    elif kind == "l2_biases":
        h |= {"l2": strength, "bias_l2": strength}
    elif kind not in ("none", "adam"):
        h[kind.removeprefix("adam_")] = strength
    h |= {"steps": epochs * steps_per_epoch, "adam": float(kind.startswith("adam"))}
    return h | {"width": config.width}


@dataclass(frozen=True)
class Study:
    """All settings on the digits of one seed.

    Attributes:
      sweep: the runs; trial i is the setting of number i.
      test: nothing is chosen by it.
    """

    sweep: Sweep
    test: Batch

    def curve(self, name: str, kind: str, strength: float) -> np.ndarray:
        """A metric by the names of `fit`'s history, (epochs,)."""
        return self.sweep.runs.curves[name][SETTINGS.index((kind, strength))]

    def errors(self, kind: str) -> np.ndarray:
        """Validation error at each strength, in percent."""
        accuracy = self.sweep.runs.curves["validation_accuracy"][:, -1].astype(float)
        return 100.0 * (1.0 - accuracy[[SETTINGS.index(one) for one in of_kind(kind)]])

    def error(self, kind: str, strength: float) -> float:
        """Validation error of a setting, in percent."""
        return float(self.errors(kind)[STRENGTHS[kind].index(strength)])

    def chosen(self, kind: str) -> float:
        """The strength with the lowest validation error, the weakest among equals."""
        # What diverged is no candidate.
        return STRENGTHS[kind][int(np.nanargmin(self.errors(kind)))]

    def member(self, kind: str, strength: float) -> jaxnet.Fit:
        """The trained net of a setting."""
        trial = SETTINGS.index((kind, strength))
        (place,) = np.flatnonzero(self.sweep.trials == trial)
        return self.sweep.member(int(place))

    def on_test(self, kind: str, strength: float) -> dict[str, float]:
        """The "error", in percent, and the "loss" on the test set."""
        found = self.member(kind, strength).evaluate(self.test)
        return {"error": 100.0 * (1.0 - found["accuracy"]), "loss": found["loss"]}


def of_kind(kind: str) -> list[tuple[str, float]]:
    """The settings of a kind, the weakest first."""
    return [(kind, strength) for strength in STRENGTHS[kind]]


def study(
    config: Config, train: Batch, validation: Batch, test: Batch, seed: int
) -> Study:
    """Trains every setting, all from the same weights and in the same order."""
    sweep = jaxnet.sweep(
        build,
        [setting(config, train, *one) for one in SETTINGS],
        train,
        validation,
        key=jax.random.fold_in(jax.random.key(seed), 1),
        epochs=config.epochs,
        devices=config.devices or None,
        progress=False,
    )
    # On the host, where a member is found faster than on several devices.
    runs = replace(sweep.runs, stacks=jax.device_get(sweep.runs.stacks))
    return Study(replace(sweep, runs=runs), test)


def best_on_average(studies: Sequence[Study], kind: str) -> float:
    """The strength with the lowest mean validation error over the seeds."""
    errors = np.mean([one.errors(kind) for one in studies], axis=0)
    return STRENGTHS[kind][int(np.nanargmin(errors))]
