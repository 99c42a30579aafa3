"""The options of the optimizers experiment."""

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

    epochs: int = option(15, "passes over the digits in the race", at_least=1, quick=4)
    rates: int = option(
        6, "learning rates for each rule, two a power of ten", at_least=2, quick=4
    )
    rounds: int = option(
        100_000, "of the game that Adam loses", at_least=1000, quick=20_000
    )
    devices: int = option(0, "to train on; 0 for one for each core", at_least=0)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
