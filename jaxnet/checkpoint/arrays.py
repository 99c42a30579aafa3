"""An array of bytes in a folder, as orbax writes and reads it.

It is not compressed and is one chunk, so that its file has as many bytes as the
array; what the folder says of itself is checked before orbax reads it. Then no
folder, whoever made it, can take more memory than its files have bytes.
"""

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jaxnet.checkpoint.files import DamageError, read_json

NAME = "leaves"
"""Of the array in orbax's tree."""

Result = TypeVar("Result")


def write_array(folder: Path, data: np.ndarray) -> None:
    """Writes bytes, at least one, into a new folder.

    Raises:
      OSError: if the file system refuses.
    """
    from etils import epath
    from orbax.checkpoint import args

    saved = args.PyTreeSave({NAME: data})
    folder.mkdir()
    path = epath.Path(folder.absolute())
    try:
        _alone(lambda: _handler().save(path, args=saved))
    except Exception as error:
        # What the file system says comes as an error of another kind.
        known = re.search(r"os_error_code='(\d+)'", str(error))
        if known is None:
            raise
        raise OSError(int(known[1]), os.strerror(int(known[1]))) from None
    try:
        check_array(folder, len(data))
    except DamageError as error:
        raise RuntimeError(f"this version of orbax writes otherwise: {error}") from None


def read_array(folder: Path, size: int) -> np.ndarray:
    """The bytes that were written.

    Raises:
      DamageError: if the folder holds anything else than as many bytes as that.
    """
    from etils import epath
    from orbax.checkpoint import RestoreArgs, args

    check_array(folder, size)
    plain = {NAME: RestoreArgs(restore_type=np.ndarray)}
    restore = args.PyTreeRestore(restore_args=plain)
    path = epath.Path(folder.absolute())
    try:
        return _alone(lambda: _handler().restore(path, args=restore))[NAME]
    except Exception as error:
        raise DamageError(f"{folder} cannot be read: {error}") from error


def check_array(folder: Path, size: int) -> None:
    """Raises DamageError unless a folder holds ``size`` bytes as they are."""
    about = folder / "_METADATA"
    found = read_json(about)
    ours = isinstance(found, dict) and list(found.get("tree_metadata", ())) == [
        str((NAME,))
    ]
    if not ours or found.get("use_ocdbt") or found.get("use_zarr3"):
        raise DamageError(f"{about} is not of an array of bytes.")
    about = folder / NAME / ".zarray"
    due = {
        "chunks": [size],
        "compressor": None,
        "dimension_separator": ".",
        "dtype": "|u1",
        "fill_value": None,
        "filters": None,
        "order": "C",
        "shape": [size],
        "zarr_format": 2,
    }
    if read_json(about) != due:
        raise DamageError(f"{about} is not of {size:,} bytes as they are.")
    if (folder / NAME / "0").stat().st_size != size:
        raise DamageError(f"{folder / NAME / '0'} does not have {size:,} bytes.")


def _handler() -> Any:
    from orbax.checkpoint import PyTreeCheckpointHandler

    return PyTreeCheckpointHandler(use_ocdbt=False, use_compression=False)


def _alone(call: Callable[[], Result]) -> Result:
    """Calls orbax in a thread of its own, since it changes the thread's event loop."""
    with _quiet(), ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps orbax from logging each error, with its traceback, before it raises it."""
    logger = logging.getLogger("absl")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
