"""The options of the augmentation experiment."""

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

    examples: int = option(150, "digits to learn from", at_least=60, below=301)
    width: int = option(64, "relu units in the hidden layer", at_least=2)
    epochs: int = option(15, "passes, each over 4 times as many", at_least=1, quick=3)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
