"""The options of the learning-rate experiment."""

from dataclasses import dataclass

from experiments.common.options import (
    check_fields,
    option,
    seed_option,
    seeds_option,
)


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers."""

    rates: int = option(25, "learning rates of the net, 0.001 to 1", at_least=7)
    epochs: int = option(200, "passes over the points", at_least=10, quick=100)
    points: int = option(256, "training examples, of a sine with noise", at_least=8)
    batch_size: int = option(8, "examples per step", at_least=1)
    width: int = option(64, "tanh units in the net's hidden layer", at_least=1)
    settings: int = option(
        128, "settings in which all hyperparameters vary", at_least=32, quick=64
    )
    widths: tuple[int, ...] = option(
        (16, 64), "their widths, in turn", quick=(16,), at_least=1
    )
    settings_epochs: int = option(50, "their passes over the points", at_least=1)
    devices: int = option(0, "to train on; 0 for one for each core", at_least=0)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=4)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        if self.batch_size > self.points:
            problems.append(
                f"batch_size={self.batch_size} is larger than points={self.points}. "
                "Use at most as many."
            )
        check_fields(self, *problems)
