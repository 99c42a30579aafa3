"""The options of the experiment on batch sizes."""

from dataclasses import dataclass
from itertools import pairwise

from experiments.common.options import (
    check_fields,
    option,
    seed_option,
    seeds_option,
)

EXAMPLES = 1024
"""Training examples: N, a power of two, so that every batch size divides it."""

CHUNK = 20
"""No slower than as many as fit, and all batch sizes start by one program."""


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers."""

    batch_sizes: tuple[int, ...] = option(
        (4, 16, 64, 256, 1024), "of the grid", at_least=1, quick=(16, 64, 1024)
    )
    epochs: int = option(20, "passes over the digits in the grid", at_least=2, quick=8)
    warm_up: int = option(5, "epochs in which the rate climbs", at_least=1, quick=2)
    long_epochs: int = option(
        60, "passes with decay or growth, a multiple of 3", at_least=6, quick=12
    )
    label_noise: float = option(
        0.2, "share of the training labels drawn at random", at_least=0.0, below=1.0
    )
    devices: int = option(0, "to train on; 0 for one for each core", at_least=0)
    chunk: int = option(
        CHUNK, "members at a time; 0 for as many as fit", at_least=0, quick=1
    )
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        sizes = self.batch_sizes
        if isinstance(sizes, tuple) and all(type(size) is int for size in sizes):
            if len(sizes) < 3 or any(a >= b for a, b in pairwise(sizes)):
                problems.append(
                    f"batch_sizes should be at least 3 that increase, got {sizes}."
                )
            if any(size < 1 or EXAMPLES % size for size in sizes):
                problems.append(f"batch_sizes should divide {EXAMPLES}, got {sizes}.")
        if type(self.long_epochs) is int and self.long_epochs % 3:
            problems.append(
                f"long_epochs should be a multiple of 3, got {self.long_epochs}."
            )
        if self.warm_up > self.epochs:
            problems.append(
                f"warm_up={self.warm_up} should be at most epochs={self.epochs}."
            )
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        check_fields(self, *problems)
