"""The files of one checkpoint: a list of them with checksums, and what is allowed.

A checkpoint is a folder of five files. The manifest has the size and the SHA-256 of
the four others, and its own. All of that is checked before anything else reads a
file, so a damaged one is never more than an error that names it.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from jaxnet.checkpoint.packing import Index

META = "meta.json"
ARRAYS = "arrays"
DATA = f"{ARRAYS}/leaves/0"
FILES = (META, f"{ARRAYS}/_METADATA", f"{ARRAYS}/leaves/.zarray", DATA)
"""All that a checkpoint holds beside its manifest: JSON, but for the data."""

MANIFEST = "manifest.json"

LARGEST_JSON = 64 * 2**20
"""Bytes of JSON that are read at most; arrays belong into the tree."""


class DamageError(ValueError):
    """A file of a checkpoint is not what was written."""


def write_json(path: Path, value: Any) -> None:
    """Writes a value as JSON.

    Raises:
      ValueError: if JSON cannot hold it, or it would not be read again.
    """
    try:
        text = json.dumps(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(
            f"{path.name} holds what JSON does, and that is not so: {error}. Convert "
            "arrays with tolist, or put them into the tree."
        ) from None
    if len(text) > LARGEST_JSON:
        raise ValueError(
            f"{path.name} would have {len(text):,} bytes, and at most "
            f"{LARGEST_JSON:,} are read. Put arrays into the tree."
        )
    path.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """What a file of JSON holds.

    Raises:
      DamageError: if it is none, or too large.
    """
    _check_regular(path)
    _check_readable(path, path.stat().st_size)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamageError(f"{path} is not JSON: {error}.") from None


def write_manifest(folder: Path, step: int, best: bool, leaves: Index) -> None:
    """Writes the list of all files, each with its size and SHA-256.

    Args:
      folder: of the checkpoint, with the files in it.
      step: of the checkpoint.
      best: whether it is marked as the best.
      leaves: what is in the array.
    """
    files = {name: _checksum(folder / name) for name in FILES}
    about = {"step": step, "best": best, "leaves": leaves, "files": files}
    write_json(folder / MANIFEST, {"sha256": _own(about), "manifest": about})


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the manifest says; of the other files only the names are looked at.

    Raises:
      DamageError: if a file is missing, there is another, or one is no plain file; or
        if the manifest is not what was written.
    """
    _check_names(folder)
    path = folder / MANIFEST
    found = read_json(path)
    manifest = found.get("manifest") if isinstance(found, dict) else None
    if not _is_manifest(manifest) or found.get("sha256") != _own(manifest):
        raise DamageError(f"{path} has changed since it was written.")
    return manifest


def check_files(folder: Path, manifest: Any, names: Iterable[str] = FILES) -> None:
    """Raises DamageError if a file has another size or SHA-256 than it had."""
    for name in names:
        path, size = folder / name, manifest["files"][name][0]
        if name != DATA:
            _check_readable(path, size)
        if path.stat().st_size != size:
            raise DamageError(
                f"{path} has {path.stat().st_size:,} bytes, and {size:,} were written."
            )
    for name in names:
        if _checksum(folder / name) != manifest["files"][name]:
            raise DamageError(f"{folder / name} has changed since it was written.")


def sync(folder: Path) -> None:
    """Waits until all files and folders in it, and itself, are on the disk."""
    for inner, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync_one(Path(inner, name))
        sync_one(Path(inner))


def sync_one(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checksum(path: Path) -> list[Any]:
    """Size and SHA-256, as JSON holds them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return [file.tell(), digest]


def _is_manifest(found: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it has the form of what `write_manifest` writes."""
    if not isinstance(found, dict) or found.keys() != {
        "step",
        "best",
        "leaves",
        "files",
    }:
        return False
    files, leaves = found["files"], found["leaves"]
    return (
        type(found["step"]) is int
        and type(found["best"]) is bool
        and isinstance(files, dict)
        and files.keys() == set(FILES)
        and all(_has_types(one, int, str) for one in files.values())
        and isinstance(leaves, list)
        and all(_has_types(one, str, str, list) for one in leaves)
    )


def _has_types(value: Any, *types: type) -> bool:
    return isinstance(value, list) and [type(part) for part in value] == [*types]


def _own(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _check_names(folder: Path) -> None:
    """Raises DamageError unless exactly the files are there that should be."""
    due = {Path(MANIFEST), *map(Path, FILES)}
    folders = {parent for path in due for parent in path.parents}
    left = set(due)
    for inner in sorted(folders):
        _check_folder(folder / inner)
        for name in os.listdir(folder / inner):
            path = inner / name
            if path in due:
                _check_regular(folder / path)
                left.discard(path)
            elif path not in folders:
                raise DamageError(f"{folder / path} is no file of a checkpoint.")
    if left:
        raise DamageError(f"{folder / min(left)} is missing.")


def _check_readable(path: Path, size: int) -> None:
    if size > LARGEST_JSON:
        raise DamageError(f"{path} has more than {LARGEST_JSON:,} bytes of JSON.")


def _check_folder(path: Path) -> None:
    """Raises DamageError unless it is a folder, and no link to one."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise DamageError(f"{path} is missing.") from None
    if not stat.S_ISDIR(mode):
        raise DamageError(f"{path} is no folder.")


def _check_regular(path: Path) -> None:
    """Raises DamageError unless it is a file: no link, pipe or device."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise DamageError(f"{path} is missing.") from None
    if not stat.S_ISREG(mode):
        raise DamageError(f"{path} is no plain file.")
