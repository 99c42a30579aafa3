"""The options of the regularization experiment."""

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

    examples: int = option(150, "digits to learn from", at_least=50, below=1001)
    width: int = option(64, "relu units in the hidden layer", at_least=2)
    epochs: int = option(40, "passes over the digits", at_least=2, quick=12)
    noise: float = option(
        0.2, "share of wrong labels in the second task", above=0.0, below=0.9
    )
    devices: int = option(0, "to train on; 0 for one for each core", at_least=0)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
