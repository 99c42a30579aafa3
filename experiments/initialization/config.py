"""The options of the initialization experiment."""

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

    depths: tuple[int, ...] = option(
        (2, 8, 32),
        "hidden layers of the nets that are trained",
        at_least=2,
        quick=(2, 8),
    )
    width: int = option(16, "units in each of their layers", at_least=2)
    epochs: int = option(3, "passes over the digits", at_least=1, quick=2)
    rates: tuple[float, ...] = option(
        (0.01, 0.1), "learning rates to choose from", above=0.0
    )
    layers: int = option(32, "layers that signals go through", at_least=4, quick=16)
    units: int = option(100, "units in each of these layers", at_least=2)
    seed: int = seed_option()
    seeds: int = seeds_option(10, quick=3)

    def __post_init__(self):
        problems = []
        if self.seeds == 1:
            problems.append("seeds=1 gives no interval. Use 2 or more.")
        if isinstance(self.depths, tuple) and sorted(set(self.depths)) != [
            *self.depths
        ]:
            problems.append(f"depths should rise, each there once, got {self.depths}.")
        check_fields(self, *problems)
