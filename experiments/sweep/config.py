"""The options of the sweep experiment."""

from dataclasses import dataclass
from typing import Literal

from experiments.common.options import (
    check_fields,
    option,
    seed_option,
    seeds_option,
)


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers."""

    problem: Literal["regression", "digits", "newsgroups"] = option(
        "digits", "what to search good hyperparameters for"
    )
    search: Literal["random", "grid", "sobol", "optuna"] = option(
        "random", "how settings are chosen"
    )
    trials: int = option(64, "settings in each round", quick=8, at_least=1)
    rounds: int = option(1, "from a coarse space to a finer one", at_least=1)
    halving: int = option(
        0, "one setting in so many goes on, again and again; 0 for all", at_least=0
    )
    epochs: int | None = option(
        None, "in the last round; none for the problem's own", at_least=1
    )
    chunk: str = option("auto", "members that a device trains at a time, or auto")
    devices: int = option(0, "to train on; 0 for one for each core", at_least=0)
    corpus: str = option(
        "auto", "newsgroups: auto, sample, a data set on the hub, a file, or a folder"
    )
    plan: bool = option(False, "show what would be done, and do nothing")
    seed: int = seed_option()
    seeds: int = seeds_option(3, quick=2)

    def __post_init__(self):
        problems = []
        if self.chunk != "auto" and (not self.chunk.isdecimal() or self.chunk == "0"):
            problems.append(
                f"chunk should be auto or an int of at least 1, got {self.chunk!r}."
            )
        if self.halving == 1:
            problems.append("halving=1 would drop nobody. Use 3, or 0 for no halving.")
        if self.corpus != "auto" and self.problem != "newsgroups":
            problems.append("corpus is not used: add --problem newsgroups.")
        check_fields(self, *problems)

    @property
    def most_members(self) -> int | Literal["auto"]:
        """What ``chunk`` says, as a number if it is one."""
        return int(self.chunk) if self.chunk.isdecimal() else "auto"
