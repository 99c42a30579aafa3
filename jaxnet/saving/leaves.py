"""Arrays by path in a safetensors file that notices when a bit of it changes.

In the header's metadata, under the name "jaxnet", there is a record in JSON, and in it
the SHA-256 of all else: of the rest of the record, and of path, dtype, shape and bytes
of each leaf. It guards against accidents, not against forgery.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.paths import path_name
from jaxnet.saving.files import (
    AnyPath,
    as_json,
    opened,
    own_version,
    parse_json,
    write_whole,
)
from jaxnet.saving.headers import DTYPES, MAX_HEADER, Entry, check_path, read_header

FORMAT = 1
"""What this version writes, and alone can read."""

Leaves = dict[str, np.ndarray]
"""Arrays by path."""


def leaves_of(tree: Any, prefix: str = "") -> Leaves:
    """The leaves of a PyTree as arrays on the host, by their paths.

    Args:
      tree: a PyTree of arrays.
      prefix: put in front of each path, such as ``model_state/``.

    Raises:
      ValueError: if a leaf has no plain path of its own, or one that another has, or
        a dtype that the format has not.
      TypeError: if a leaf is no array.
    """
    found: Leaves = {}
    for keys, leaf in jax.tree_util.tree_leaves_with_path(tree):
        path = prefix + path_name(keys)
        check_path(path)
        if path in found:
            raise ValueError(
                f"two leaves have the path {path!r}: names should be without '/'."
            )
        if not hasattr(leaf, "dtype"):
            raise TypeError(
                f"{path} should be an array, got {type(leaf).__name__}. Use "
                "jax.numpy.asarray."
            )
        if leaf.dtype.name not in DTYPES.values():
            raise ValueError(
                f"{path} has dtype {leaf.dtype.name}, none of {list(DTYPES.values())}."
            )
        found[path] = np.asarray(leaf, leaf.dtype.newbyteorder("="), order="C")
    return found


def write_leaves(path: AnyPath, leaves: Leaves, record: Mapping[str, Any]) -> None:
    """Writes a file in one piece; the same leaves and record give the same bytes.

    Args:
      path: where to.
      leaves: arrays by path.
      record: of JSON's types. It gets format, version and checksum besides.

    Raises:
      ValueError: if the record is no JSON, or the header would be too long.
      TypeError: likewise, for what JSON has no type for.
      OSError: if the file cannot be written; the one that was there is intact.
    """
    from safetensors.numpy import save

    record = {"format": FORMAT, "version": own_version(), **record}
    record = as_json(record)  # As it will be read.
    text = json.dumps({**record, "sha256": _seal_of(record, leaves)})
    data = save(leaves, {"jaxnet": text})
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER:
        raise ValueError(
            f"the header would take {length} bytes, of {MAX_HEADER} at most. Is the "
            "description long?"
        )
    write_whole(path, data)


def read_leaves(
    path: AnyPath, check: Callable[[dict[str, Entry]], None]
) -> tuple[Leaves, dict[str, Any]]:
    """Reads what `write_leaves` wrote.

    Args:
      path: of the file.
      check: gets the entries of the header by path before any data are read, and
        raises ValueError to refuse them.

    Returns:
      The leaves, and the record.

    Raises:
      ValueError: if the file is damaged or another kind of file.
      OSError: if it cannot be opened.
    """
    with opened(path) as (file, size):
        metadata, entries = read_header(file, size)
        if "jaxnet" not in metadata:
            raise ValueError(
                "it was not written by jaxnet, and has no checksum. Read it with "
                "jaxnet.saving.weights.load_arrays."
            )
        record = parse_json(metadata["jaxnet"])
        found = record.get("format") if isinstance(record, dict) else None
        if found != FORMAT:
            raise ValueError(
                f"it has the format {str(found)[:80]}, and this version of jaxnet "
                f"reads {FORMAT}."
            )
        check({entry.path: entry for entry in entries})
        leaves = {entry.path: _read(file, entry) for entry in entries}
    seal = record.pop("sha256", None)
    if seal != _seal_of(record, leaves):
        raise ValueError("it is damaged: its checksum does not fit.")
    return leaves, record


def read_plain(path: AnyPath) -> Leaves:
    """The leaves of any safetensors file, whose values nothing vouches for."""
    with opened(path) as (file, size):
        return {entry.path: _read(file, entry) for entry in read_header(file, size)[1]}


def as_jax(leaf: np.ndarray) -> jax.Array | np.ndarray:
    """As a JAX array; as it is where JAX would cut 64 bits down to 32."""
    keeps = jax.dtypes.canonicalize_dtype(leaf.dtype) == leaf.dtype
    return jnp.asarray(leaf) if keeps else leaf


def _read(file: BufferedReader, entry: Entry) -> np.ndarray:
    data = np.empty(entry.size, np.uint8)
    if file.readinto(data.data) != entry.size:
        raise ValueError("it became shorter while it was read.")
    if entry.dtype == "bool" and (data > 1).any():
        raise ValueError(f"{entry.path} has truth values that are neither 0 nor 1.")
    return data.view(entry.dtype).reshape(entry.shape)


def _seal_of(record: Mapping[str, Any], leaves: Leaves) -> str:
    sums = {path: _described(leaf) for path, leaf in leaves.items()}
    text = json.dumps([record, sums], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _described(leaf: np.ndarray) -> Sequence[Any]:
    data = leaf.reshape(-1).view(np.uint8).data
    return leaf.dtype.name, leaf.shape, hashlib.sha256(data).hexdigest()
