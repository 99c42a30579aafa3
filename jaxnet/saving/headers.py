"""The header of a safetensors file, checked before a byte of the data is read.

A file is eight bytes with the length of the header, the header in JSON, and the bytes
of all leaves, one after the other:

    {"__metadata__": {name: text}, path: {"dtype", "shape", "data_offsets"}, ...}

References:
  `The format <https://github.com/huggingface/safetensors#format>`_.
"""

import math
from collections.abc import Mapping
from io import BufferedReader
from typing import Any, NamedTuple

import numpy as np

from jaxnet.saving.files import parse_json, read_exactly

MAX_HEADER = 2 * 2**20
"""Bytes of a header, which are some 15,000 leaves. Read, it takes up to 50 MiB."""

MAX_AXES = 32
"""Axes of a leaf, which NumPy and JAX both can have."""

MAX_SIZE = 2**48
"""Elements and bytes of a leaf, where 64 bits do not overflow."""

MAX_PATH = 1000
"""Characters in the path of a leaf."""

DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
}
"""What a leaf may be made of: the format's name, and NumPy's or JAX's."""


class Entry(NamedTuple):
    """A leaf in a file.

    Attributes:
      path: its name.
      dtype: a value of `DTYPES`.
      shape: in elements.
      size: in bytes.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    size: int


class Header(NamedTuple):
    """What a file says of itself.

    Attributes:
      metadata: texts by name.
      entries: the leaves in the order of their bytes.
    """

    metadata: dict[str, str]
    entries: list[Entry]


def read_header(file: BufferedReader, size: int) -> Header:
    """Reads a header, and leaves the file at the first byte of the data.

    Args:
      file: at its start.
      size: of the file in bytes.

    Raises:
      ValueError: unless the header is sound, and the leaves fill the file from there
        to its end without a gap or an overlap.
    """
    if size < 10:
        raise ValueError(f"it has {size} bytes, too few for a safetensors file.")
    length = int.from_bytes(read_exactly(file, 8), "little")
    if length > min(MAX_HEADER, size - 8):
        raise ValueError(
            f"it is no safetensors file, or cut off: its header would take {length} "
            f"bytes. The file has {size}, and a header {MAX_HEADER} at most."
        )
    text = read_exactly(file, length)
    if not text.startswith(b"{"):
        raise ValueError("it is no safetensors file: its header is no JSON object.")
    record = parse_json(text)
    metadata = record.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError("its metadata should be texts by name.")
    placed = sorted(_placed(path, entry) for path, entry in record.items())
    end = 0
    for first, last, entry in placed:
        if first != end or last - first != entry.size:
            raise ValueError(
                f"{entry.path} should take the {entry.size} bytes from {end} on, but "
                f"its header has {first} to {last}."
            )
        end = last
    if 8 + length + end != size:
        raise ValueError(
            f"it has {size} bytes where its header tells of {8 + length + end}: it is "
            "cut off, or something was added."
        )
    return Header(metadata, [entry for _, _, entry in placed])


def check_path(path: str) -> None:
    """Raises ValueError unless a leaf's path is plain, as ``dense_1/kernel`` is.

    Paths are names here and nothing else. But another program may write a file for
    each, and a path that leads out of its folder is never meant well.
    """
    parts = path.split("/")
    if (
        path == "__metadata__"
        or len(path) > MAX_PATH
        or not path.isprintable()
        or "\\" in path
        or any(part in ("", ".", "..") for part in parts)
        or parts[0].endswith(":")
    ):
        raise ValueError(
            f"{path[:80]!r} is no name for a leaf. A name has no empty parts between "
            "its '/', none that is '.' or '..', no backslash and no control character."
        )


def _placed(path: str, entry: Any) -> tuple[int, int, Entry]:
    check_path(path)
    if not isinstance(entry, Mapping) or entry.keys() != {
        *("dtype", "shape", "data_offsets")
    }:
        raise ValueError(f"{path} should have dtype, shape and data_offsets alone.")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{path} has dtype {_short(dtype)}, none of {list(DTYPES)}.")
    # An empty array has a size too, if its other axes are long.
    if (
        not _are_sizes(shape)
        or len(shape) > MAX_AXES
        or math.prod(max(1, n) for n in shape) > MAX_SIZE
    ):
        raise ValueError(f"{path} has shape {_short(shape)}, which no array has.")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"{path} has data_offsets {_short(offsets)}, no two places.")
    size = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    return *offsets, Entry(path, DTYPES[dtype], tuple(shape), size)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(one) is int and 0 <= one <= MAX_SIZE for one in value
    )


def _short(value: Any) -> str:
    return repr(value)[:80]
