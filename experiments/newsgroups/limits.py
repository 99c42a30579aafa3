"""What a file may become in memory: a few hundred bytes can stand for gigabytes.

Parquet and Arrow say a text once and refer to it from every row, or pack a text of
one letter to nothing. So sizes are added up before a file is unpacked, by what it
says of itself and, of Parquet, a few rows at a time; and again before its rows become
Python objects.
"""

from typing import Any

import numpy as np
from flatbuffers import encode
from flatbuffers.number_types import Uint8Flags, UOffsetTFlags
from flatbuffers.table import Table

MOST_BYTES = 2**30
"""Of text in one file. The posts of 20 Newsgroups are a fiftieth of it."""

MOST_ROWS = 10**7
"""Of one file."""

_ROWS_AT_A_TIME = 64  # Of a Parquet file that is looked through.

# Places in the tables of Arrow's Message.fbs: 4 + 2 * the number of the field.
_KIND, _HEADER = 6, 8  # Of a message.
_DICTIONARY, _BATCH = 2, 3  # Kinds of header.
_DATA = 6  # Of a dictionary.
_BUFFERS, _COMPRESSION = 8, 10  # Of a batch.


def check_parquet(file: Any, names: list[str], where: str) -> None:
    """Refuses a Parquet file that is too large, by what it says and by what it holds.

    It is unpacked, a few rows at a time, and nothing of that is kept: no number in the
    file says how long the texts are that its rows refer to. What columns say of
    themselves beyond their types is not asked for: pyarrow ends the process where that
    is damaged.

    Args:
      file: a ``pyarrow.parquet.ParquetFile``.
      names: of the columns that will be read.
      where: the file's name, for the message.

    Raises:
      ValueError: if it is, or if a column holds neither texts nor numbers.
    """
    for name in names:
        kind = file.schema_arrow.field(name).type
        _holds_texts(kind, f"{where}: the column {name}")
    groups = range(file.metadata.num_row_groups)
    said = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    _check(file.metadata.num_rows, said, where)
    size = 0
    for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=names):
        size += sum(_text_size(column, where) for column in batch.columns)
        _check(0, size, where)


def check_arrow(content: bytes, where: str) -> None:
    """Refuses an Arrow stream by what its messages say of their buffers.

    Args:
      content: the stream.
      where: the file's name, for the message.

    Raises:
      ValueError: if it would be too large.
      pyarrow.ArrowInvalid: if it is damaged.
    """
    from pyarrow import ipc

    size = 0
    for message in ipc.MessageReader.open_stream(content):
        if message.body is not None:
            size += _unpacked_size(bytes(message.metadata), memoryview(message.body))
            _check(0, size, where)


def check_table(table: Any, where: str) -> None:
    """Refuses a ``pyarrow.Table`` that would be too large as Python objects.

    Raises:
      ValueError: if it would, or if a column holds neither texts nor numbers.
    """
    _check(table.num_rows, 0, where)
    size = 0
    for name in table.column_names:
        for chunk in table.column(name).chunks:
            size += _text_size(chunk, f"{where}: the column {name}")
    _check(table.num_rows, size, where)


def _unpacked_size(metadata: bytes, body: memoryview) -> int:
    """The bytes that a batch says its buffers have, once they are unpacked."""
    root = encode.Get(UOffsetTFlags.packer_type, metadata, 0)
    message = Table(metadata, root)
    kind = message.Get(Uint8Flags, root + message.Offset(_KIND))
    batch = _inner(message, _HEADER)
    if kind == _DICTIONARY:
        batch = _inner(batch, _DATA)
    elif kind != _BATCH:
        return 0
    buffers = batch.Offset(_BUFFERS)
    if not buffers:
        return 0
    count, start = batch.VectorLen(buffers), batch.Vector(buffers)
    places = np.frombuffer(metadata, "<i8", 2 * count, start).reshape(count, 2)
    size = 0
    for offset, length in places.tolist():
        packed = batch.Offset(_COMPRESSION) and length >= 8
        # A packed buffer begins with its size, or with -1 where it is as it is.
        said = int.from_bytes(body[offset : offset + 8], "little", signed=True)
        size += max(said, length) if packed else length
    return size


def _inner(table: Table, place: int) -> Table:
    return Table(table.Bytes, table.Indirect(table.Pos + table.Offset(place)))


def _check(rows: int, size: int, where: str) -> None:
    if rows > MOST_ROWS:
        raise ValueError(
            f"{where} says that it has {rows:,} rows; at most {MOST_ROWS:,} are read. "
            "Split it into several files."
        )
    if size > MOST_BYTES:
        raise ValueError(
            f"{where} would take {size:,} bytes in memory; at most {MOST_BYTES:,} are "
            "read from a file. Split it into several files."
        )


def _text_size(array: Any, what: str) -> int:
    """The bytes of all texts of an Arrow array, 0 for numbers."""
    from pyarrow import compute, types

    if not _holds_texts(array.type, what):
        return 0
    repeated = types.is_dictionary(array.type)
    texts = array.dictionary if repeated else array
    lengths = compute.call_function("binary_length", [texts]).cast("int64")
    if repeated:
        lengths = lengths.take(array.indices)
    return compute.call_function("sum", [lengths]).as_py() or 0


def _holds_texts(kind: Any, what: str) -> bool:
    """Whether values of an Arrow type are texts; else they are numbers, or none."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return True
    if types.is_primitive(kind) or types.is_null(kind):
        return False
    raise ValueError(f"{what} should hold texts or numbers, got {kind}.")
