"""Which checkpoints there are in a folder: one folder of its own for each step."""

import os
import re
from pathlib import Path
from typing import Any

from jaxnet.checkpoint.files import DamageError, check_files, read_manifest


def steps(folder: str | Path) -> list[int]:
    """The steps of the checkpoints in a folder, damaged ones too, oldest first."""
    if not Path(folder).is_dir():
        return []
    found = (re.fullmatch(r"step_(\d{8,18})", name) for name in os.listdir(folder))
    numbers = {match[0]: int(match[1]) for match in found if match}
    return sorted(n for name, n in numbers.items() if folder_of(folder, n).name == name)


def latest(folder: str | Path) -> int | None:
    """The step of the last checkpoint; None if there is none."""
    return max(steps(folder), default=None)


def best(folder: str | Path) -> int | None:
    """The step of the last checkpoint that was marked as the best; None for none."""
    folder = Path(folder)
    return next((s for s in reversed(steps(folder)) if _is_best(folder, s)), None)


def folder_of(folder: str | Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return Path(folder) / f"step_{step:08d}"


def manifest_of(folder: Path, step: int) -> dict[str, Any]:
    """The manifest of a checkpoint; DamageError if there is something wrong with it."""
    here = folder_of(folder, step)
    manifest = read_manifest(here)
    if manifest["step"] != step:
        raise DamageError(f"{here} is of step {manifest['step']}, and was renamed.")
    return manifest


def is_intact(folder: Path, step: int) -> bool:
    """Whether all files of a checkpoint are what was written."""
    try:
        check_files(folder_of(folder, step), manifest_of(folder, step))
    except (DamageError, OSError):
        return False
    return True


def _is_best(folder: Path, step: int) -> bool:
    try:
        return manifest_of(folder, step)["best"]
    except (DamageError, OSError):
        return False
