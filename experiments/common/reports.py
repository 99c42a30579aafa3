"""The end of an experiment: figures, ``result.json``, a table, an exit status."""

import dataclasses
import importlib.metadata
import json
import math
import os
import platform
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.common.cli import Options
from experiments.common.results import Outcome, all_checks, phase
from experiments.common.tables import all_tables
from jaxnet.saving.files import write_whole


def finish(config: Any, options: Options, outcome: Outcome) -> int:
    """Writes ``result.json``, draws the figures and prints a table.

    Of several processes only the first does.

    Returns:
      The exit status: 0 if all checks hold, 1 if one fails.
    """
    status = 0 if all(check.ok for check in all_checks(outcome)) else 1
    if jax.process_index() > 0:
        return status
    seconds = dict(outcome.wall_seconds)
    record = {
        "experiment": options.name,
        "config": dataclasses.asdict(config),
        "versions": versions(),
        "device": device(),
        "data": outcome.data,
        "metrics": outcome.metrics,
        "wall_seconds": seconds,
        "checks": [check._asdict() for check in all_checks(outcome)],
        "claims": [claim._asdict() for claim in outcome.claims],
    }
    # Twice, so that no figure that fails takes the result with it.
    path = write_json(options.out / "result.json", record)
    with phase(seconds, "figures"):
        paths = outcome.draw(options.out)
        if options.tensorboard and outcome.log is not None:
            outcome.log(options.out / "tensorboard")
    write_json(path, record)
    print_report(outcome, seconds, [*paths, path])
    return status


def print_report(
    outcome: Outcome, seconds: dict[str, float], paths: Sequence[Path]
) -> None:
    """Prints tables, times and files; without colours if not on a terminal."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, 120)  # A file is as wide as need be.
    for table in all_tables(outcome):
        console.print(table)
        console.print()
    times = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    names = ", ".join(path.name for path in paths)
    console.print(f"{times}\n{paths[-1].parent}: {names}", markup=False)


def write_json(path: Path, record: Any) -> Path:
    """Writes strict JSON in one piece, so that no reader finds half a file.

    Arrays become lists, and numbers that are not finite become null, since JSON has
    none. What is no data is refused with a TypeError.
    """
    text = json.dumps(_plain(record), indent=2, allow_nan=False) + "\n"
    return write_whole(path, text.encode())


def versions() -> dict[str, str]:
    """The versions of what the numbers depend on."""
    names = ("jax", "jaxlib", "optax", "numpy")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **found, "jaxnet": _own_version()}


def device() -> dict[str, Any]:
    """The hardware that JAX uses."""
    devices = jax.devices()
    return {
        "platform": devices[0].platform,
        "kind": devices[0].device_kind,
        "count": len(devices),
        "cpu_cores": os.cpu_count(),
    }


def _own_version() -> str:
    try:
        return importlib.metadata.version("jaxnet-functional")
    except importlib.metadata.PackageNotFoundError:
        # A checkout that is used without installing it.
        project = Path(__file__).parents[2] / "pyproject.toml"
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]


def _plain(value: Any) -> Any:
    """The same with nothing in it that JSON has not."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _plain(np.asarray(value).tolist())
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a result should be data, got {value!r}. Convert it first.")
