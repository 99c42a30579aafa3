"""Checksums of a run's files, so that no byte that changed on disk goes unseen.

Weights with a flipped bit are still weights: without a checksum they would give
another answer and no error. These guard against accidents, not against forgery.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def sums_of(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of files, by their paths within a folder."""
    return {path.relative_to(folder).as_posix(): _sum_of(path) for path in files}


def check_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Compares files with what `sums_of` said.

    Raises:
      ValueError: naming the first file that cannot be read, or is another.
    """
    for name, due in sums.items():
        path = folder / name
        try:
            found = _sum_of(path)
        except OSError as error:
            raise ValueError(
                f"{path} cannot be read: {error.strerror}. Train again."
            ) from error
        if found != due:
            raise ValueError(
                f"{path} is damaged, or of another run: its checksum is not the one "
                "that was noted when the run was saved. Train again."
            )


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of JSON's types, with its own checksum as "sha256"."""
    return {**record, "sha256": _seal_of(record)}


def is_intact(record: Mapping[str, Any]) -> bool:
    """Whether a record that was `sealed` is as it was."""
    rest = {name: value for name, value in record.items() if name != "sha256"}
    return record.get("sha256") == _seal_of(rest)


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal_of(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
