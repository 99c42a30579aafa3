"""The table of a case, as plain text that is Markdown as well."""

import math
from collections.abc import Sequence

from experiments.benchmark.case import Case
from experiments.benchmark.comparing import Row, Spread
from experiments.common.tables import short


def table(name: str, case: Case, rows: Sequence[Row]) -> str:
    """A line for each contestant: medians, with their range over the rounds."""
    ours = rows[0].contestant
    heads = [name, case.unit, f"{ours} / it", "share of the limit", case.score]
    lines = [
        [
            row.contestant,
            _spread(row.value),
            "" if row.contestant == ours else _spread(row.ratio),
            "" if math.isnan(row.share) else f"{row.share:.0%}",
            _spread(row.score),
        ]
        for row in rows
    ]
    # Columns that say something.
    kept = [i for i in range(len(heads)) if any(line[i] for line in lines)]
    cells = [[line[i] for i in kept] for line in [heads, *lines]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells
    )


def _spread(spread: Spread) -> str:
    if math.isnan(spread.median):
        return ""
    median, low, high = (short(float(f"{number:.3g}")) for number in spread)
    return median if low == high else f"{median} ({low} to {high})"
