"""The tables of a sweep: for the terminal, and for pandas."""

import io
import math
from typing import Any

import numpy as np

from jaxnet.search.dimensions import plain
from jaxnet.search.showing import shown

SHOWN = 10
"""Trials in the table for the terminal."""


def members_frame(result: Any) -> Any:
    """One row for each member of a `Sweep`, the best trial's first.

    Columns: "rank" of the trial from 1, "trial", "seed", "fold", the hyperparameters
    by name, "status", "epochs", and the metrics where the kept state is from.

    Raises:
      ModuleNotFoundError: if pandas is not installed.
    """
    pandas = _pandas()
    members, plan = result.members, result.plan
    each = plan.seeds * plan.folds
    columns = {
        "rank": np.arange(len(members)) // each + 1,
        "trial": members // each,
        "seed": members // plan.folds % plan.seeds,
        "fold": members % plan.folds,
    }
    names = sorted({name for setting in result.settings for name in setting})
    for name in names:
        values = [cell(setting.get(name)) for setting in result.settings]
        columns[name] = [value for value in values for _ in range(each)]
    columns["status"] = result.status
    columns["epochs"] = result.runs.epochs[members]
    for metric in result.runs.curves:
        columns[metric] = result._kept(metric)[members]
    return pandas.DataFrame(columns)


def curves_frame(result: Any) -> Any:
    """One row for each member, block and metric of a `Sweep`, where it was finite.

    Columns: "trial", "seed", "fold", "epoch", "metric", "value".

    Raises:
      ModuleNotFoundError: if pandas is not installed.
    """
    pandas = _pandas()
    members, plan = result.members, result.plan
    each, parts = plan.seeds * plan.folds, []
    for metric, curve in result.runs.curves.items():
        at, block = np.nonzero(np.isfinite(curve[members]))
        member = members[at]
        parts.append(
            pandas.DataFrame(
                {
                    "trial": member // each,
                    "seed": member // plan.folds % plan.seeds,
                    "fold": member % plan.folds,
                    "epoch": (block + 1) * plan.every,
                    "metric": metric,
                    "value": curve[member, block],
                }
            )
        )
    return pandas.concat(parts, ignore_index=True)


def render(result: Any) -> str:
    """The best trials of a `Sweep` as a table, and a summary in words."""
    from rich.console import Console
    from rich.table import Table

    plan, runs = result.plan, result.runs
    each = plan.seeds * plan.folds
    names = [
        name
        for name in sorted({name for setting in result.settings for name in setting})
        if len({shown(setting.get(name)) for setting in plan.settings}) > 1
    ]
    interval = "95 % interval" if each > 1 else ""
    table = Table(box=None, pad_edge=False)
    for name in ("rank", "trial", *names, result.monitor, interval, "status"):
        table.add_column(name, justify="left" if name == "status" else "right")
    status = result.status
    for i, (trial, setting, score) in enumerate(
        zip(result.trials, result.settings, result.scores, strict=True)
    ):
        if i == SHOWN:
            break
        known = math.isfinite(score.low)
        table.add_row(
            str(i + 1),
            str(trial),
            *(shown(setting.get(name)) for name in names),
            f"{score.mean:.4g}",
            f"{score.low:.4g} to {score.high:.4g}" if known else "",
            _statuses(status[i * each : (i + 1) * each]),
        )
    out = io.StringIO()
    Console(file=out, width=200, highlight=False).print(table)
    members = result.members
    diverged = int((runs.bad_step[members] > 0).sum())
    stopped = int((~runs.active[members] & (runs.bad_step[members] == 0)).sum())
    more = len(result.trials) - SHOWN
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    if more > 0:
        lines.append(f"... and {more:,} more")
    times = ", ".join(f"{name} {value:.1f} s" for name, value in result.seconds.items())
    lines.append(
        f"{len(members):,} members: {len(members) - diverged - stopped:,} done, "
        f"{stopped:,} stopped, {diverged:,} diverged; {times}"
    )
    return "\n".join(lines)


def _statuses(each: list[str]) -> str:
    """The status of one member, or how many of several have which."""
    if len(each) == 1:
        return each[0]
    kinds = [status.split(" at ")[0] for status in each]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def cell(value: Any) -> Any:
    """A hyperparameter as a column of a file can hold it."""
    value = plain(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return shown(value)


def _pandas() -> Any:
    try:
        import pandas
    except ModuleNotFoundError as error:
        error.add_note("Install it with: pip install pandas pyarrow")
        raise
    return pandas
