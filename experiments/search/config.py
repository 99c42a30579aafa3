"""The options of the search experiment."""

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

    trials: int = option(25, "the largest budget", at_least=9, quick=16)
    epochs: int = option(10, "passes over the digits", at_least=1, quick=4)
    functions: int = option(400, "functions to search", at_least=2, quick=100)
    devices: int = option(0, "to train on; 0 for one for each core", at_least=0)
    seed: int = seed_option()
    seeds: int = seeds_option(20, quick=6)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
