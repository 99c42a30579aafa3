"""The options of the two-layer experiment."""

from dataclasses import dataclass

from experiments.common.options import (
    check_fields,
    option,
    seed_option,
    seeds_option,
)


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers; the defaults are the lecture's."""

    steps: int = option(500, "of Adam, PyTorch's net", at_least=1)
    learning_rate: float = option(1e-4, "of Adam", above=0.0)
    keras_steps: int = option(50, "of gradient descent, Keras's net", at_least=1)
    keras_learning_rate: float = option(1.0, "of gradient descent", above=0.0)
    width: int = option(100, "units in the hidden layer", at_least=1)
    timed_widths: tuple[int, ...] = option(
        (100, 1000), "units of the nets that are timed", quick=(100,), at_least=1
    )
    timed_steps: int = option(10, "steps in a turn", at_least=2)
    rounds: int = option(10, "turns of each way", quick=4, at_least=3)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
