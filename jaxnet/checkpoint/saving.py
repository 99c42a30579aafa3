"""Writing checkpoints, so that what is killed at any moment loses none of them.

    with writing("runs/a/checkpoint") as checkpoints:
        checkpoints.save(12, {"state": state, "epoch": 12}, {"history": rows})

Three rules hold:

* A checkpoint is written beside the others, brought to the disk, and then renamed. A
  process that is killed at any moment leaves those that were there.
* An older one is removed only when a newer one is in its place.
* One run writes to a folder at a time. The lock is the system's own, and ends with the
  process, however that ends.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxnet.checkpoint.arrays import write_array
from jaxnet.checkpoint.files import (
    ARRAYS,
    META,
    sync,
    sync_one,
    write_json,
    write_manifest,
)
from jaxnet.checkpoint.folders import best as best_step
from jaxnet.checkpoint.folders import folder_of, latest, steps
from jaxnet.checkpoint.packing import index_of, pack
from jaxnet.checks import check_int

LOCK = "lock"
WRITING = ".writing_"
REMOVING = ".removing_"


class Writer:
    """Writes checkpoints to a folder that `writing` has taken.

    Attributes:
      folder: of the checkpoints.
      keep: how many of the last ones to keep.
    """

    def __init__(self, folder: Path, keep: int):
        self.folder, self.keep = folder, keep

    def save(
        self, step: int, tree: Any, meta: Any = None, *, best: bool = False
    ) -> None:
        """Writes a checkpoint, and removes those that are not to be kept.

        When it returns, the checkpoint is on the disk. If it raises, those that were
        there still are, and nothing in memory has changed.

        Args:
          step: its number, larger than that of the last one in the folder.
          tree: arrays of JAX or NumPy, typed keys and Python numbers; all processes'
            parts of it have to be in this one.
          meta: what JSON holds. Tuples come back as lists.
          best: whether it is the best so far: it is kept until there is a better one.

        Raises:
          ValueError: if the tree holds anything else, JSON cannot hold ``meta``, or the
            step is not larger.
          OSError: if the file system refuses, with the folder's name.
        """
        check_int("step", step, at_least=0)
        last = latest(self.folder)
        if last is not None and step <= last:
            raise ValueError(
                f"step should be more than {last}, of which there is a checkpoint in "
                f"{self.folder}, got {step}. Use another folder to start again."
            )
        one = f"the checkpoint of step {step}"
        there = "There was none before" if last is None else f"That of {last} is there"
        with _named(self.folder, f"{there}, but {one} could not be written"):
            self._write(step, tree, meta, best)
        with _named(self.folder, f"{one} is there, but an older one is not removed"):
            self._remove_old()

    def _write(self, step: int, tree: Any, meta: Any, best: bool) -> None:
        leaves, data = index_of(tree), pack(tree)
        unfinished = self.folder / f"{WRITING}{step:08d}"
        try:
            unfinished.mkdir()
            write_json(unfinished / META, meta)
            write_array(unfinished / ARRAYS, data)
            write_manifest(unfinished, step, best, leaves)
            sync(unfinished)
            unfinished.rename(folder_of(self.folder, step))
        except BaseException:
            _remove(unfinished)
            raise
        sync_one(self.folder)

    def _remove_old(self) -> None:
        kept = {*steps(self.folder)[-self.keep :], best_step(self.folder)}
        for step in steps(self.folder):
            if step not in kept:
                # So that one which is half removed is not taken for a checkpoint.
                gone = self.folder / f"{REMOVING}{step:08d}"
                folder_of(self.folder, step).rename(gone)
                _remove(gone)


@contextlib.contextmanager
def writing(folder: str | Path, keep: int = 2) -> Iterator[Writer]:
    """Takes a folder for this process to write to; it is made if it is not there.

    What a process that was killed left unfinished is removed.

    Args:
      folder: of the checkpoints.
      keep: how many to keep, the last ones, at least 1. The last one that is marked
        as the best is kept as well.

    Raises:
      ValueError: if another process writes to it.
      OSError: if the file system refuses.
    """
    check_int("keep", keep)
    folder = Path(folder)
    with contextlib.ExitStack() as stack:
        with _named(folder, f"{folder} cannot be written to"):
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                sync_one(folder.absolute().parent)
            stack.enter_context(_locked(folder))
            for path in folder.iterdir():
                if path.name.startswith((WRITING, REMOVING)):
                    _remove(path)
        yield Writer(folder, keep)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder. Its file stays: whoever removed it could be late."""
    import fcntl  # Not there on Windows.

    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder / LOCK, flags, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another run is writing checkpoints to {folder}. Wait until it ends, "
                "or use another folder."
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named(folder: Path, what: str) -> Iterator[None]:
    """Says with an error of the file system what could not be done."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"{what}: {reason}", str(folder)) from None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
