"""Reads files of word vectors; one that is broken is refused, with the place.

Nothing in these files is ever run: numbers are numbers, and a ``.npy`` that holds
Python objects is refused.
"""

from pathlib import Path

import numpy as np

from experiments.newsgroups.arrays import read_npy

Vectors = tuple[list[str], np.ndarray]
"""Words, and a float32 matrix with a row for each."""

_LONGEST_WORD = 10_000
_MOST_DIGITS = 12  # Of a size in a header; int refuses thousands.


def read_vectors(path: Path) -> Vectors:
    """The words of a file and their vectors, (words, dimensions).

    Of a word that is there twice, the first vector counts.

    Args:
      path: ``.npy`` with ``.words.txt`` beside it, word2vec's ``.bin``, or text as
        GloVe and fastText write it.

    Raises:
      ValueError: if the file is not there, or broken: then the message says where.
    """
    readers = {".npy": _read_npy, ".bin": _read_binary}
    read = readers.get(path.suffix, _read_text)
    try:
        with np.errstate(over="ignore"):  # Infinity is refused below.
            words, rows = read(path)
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"vectors={str(path)!r} cannot be read: {reason}.") from error
    if not rows.size:
        raise ValueError(f"{path} holds no vectors.")
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(
            f"{path}: the vector of {words[bad]!r}, number {bad + 1}, has numbers that "
            "are not finite."
        )
    first = {word: row for row, word in reversed(list(enumerate(words)))}
    if len(first) == len(words):
        return words, rows
    kept = sorted(first.values())
    return [words[row] for row in kept], rows[kept]


def _read_npy(path: Path) -> Vectors:
    try:
        rows = read_npy(path)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    if rows.ndim != 2 or rows.dtype.kind != "f":
        raise ValueError(
            f"{path} should hold a matrix of floats, got {rows.dtype} of shape "
            f"{rows.shape}."
        )
    beside = path.with_suffix(".words.txt")
    text = _decoded(beside, beside.read_bytes())
    words = text.removesuffix("\n").split("\n") if text else []
    if len(words) != len(rows):
        raise ValueError(
            f"{path} has {len(rows)} vectors but {beside.name} has {len(words)} "
            "words: one of them is truncated."
        )
    return words, rows.astype(np.float32)


def _read_text(path: Path) -> Vectors:
    lines = _decoded(path, path.read_bytes()).removesuffix("\n").split("\n")
    first, due = 0, None
    header = lines[0].split()
    if len(header) == 2 and all(map(_is_size, header)):
        first, due = 1, tuple(map(int, header))
    words: list[str] = []
    rows: list[np.ndarray] = []
    size = due[1] if due else None
    for number, line in enumerate(lines[first:], start=first + 1):
        # GloVe has words with spaces in them: the numbers are what comes last.
        word, *values = line.rstrip(" \r").split(" ")
        if size is None:
            size = len(values)
        word, values = " ".join([word, *values[: len(values) - size]]), values[-size:]
        try:
            row = np.array(values, np.float32)
        except ValueError:
            row = np.zeros(0, np.float32)
        if not word or size == 0 or len(row) != size:
            raise ValueError(
                f"{path}, line {number}: a word and {size} numbers are due, got "
                f"{_short(line)}. Is the file truncated, or of several dimensions?"
            )
        words.append(word)
        rows.append(row)
    if due and due[0] != len(words):
        raise ValueError(
            f"{path} ends after {len(words)} of {due[0]} vectors, in line "
            f"{len(lines)}: it is truncated."
        )
    return words, np.array(rows)


def _read_binary(path: Path) -> Vectors:
    data = path.read_bytes()
    header, _, _ = data[:100].partition(b"\n")
    sizes = header.split()
    if len(sizes) != 2 or not all(map(_is_size, sizes)):
        raise ValueError(
            f"{path} should begin with the number of words and of dimensions, as "
            f"word2vec's binary files do, got {header[:40]!r}."
        )
    count, size = map(int, sizes)
    words, rows, at = [], [], len(header) + 1
    for i in range(count):
        end = data.find(b" ", at, at + _LONGEST_WORD)
        if end < 0 or end + 1 + 4 * size > len(data):
            raise ValueError(
                f"{path} ends in the vector {i + 1} of {count}, at byte {len(data)}: "
                "it is truncated."
            )
        # Some writers end each vector with a new line, and some do not.
        words.append(data[at:end].lstrip(b"\n").decode("utf-8", errors="replace"))
        rows.append(np.frombuffer(data, "<f4", size, end + 1))
        at = end + 1 + 4 * size
    if data[at:].strip(b"\n"):
        raise ValueError(
            f"{path} goes on after its {count} vectors, at byte {at}: its header does "
            "not fit."
        )
    return words, np.array(rows, np.float32).reshape(count, size)


def _is_size(part: str | bytes) -> bool:
    return part.isdigit() and part.isascii() and len(part) <= _MOST_DIGITS


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: this is not UTF-8 text.") from error


def _short(line: str) -> str:
    return repr(line if len(line) <= 40 else f"{line[:40]}...")
