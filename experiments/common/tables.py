"""The tables that an experiment prints: metrics, what the lectures say, checks."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common.claims import Claim
from experiments.common.results import Check, Outcome

_COLORS = {"holds": "green", "does not hold": "bold red"}


def all_tables(outcome: Outcome) -> Iterator[Table]:
    """Those that have a row."""
    if outcome.metrics:
        yield metrics_table(outcome.metrics)
    if outcome.claims:
        yield claims_table(outcome.claims)
    if outcome.checks:
        yield checks_table(outcome.checks)


def metrics_table(metrics: dict[str, Any]) -> Table:
    """The numbers among the metrics, with their intervals."""
    intervals = metrics.get("intervals", {})
    table = Table("metric", "mean", "95 % interval", box=None, pad_edge=False)
    for name, value in metrics.items():
        if value is None or isinstance(value, dict | list | tuple | np.ndarray):
            continue
        between = _between(intervals.get(name))
        table.add_row(name, short(value), between)
    return table


def claims_table(claims: Sequence[Claim]) -> Table:
    """What the lectures say, what came out, and whether that is the same."""
    columns = ("lecture", "what", "said", "ours", "95 % interval", "")
    table = Table(*columns, box=None, pad_edge=False)
    for claim in claims:
        verdict = claim.verdict
        color = _COLORS.get(verdict, "yellow")
        table.add_row(
            claim.lecture,
            claim.statement,
            claim.said,
            short(claim.ours),
            _between(claim.interval),
            f"[{color}]{verdict}[/]",
        )
    return table


def checks_table(checks: Sequence[Check]) -> Table:
    """What should hold, and whether it does."""
    table = Table("check", "expected", "got", "", box=None, pad_edge=False)
    for check in checks:
        verdict = "[green]holds[/]" if check.ok else "[bold red]FAILS[/]"
        table.add_row(check.name, check.expected, short(check.got), verdict)
    return table


def short(value: Any) -> str:
    """A number as a person would write it, and all else as it is."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(short(entry) for entry in value) + "]"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _between(ends: Sequence[float] | None) -> str:
    low, high = ends if ends is not None else (math.nan, math.nan)
    known = math.isfinite(low) and math.isfinite(high)
    return f"{short(low)} to {short(high)}" if known else ""
