"""The options of the newsgroups experiment."""

from dataclasses import dataclass
from typing import Literal

from experiments.common.options import (
    check_fields,
    option,
    seed_option,
    seeds_option,
)
from experiments.newsgroups.stripping import PARTS
from jaxnet.checks import check_choice


@dataclass(frozen=True)
class Config:
    """Everything that determines the numbers; the defaults are the lecture's."""

    corpus: str = option(
        "auto",
        "auto, sample, the id of a data set on the hub, a file, or a folder",
    )
    strip: str = option("", "what to take out of posts: headers,footers,quotes")
    test_fraction: float = option(
        0.4, "test posts, where a corpus has none of its own", above=0.0, below=1.0
    )
    validation_fraction: float = option(
        0.05, "validation posts, taken from the training posts", above=0.0, below=1.0
    )
    features: Literal["lsa", "vectors"] = option("lsa", "what a net sees of a post")
    vectors: str | None = option(None, "the file of word vectors: text, .bin or .npy")
    model: Literal["lecture", "low-level", "linear", "best"] = option(
        "lecture", "which model to train"
    )
    dropout: float = option(0.0, "of hidden units", at_least=0.0, below=1.0)
    l2: float = option(0.0, "L2 penalty, added to the gradient", at_least=0.0)
    weight_decay: float = option(0.0, "decoupled weight decay", at_least=0.0)
    learning_rate: float = option(1e-3, "of Adam", above=0.0)
    batch_size: int = option(512, "posts in a step", at_least=1)
    epochs: int = option(10, "passes over the training posts", at_least=1, quick=3)
    compare_dropout: bool = option(False, "train each seed with and without dropout")
    compare_decay: bool = option(
        False, "train each seed without decay, with L2 alone and with decoupled alone"
    )
    seed: int = seed_option()
    seeds: int = seeds_option(1, quick=1)

    def __post_init__(self):
        problems = []
        for part in self.parts_to_strip:
            try:
                check_choice("strip", part, PARTS)
            except ValueError as error:
                problems.append(str(error))
        if self.features == "vectors" and self.vectors is None:
            problems.append("features=vectors needs a file of them: --vectors FILE.")
        if self.vectors is not None and self.features != "vectors":
            problems.append("vectors are given but not used: add --features vectors.")
        for name in ("compare_dropout", "compare_decay"):
            if getattr(self, name) and self.seeds < 2:
                problems.append(
                    f"{name} needs at least 2 seeds for an interval, got "
                    f"seeds={self.seeds}."
                )
        if self.compare_dropout and self.compare_decay:
            problems.append("compare_dropout and compare_decay: one at a time.")
        if self.compare_dropout and self.model in ("linear", "best"):
            problems.append(f"model={self.model!r} has no hidden unit to drop.")
        if self.compare_decay and self.model == "best":
            problems.append("model='best' has a decay of its own: nothing to compare.")
        check_fields(self, *problems)

    @property
    def parts_to_strip(self) -> tuple[str, ...]:
        """The words of ``strip``."""
        return tuple(part.strip() for part in self.strip.split(",") if part.strip())
