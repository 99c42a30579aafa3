"""What the turns of a case say: medians, ratios and shares of the machine's limit."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.benchmark.case import PRODUCTS, Case, Turn
from experiments.common.results import Check, check

Turns = dict[str, list[Turn]]
"""Those of each contestant, ours first, one for each round."""


class Spread(NamedTuple):
    """What one number was over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The median and the range of values."""
        return cls(statistics.median(values), min(values), max(values))


class Row(NamedTuple):
    """A contestant beside ours.

    Attributes:
      contestant: its name.
      value: what it measured.
      ratio: of our measurement to its own in the same round; less is better for us.
      share: of the machine's limit that it reaches; NaN if that is not measured.
      score: of what it made; NaN if the case has none.
    """

    contestant: str
    value: Spread
    ratio: Spread
    share: float
    score: Spread


def compare(turns: Turns) -> list[Row]:
    """A row for each contestant, ours first.

    >>> turns = {"ours": [Turn(1.0), Turn(2.0)], "theirs": [Turn(4.0), Turn(4.0)]}
    >>> compare(turns)[1].ratio
    Spread(median=0.375, low=0.25, high=0.5)
    """
    ours, limit = next(iter(turns.values())), turns.get(PRODUCTS)
    rows = []
    for contestant, its in turns.items():
        share = math.nan
        if limit is not None:
            share = statistics.median(_ratios(limit, its))
        rows.append(
            Row(
                contestant,
                Spread.of([turn.value for turn in its]),
                Spread.of(_ratios(ours, its)),
                share,
                Spread.of([turn.score for turn in its]),
            )
        )
    return rows


def checks_of(name: str, case: Case, rows: Sequence[Row]) -> list[Check]:
    """What the project expects of a case, and whether it is so."""
    ours, *others = rows
    found = []
    for row in others:
        if row.contestant in case.targets:
            label = f"{name}: {ours.contestant} / {row.contestant}"
            limit = case.targets[row.contestant]
            found.append(check(label, row.ratio.median, "<=", limit))
    if case.enough is not None:
        for row in rows:
            label = f"{name}: {row.contestant}, lowest {case.score}"
            found.append(check(label, row.score.low, ">=", case.enough))
    elif case.score:
        best = max(row.score.median for row in others)
        label = f"{name}: {ours.contestant}, {case.score} and the best of the others"
        found.append(check(label, ours.score.median, ">=", best))
    return found


def record(case: Case, rows: Sequence[Row], turns: Turns) -> dict[str, Any]:
    """A case for the result file, with all that was measured."""
    return {
        row.contestant: {
            "unit": case.unit,
            "median": row.value.median,
            "range": [row.value.low, row.value.high],
            "ratio": row.ratio.median,
            "ratio_range": [row.ratio.low, row.ratio.high],
            "share_of_limit": row.share,
            "score": row.score.median,
            "score_range": [row.score.low, row.score.high],
            "turns": turns[row.contestant],
        }
        for row in rows
    }


def _ratios(upper: Sequence[Turn], lower: Sequence[Turn]) -> list[float]:
    return [a.value / b.value for a, b in zip(upper, lower, strict=True)]
