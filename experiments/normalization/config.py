"""The options of the normalization experiment."""

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

    layers: int = option(4, "hidden layers of the nets for the digits", at_least=2)
    width: int = option(32, "units in each of them", at_least=2)
    epochs: int = option(8, "passes over the digits", at_least=2, quick=3)
    rates: tuple[float, ...] = option(
        (0.003, 0.01, 0.03, 0.1, 0.3, 1.0), "learning rates to choose from", above=0.0
    )
    scales: tuple[float, ...] = option(
        (0.1, 10.0), "of the weights, beside 1, He's", above=0.0
    )
    steps: int = option(100, "along which the landscape is seen", at_least=2, quick=40)
    step_size: float = option(0.1, "the learning rate there", above=0.0)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        if isinstance(self.scales, tuple) and 1.0 in self.scales:
            problems.append("scales has 1, which is there anyway. Leave it out.")
        check_fields(self, *problems)
