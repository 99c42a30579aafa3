"""The options of the regression experiment."""

from dataclasses import dataclass
from typing import Literal

from experiments.common.options import (
    check_fields,
    option,
    seed_option,
    seeds_option,
)


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers; the defaults are the lecture's."""

    data: Literal["sine", "diabetes"] = option("sine", "what to fit")
    width: int = option(512, "tanh units in the hidden layer", at_least=1)
    learning_rate: float = option(0.003, "of gradient descent", above=0.0)
    momentum: float = option(0.9, "of gradient descent", at_least=0.0, below=1.0)
    steps: int = option(1847, "gradient steps, each on all training data", at_least=1)
    points: int = option(32, "sine: training examples", at_least=2)
    noise: float = option(0.25, "sine: standard deviation of y's noise", above=0.0)
    widths: tuple[int, ...] = option(
        (1, 3, 8, 32),
        "sine: units in each layer of the nets that under- and overfit",
        quick=(1, 3, 32),
        at_least=1,
    )
    depths: tuple[int, ...] = option(
        (1, 2), "sine: their hidden layers", quick=(2,), at_least=1
    )
    adam_steps: int = option(3000, "sine: their steps, of Adam", at_least=1)
    adam_learning_rate: float = option(0.01, "sine: of Adam", above=0.0)
    patience: int = option(
        200, "diabetes: steps without a better one before training stops", at_least=10
    )
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        check_fields(self)
