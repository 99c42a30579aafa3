"""Arrays and lists of words in a run's folder, checked when they are read again."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def save_array(path: Path, array: np.ndarray) -> Path:
    """Writes an array as ``.npy``, never as a pickle; returns the path."""
    np.save(path, array, allow_pickle=False)
    return path


def read_npy(path: Path) -> np.ndarray:
    """Reads an array from a ``.npy`` file and nothing else, whatever is in it.

    Raises:
      OSError: if the file cannot be opened.
      ValueError: if it does not hold one array of plain data.
    """
    with path.open("rb") as file:
        try:
            array = np.lib.format.read_array(file, allow_pickle=False)
        except OSError:
            raise
        except ValueError as error:
            raise ValueError(
                f"it is truncated, or no array of numbers: {error}"
            ) from error
        except Exception as error:  # Of five kinds.
            raise ValueError("its header is damaged") from error
        if file.read(1):
            raise ValueError(
                f"it goes on after its array of shape {array.shape}: its header does "
                "not fit"
            )
    return array


def load_array(path: Path, shape: Sequence[int | None]) -> np.ndarray:
    """Reads what `save_array` wrote.

    Args:
      path: of the ``.npy`` file.
      shape: what is due, with None for a size that may be any.

    Returns:
      An array of finite float32.

    Raises:
      ValueError: if the file is not there or broken, or holds something else.
    """
    try:
        array = read_npy(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    fits = len(array.shape) == len(shape) and all(
        due in (None, size) for size, due in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.float32 or not fits:
        due = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(
            f"{path} should hold float32 of shape ({due}), got {array.dtype} of shape "
            f"{array.shape}. Was it written by another version?"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{path} holds numbers that are not finite.")
    return array


def save_words(path: Path, words: Sequence[str]) -> Path:
    """Writes strings as a JSON list; returns the path."""
    path.write_text(json.dumps(words, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load_words(path: Path) -> list[str]:
    """Reads what `save_words` wrote.

    Returns:
      Strings of which no two are equal.

    Raises:
      ValueError: if the file is not there or broken, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    if not (isinstance(found, list) and all(isinstance(word, str) for word in found)):
        raise ValueError(
            f"{path} should hold a list of strings. Was it written by another version?"
        )
    if len(set(found)) < len(found):
        raise ValueError(f"{path} should hold no word twice.")
    return found
