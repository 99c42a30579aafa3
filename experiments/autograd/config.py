"""The options of the autograd experiment."""

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

    points: int = option(64, "where differences are taken, a seed", at_least=1)
    inputs: int = option(128, "of a neuron, where loops are timed", at_least=1)
    neurons: int = option(64, "in a layer, where loops are timed", at_least=1)
    batch: int = option(32, "examples, where loops are timed", at_least=1)
    rounds: int = option(20, "timings of each way", at_least=2, quick=10)
    steps: int = option(8, "of the sequence of the LSTM", at_least=1)
    seed: int = seed_option()
    seeds: int = seeds_option(20, quick=10)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
