"""Reading checkpoints.

    tree, meta = load("runs/a/checkpoint", like={"state": state, "epoch": 0})

Nothing is read before the checksums of all files have been compared, and nothing that
is read can run code. A damaged checkpoint is refused and named: whether to go back to
an older one is for a person to say.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxnet.checkpoint.arrays import read_array
from jaxnet.checkpoint.files import (
    ARRAYS,
    DATA,
    META,
    DamageError,
    check_files,
    read_json,
)
from jaxnet.checkpoint.folders import folder_of, is_intact, manifest_of, steps
from jaxnet.checkpoint.packing import check_index, index_of, size_of, unpack


def load_meta(folder: str | Path, step: int | None = None) -> Any:
    """What was saved beside the arrays of a checkpoint, which are not read.

    Args:
      folder: of the checkpoints.
      step: which; None for the last.

    Raises:
      ValueError: if there is no such checkpoint, or it is damaged.
    """
    folder, step = _chosen(folder, step)
    with _way_back(folder, step):
        here = folder_of(folder, step)
        check_files(here, manifest_of(folder, step), [META])
        return read_json(here / META)


def load(folder: str | Path, like: Any, step: int | None = None) -> tuple[Any, Any]:
    """Reads a checkpoint.

    Args:
      folder: of the checkpoints.
      like: a tree with the structure, shapes and dtypes that are due. Where it has
        arrays of NumPy or Python numbers there will be such; for all other leaves,
        such as ``jax.ShapeDtypeStruct``, JAX arrays with the leaf's sharding, if it
        has one.
      step: which; None for the last.

    Returns:
      The tree, and what was saved beside it.

    Raises:
      ValueError: if there is no such checkpoint; if it is damaged, with the name of
        the file and of the checkpoint to go back to; or if it does not fit ``like``,
        with the paths of the leaves.
    """
    folder, step = _chosen(folder, step)
    here = folder_of(folder, step)
    with _way_back(folder, step):
        manifest = manifest_of(folder, step)
    try:
        check_index(manifest["leaves"], index_of(like))
    except ValueError as error:
        raise ValueError(f"{here} is of another tree:\n{error}") from None
    with _way_back(folder, step):
        size = manifest["files"][DATA][0]
        if size != size_of(like):  # Before anyone reads so many.
            due = f"{size_of(like):,} are due"
            raise DamageError(f"{here / DATA} has {size:,} bytes, and {due}.")
        check_files(here, manifest)
        meta = read_json(here / META)
        data = read_array(here / ARRAYS, size)
    return unpack(data, like), meta


def _chosen(folder: str | Path, step: int | None) -> tuple[Path, int]:
    folder, there = Path(folder), steps(folder)
    if not there:
        raise ValueError(f"{folder} has no checkpoint.")
    if step is None:
        return folder, there[-1]
    if step not in there:
        raise ValueError(f"{folder} has no checkpoint of step {step}, but of {there}.")
    return folder, step


@contextlib.contextmanager
def _way_back(folder: Path, step: int) -> Iterator[None]:
    """Adds to what is wrong with a checkpoint which older one to go back to."""
    try:
        yield
    except DamageError as error:
        older = [s for s in reversed(steps(folder)) if s < step]
        intact = next((s for s in older if is_intact(folder, s)), None)
        hint = "No older checkpoint there is intact."
        if intact is not None:
            worse = [folder_of(folder, s).name for s in steps(folder) if s > intact]
            hint = (
                f"The checkpoint of step {intact} is intact: to go on from it, remove "
                f"{', '.join(worse)} from {folder}."
            )
        raise ValueError(f"{error} {hint}") from None
