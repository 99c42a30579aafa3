"""What is trained: a small net for the digits, of which some have a wrong label.

Without wrong labels the net soon fits every example, and as all gradients vanish there
so does their noise. Real data have a floor, and the noise of the labels makes one.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnet
from experiments.batch_size.config import EXAMPLES, Config
from experiments.common.results import describe
from experiments.sweep import digits
from jaxnet.schedules import Number
from jaxnet.types import Batch

CLASSES = 10

WIDTH = 32
"""Units in the hidden layer."""


class Data(NamedTuple):
    """The digits.

    Attributes:
      train: 1,024 examples, some of them with a label drawn at random.
      validation: as they are.
      described: for the result file.
    """

    train: Batch
    validation: Batch
    described: dict[str, Any]


def load(config: Config) -> Data:
    """The digits of the first seed: all runs learn from the same examples."""
    problem = digits.load(config.seed)
    x, y = (np.asarray(a)[:EXAMPLES] for a in problem.train)
    generator = np.random.default_rng(config.seed)
    drawn = generator.random(EXAMPLES) < config.label_noise
    y = np.where(drawn, generator.integers(0, CLASSES, EXAMPLES), y).astype(np.int32)
    train, validation = (x, y), jax.device_get(problem.validation)
    sizes = {"train": EXAMPLES, "validation": len(validation[1])}
    described = describe("digits", (train, validation), **sizes)
    return Data(train, validation, described)


def task(
    learning_rate: Number | optax.Schedule,
    batch_size: int | dict[int, int],
    *listeners: optax.GradientTransformation,
) -> jaxnet.Task:
    """One hidden layer of relu units, trained by plain gradient descent.

    Plain, so that a step is the rate times the gradient and nothing else.

    Args:
      learning_rate: a number, or a function of the step.
      batch_size: examples in a step; or from which epoch on how many.
      *listeners: what changes the step after that.
    """
    return jaxnet.Task(
        model=jaxnet.mlp(WIDTH, CLASSES),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=optax.chain(jaxnet.optimizer("sgd", learning_rate), *listeners),
        batch_size=batch_size,
        metrics={"accuracy": jaxnet.accuracy},
    )
