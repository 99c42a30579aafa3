"""Small files that would be gigabytes in memory, and what is said of each."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet

LONG = 2**20


def repeated(rows: int) -> pa.Table:
    """One text of a megabyte, to which all rows refer."""
    texts = pa.array(["a" * LONG])
    places = pa.array(np.zeros(rows, np.int32))
    return pa.table(
        {
            "text": pa.DictionaryArray.from_arrays(places, texts),
            "label": pa.array(np.zeros(rows, np.int32)),
        }
    )


def blank(size: int) -> pa.Table:
    """One text of zeros, which no page of memory is taken for."""
    offsets = pa.py_buffer(np.array([0, size], np.int64))
    letters = pa.py_buffer(np.zeros(size, np.uint8))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, letters])
    return pa.table({"text": text, "label": pa.array([0])})


def nothing(rows: int) -> pa.Table:
    """Rows of no content, which take no place."""
    return pa.table({"text": pa.nulls(rows), "label": pa.nulls(rows)})


def bombs(folder: Path) -> dict[Path, str]:
    """Writes them; returns what has to be said of each."""
    parquet.write_table(repeated(2000), folder / "repeated.parquet")
    parquet.write_table(nothing(10**8), folder / "rows.parquet")
    same = pa.table({"text": pa.array(["a" * LONG] * 64), "label": pa.nulls(64)})
    with parquet.ParquetWriter(
        folder / "parts.parquet",
        same.schema,
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY"},
    ) as writer:
        for _ in range(17):
            writer.write_table(same)
    feather.write_feather(repeated(2000), folder / "repeated.arrow", "uncompressed")
    feather.write_feather(nothing(10**9), folder / "rows.arrow", "uncompressed")
    feather.write_feather(blank(2**30 + 1), folder / "packed.arrow", "lz4")
    lists = pa.table({"text": pa.array([["a"]]), "label": pa.array([0])})
    feather.write_feather(lists, folder / "lists.arrow")
    with zipfile.ZipFile(folder / "posts.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("posts.json", bytes(100 * LONG))
    for suffix in (".parquet", ".arrow", ".csv", ".json"):
        shutil.copy(folder / "posts.zip", folder / f"zip{suffix}")
    return {
        folder / name: due
        for name, due in {
            "repeated.parquet": "would take 1,140,850,688 bytes",
            "rows.parquet": "says that it has 100,000,000 rows",
            "parts.parquet": "would take 1,140,850,688 bytes",
            "repeated.arrow": "would take 2,097,152,000 bytes",
            "rows.arrow": "says that it has 1,000,000,000 rows",
            "packed.arrow": "would take 1,073,741,",
            "lists.arrow": "should hold texts or numbers, got list",
            "posts.zip": "says no format",
            "zip.parquet": "cannot be read as PARQUET",
            "zip.arrow": "cannot be read as ARROW",
            "zip.csv": "cannot be read as CSV",
            "zip.json": "cannot be read as JSON",
        }.items()
    }


def vector_bombs(folder: Path) -> dict[Path, str]:
    """Files of word vectors that claim more than they hold, or hold a pickle."""
    found = {}
    for name, kind, shape in (
        ("large", "<f4", (2**40, 2)),
        ("too_large", "<f4", (2**62, 2)),
        ("objects", "|O", (2, 2)),
    ):
        path = folder / f"{name}.npy"
        header = {"descr": kind, "fortran_order": False, "shape": shape}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(bytes(64))
        found[path] = "cannot be read"
    for name, header in (
        ("words", b"999999999999 1\n"),
        ("sizes", b"1 999999999999\n"),
    ):
        path = folder / f"{name}.bin"
        path.write_bytes(header + b"word " + bytes(64))
        found[path] = "it is truncated"
    return found
