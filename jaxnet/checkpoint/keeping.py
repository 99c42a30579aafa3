"""When a run that is under way is written down, and how it finds itself again."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jaxnet.checkpoint.folders import latest
from jaxnet.checkpoint.identity import check_identity
from jaxnet.checkpoint.reading import load, load_meta
from jaxnet.checkpoint.saving import Writer, writing
from jaxnet.checks import check_number
from jaxnet.devices import is_leader, largest, to_host

SHARE = 0.04
"""The share of the time that checkpoints may take."""


class Checkpoints(NamedTuple):
    """Where checkpoints of a run go, and how often.

    Attributes:
      folder: of this run alone; it is made if it is not there.
      seconds: between two of them, at least 0; more where they take so long to write
        that they would hold the run up. There is one at the end in any case.
      keep: how many to keep, the last ones, at least 1.
    """

    folder: str | Path
    seconds: float = 30.0
    keep: int = 2


class CheckpointError(OSError):
    """A checkpoint could not be written: the disk is full, say.

    Attributes:
      result: what the run had come to, a `jaxnet.Fit` or a `jaxnet.search.Sweep`.
    """

    result: Any = None


class Keeper:
    """Writes a run down from time to time.

    Attributes:
      found: the number and the meta data of the checkpoint to go on from; None to
        start from the beginning.
    """

    def __init__(
        self,
        rule: Checkpoints | None,
        writer: Writer | None,
        identity: Any,
        found: tuple[int, Any] | None,
    ):
        self.found = found
        self._rule, self._writer, self._identity = rule, writer, identity
        self._last, self._wait = time.monotonic(), rule.seconds if rule else 0.0

    @property
    def on(self) -> bool:
        """Whether there is anything to write."""
        return self._rule is not None

    @property
    def folder(self) -> Path:
        """Of the checkpoints."""
        assert self._rule is not None, "only where there is something to write"
        return Path(self._rule.folder)

    def load(self, like: Any) -> Any:
        """The arrays of the checkpoint that was found."""
        assert self.found is not None, "load is for a run that goes on"
        return load(self.folder, like, self.found[0])[0]

    def due(self) -> bool:
        """Whether it is time for the next one; the same in all processes."""
        if self._rule is None:
            return False
        return largest(time.monotonic() - self._last) >= self._wait

    def save(self, step: int, tree: Any, meta: dict[str, Any]) -> None:
        """Writes a checkpoint. All processes have to call it; one writes.

        Raises:
          CheckpointError: if the file system refuses; those before are as they were.
        """
        if self._rule is None:
            return
        start = time.monotonic()
        tree = to_host(tree)
        if self._writer is not None:
            try:
                self._writer.save(step, tree, {"identity": self._identity, **meta})
            except OSError as error:
                new = CheckpointError(error.errno, error.strerror, error.filename)
                raise new from error
        self._last = time.monotonic()
        took = largest(self._last - start)
        self._wait = max(self._rule.seconds, took * (1 / SHARE - 1))


@contextlib.contextmanager
def keeping(
    rule: Checkpoints | str | Path | None,
    identity: Callable[[], dict[str, Any]],
    *,
    resume: bool,
) -> Iterator[Keeper]:
    """Takes the folder for this run, for as long as the block lasts.

    Args:
      rule: None for no checkpoints.
      identity: what the run is, as `identity` gives it; called if there is a rule.
      resume: whether to go on from the last checkpoint there is, if there is one.

    Raises:
      ValueError: if the folder has checkpoints and ``resume`` is not set, they are of
        another run, the last one is damaged, or another process writes to it.
      OSError: if the file system refuses.
    """
    if rule is None:
        if resume:
            raise ValueError(
                "resume=True needs to know from where: pass checkpoint='FOLDER'."
            )
        yield Keeper(None, None, None, None)
        return
    if not isinstance(rule, Checkpoints):
        rule = Checkpoints(rule)
    check_number("checkpoint: seconds", rule.seconds, at_least=0.0)
    with contextlib.ExitStack() as stack:
        writer = None
        if is_leader():
            writer = stack.enter_context(writing(rule.folder, rule.keep))
        here, step, found = identity(), latest(rule.folder), None
        if step is not None:
            if not resume:
                raise ValueError(
                    f"{rule.folder} has a checkpoint already. Pass resume=True to go "
                    "on from it, or use another folder to start again."
                )
            meta = load_meta(rule.folder, step)
            check_identity(rule.folder, meta["identity"], here)
            found = (step, meta)
        yield Keeper(rule, writer, here, found)
