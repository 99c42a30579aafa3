"""A file for bytes that another library reads: nothing of it is read unless all fits.

    16 bytes    MAGIC
    32 bytes    the SHA-256 of everything after them
     8 bytes    the length of the header, little-endian
    header      JSON
    payload     the rest

The checksum is compared before the header is parsed, and the payload is handed out only
then. It guards against accidents, not against forgery.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxnet.saving.files import (
    AnyPath,
    as_json,
    opened,
    parse_json,
    read_exactly,
    write_whole,
)

MAGIC = b"jaxnet model 1\n\0"
"""How a file starts; a change of the format changes the number."""

MAX_HEADER = 2 * 2**20
"""Bytes of a header."""

_FIXED = len(MAGIC) + 32 + 8


def write_container(path: AnyPath, header: Mapping[str, Any], payload: bytes) -> Path:
    """Writes a header of JSON's types, and bytes, in one piece.

    Raises:
      ValueError: if the header is no JSON, or too long.
      TypeError: if there is something in it that is no data.
      OSError: if the file cannot be written; the one that was there is intact.
    """
    text = json.dumps(as_json(header)).encode()
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"the header takes {len(text)} bytes, of {MAX_HEADER} at most."
        )
    rest = [len(text).to_bytes(8, "little"), text, payload]
    return write_whole(path, [MAGIC, _sum_of(rest), *rest])


def read_container(path: AnyPath) -> tuple[dict[str, Any], bytes]:
    """Reads what `write_container` wrote: the header and the payload.

    Raises:
      ValueError: if the file is damaged, or of another kind.
      OSError: if it cannot be opened.
    """
    with opened(path) as (file, size):
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it is no model that export_model of this version wrote.")
        if size < _FIXED:
            raise ValueError(f"it is cut off after {size} bytes.")
        due = read_exactly(file, 32)
        length = read_exactly(file, 8)
        header_size = int.from_bytes(length, "little")
        if header_size > min(MAX_HEADER, size - _FIXED):
            raise ValueError(
                f"it is damaged: its header would take {header_size} bytes. The file "
                f"has {size}, and a header {MAX_HEADER} at most."
            )
        text = read_exactly(file, header_size)
        payload = read_exactly(file, size - _FIXED - header_size)
    if due != _sum_of([length, text, payload]):
        raise ValueError("it is damaged or cut off: its checksum does not fit.")
    header = parse_json(text)
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object.")
    return header, payload


def _sum_of(parts: list[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()
