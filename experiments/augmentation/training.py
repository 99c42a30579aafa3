"""The net, every augmentation at every strength, and the sweep of a seed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnet
from experiments.augmentation.config import Config
from experiments.augmentation.data import Problem, sizes
from experiments.augmentation.transforms import TRANSFORMS, augmented
from jaxnet.training import TrainState
from jaxnet.types import Batch, Hypers, PRNGKey

BATCH = 30

RATE = 0.1
"""The first learning rate, the same for every setting."""

STRENGTHS: dict[str, tuple[float, ...]] = {
    "none": (0.0,),
    "together": (0.5, 1.0),
    "nearest": (0.5, 1.0),
    "reflect": (0.5,),
    "translate": (0.5, 1.0),
    "rotate": (10.0, 20.0),
    "scale": (0.1, 0.2),
    "crop": (0.05, 0.1),
    "noise": (0.1, 0.2),
    "occlude": (1.0, 2.0),
}
"""By kind, the weakest first: pixels, degrees, a probability, factors less 1, shares
of a side, a standard deviation, and pixels again.

"together" has a share of each strength in `MIDDLE`, and "nearest" is the same without
interpolation.
"""

MIDDLE = {"translate": 0.5, "rotate": 10.0, "scale": 0.1, "noise": 0.1}

SETTINGS = [(kind, strength) for kind in STRENGTHS for strength in STRENGTHS[kind]]
"""All of them, in the order of their numbers."""

TOGETHER = 6
"""Settings in a sweep; there are three times as many."""

Setting = dict[str, Any]


def build(h: Hypers) -> jaxnet.Task:
    """A hidden layer of relu units that sees augmented images.

    Args:
      h: "width"; a strength by each name in `TRANSFORMS`; "nearest", 1 for no
        interpolation; "steps" in which the learning rate falls to 0.
    """
    strengths = {name: h[name] for name in TRANSFORMS}
    return jaxnet.Task(
        model=jaxnet.sequential(
            augmented(strengths, h["nearest"]),
            jaxnet.flatten,
            jaxnet.dense(h["width"]),
            jaxnet.relu,
            jaxnet.dense(10),
        ),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer(
            "momentum", jaxnet.schedules.cosine(RATE, h["steps"])
        ),
        batch_size=BATCH,
        metrics={"accuracy": jaxnet.accuracy},
    )


def setting(config: Config, kind: str, strength: float) -> Setting:
    """The hyperparameters of a kind of augmentation at a strength."""
    h: Setting = dict.fromkeys(TRANSFORMS, 0.0)
    if kind in ("together", "nearest"):
        h |= {name: strength * middle for name, middle in MIDDLE.items()}
    elif kind != "none":
        h[kind] = strength
    return h | {
        "nearest": float(kind == "nearest"),
        "width": config.width,
        "steps": config.epochs * (sizes(config)[-1] // BATCH),
    }


class Trained(NamedTuple):
    """A net that was trained.

    Attributes:
      error: on validation data, in percent.
      state: as it ended, on the host.
    """

    error: float
    state: TrainState


Study = dict[int, dict[tuple[str, float], Trained]]
"""The nets of one seed: by the size of the training set, kind and strength."""


def study(config: Config, problem: Problem, seed: int) -> Study:
    """Trains every setting, all from the same weights and in the same order.

    On the smaller and the larger training set these are only the first `TOGETHER`.
    """
    key = jax.random.fold_in(jax.random.key(seed), 1)
    found: Study = {}
    for size, train in problem.train.items():
        settings = SETTINGS if size == config.examples else SETTINGS[:TOGETHER]
        found[size] = {}
        # As many at a time each, so that there is one program.
        for start in range(0, len(settings), TOGETHER):
            some = settings[start : start + TOGETHER]
            found[size] |= _train(config, some, train, problem.validation, key)
    return found


def _train(
    config: Config,
    settings: Sequence[tuple[str, float]],
    train: Batch,
    validation: Batch,
    key: PRNGKey,
) -> dict[tuple[str, float], Trained]:
    sweep = jaxnet.sweep(
        build,
        [setting(config, *one) for one in settings],
        train,
        validation,
        key=jax.random.clone(key),  # On purpose the same for all.
        epochs=config.epochs,
        every=config.epochs,
        progress=False,
    )
    errors = 100.0 * (1.0 - sweep.runs.curves["validation_accuracy"][:, -1])
    # One program for all of them, so that there is one stack of members.
    (members,) = jax.device_get(sweep.runs.stacks)
    slots = sweep.runs.place[:, 1]
    return {
        one: Trained(float(error), jax.tree.map(lambda a, i=slot: a[i], members.state))
        for one, error, slot in zip(settings, errors, slots, strict=True)
    }


def chosen(study: Study, size: int, kind: str) -> float:
    """The strength with the lowest validation error, the weakest among equals."""
    errors = [study[size][kind, strength].error for strength in STRENGTHS[kind]]
    # What diverged is no candidate.
    return STRENGTHS[kind][int(np.nanargmin(errors))]
