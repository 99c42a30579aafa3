"""Files that are written in one piece, and what holds before one is read.

    write_whole(path, data)        # readers find the old file or the new, never half
    with naming(path), opened(path) as (file, size):
        ...                        # a ValueError raised here begins with the path

Nothing here knows what is in the files.
"""

import contextlib
import importlib.metadata
import json
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

AnyPath = str | os.PathLike[str]
"""The path of a file."""


def write_whole(path: AnyPath, data: bytes | bytearray | Iterable[bytes]) -> Path:
    """Writes a file in one piece, or leaves the one that is there as it is.

    The bytes go to a file beside it, reach the disk, and only then get the name.
    A link is followed, and what it points to is replaced.

    Args:
      path: where to. The folder has to exist.
      data: all bytes, or parts of them in order.

    Returns:
      The path.

    Raises:
      OSError: if the file cannot be written, such as to a full disk or a folder that
        is read-only. It names the path, and the old file is intact.
      ValueError: if there is something that is no file, such as a folder.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise ValueError(
            f"{os.fspath(path)} is a folder or a device. Give the path of a file."
        )
    parts = [data] if isinstance(data, bytes | bytearray) else data
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}")
    try:
        with _removed_on_error(temporary):
            with open(temporary, "xb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            error.errno,
            f"cannot be written, and what was there is as it was: {reason}",
            os.fspath(path),
        ) from error
    _sync_folder(target.parent)
    return Path(path)


@contextlib.contextmanager
def opened(path: AnyPath) -> Iterator[tuple[BufferedReader, int]]:
    """A file to read, and its size in bytes.

    Raises:
      OSError: if there is none, or it cannot be read.
      ValueError: if it is something else, such as a pipe, which might never end; or
        larger than the machine's memory.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is no file but a folder, a pipe or a device.")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > (memory := _memory()):
            raise ValueError(
                f"it has {size} bytes, and the machine a memory of {memory}."
            )
        yield file, size


@contextlib.contextmanager
def naming(path: AnyPath) -> Iterator[None]:
    """Puts the path in front of the message of a ValueError that is raised inside."""
    try:
        yield
    except RecursionError:
        raise ValueError(f"{os.fspath(path)}: it is nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def read_exactly(file: BufferedReader, size: int) -> bytes:
    """The next ``size`` bytes.

    Raises:
      ValueError: if the file ends before.
    """
    data = file.read(size)
    if len(data) < size:
        raise ValueError(
            f"it is cut off: {size} bytes are due where {len(data)} are left."
        )
    return data


def parse_json(text: bytes | str) -> Any:
    """What strict JSON says: no name twice, no NaN or infinity, no depth without end.

    Raises:
      ValueError: if it is anything else.

    >>> parse_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: its JSON has the name 'a' twice.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(
            decoded,
            object_pairs_hook=_each_once,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("its JSON is nested too deeply.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"its JSON is damaged: {error}.") from error


def as_json(value: Any) -> Any:
    """The same as JSON gives it back: tuples are lists, and all names are strings.

    Raises:
      ValueError: if there is a number in it that is not finite.
      TypeError: if there is something in it that is no data.

    >>> as_json({"kernel": (3, 3)})
    {'kernel': [3, 3]}
    """
    due = "dicts with strings for names, lists, strings, finite numbers, bools and None"
    try:
        return parse_json(json.dumps(value, allow_nan=False))
    except TypeError as error:
        raise TypeError(f"a description should be of {due}: {error}.") from error
    except ValueError as error:
        raise ValueError(f"a description should be of {due}: {error}.") from error


def own_version() -> str:
    """The version of jaxnet; "unknown" for a checkout that is not installed."""
    try:
        return importlib.metadata.version("jaxnet-functional")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"its JSON has the name {name[:80]!r} twice.")
        found[name] = value
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError(f"its JSON has {text[:20]}, which is no finite number.")
    return number


def _memory() -> int:
    """Bytes of the machine's memory; any number where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return sys.maxsize


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Makes the new name last, where the system can; the file itself is safe."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
