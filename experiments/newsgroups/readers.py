"""Reading posts from one file: Parquet, Arrow, CSV or JSON.

Whatever the format, a post becomes a text and the name of its group. This is done
with pyarrow and not through ``datasets``, which takes several times as long for 20
Newsgroups, most of it to be imported, and leaves a copy of 35 MB in its cache.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from experiments.newsgroups.limits import check_arrow, check_parquet, check_table

Columns = dict[str, list[Any]]

_TEXT = ("text", "data")
_NAME = ("label_text", "topic")


class NamedPosts(NamedTuple):
    """Posts as they were found.

    Attributes:
      texts: of the posts.
      names: of their groups; the number of a group without a name.
    """

    texts: list[str]
    names: list[str]


def join(parts: Iterable[NamedPosts]) -> NamedPosts:
    """The posts of several files, in their order."""
    texts, names = [], []
    for part in parts:
        texts += part.texts
        names += part.names
    return NamedPosts(texts, names)


def read_file(path: Path) -> NamedPosts:
    """The posts of a file.

    Args:
      path: ends in one of `SUFFIXES`. Texts are in the column text or data; groups
        in label_text, topic or label. A label is a name, or a number from 0 whose
        name is in label_text. A text that is missing is empty.

    Raises:
      ValueError: if the file has another format, is corrupt, lacks the columns, has
        no posts, or has labels that are neither numbers nor names.
    """
    from pyarrow import ArrowException

    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ValueError(
            f"{path.name} has a name that says no format: it should end in one of "
            f"{', '.join(SUFFIXES)}."
        )
    try:
        posts = read(path)
    except (ArrowException, OSError, UnicodeDecodeError, RecursionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path.name} cannot be read as {path.suffix[1:].upper()}; it may be "
            f"corrupt, or have another format: {reason}"
        ) from None
    if not posts.texts:
        raise ValueError(f"{path.name} has no posts.")
    return posts


def wanted(names: Iterable[str], where: str) -> list[str]:
    """Those of a file's columns that matter.

    Raises:
      ValueError: if texts or labels are missing, when it says which columns there
        are; or if one of them is there twice.
    """
    names = list(names)
    text = [name for name in _TEXT if name in names][:1]
    label = [name for name in (*_NAME, "label") if name in names]
    if not text or not label:
        raise ValueError(
            f"{where} should have the columns text (or data) and label, label_text "
            f"or topic; it has {names}."
        )
    for name in text + label:
        if names.count(name) > 1:
            raise ValueError(f"{where} has {names.count(name)} columns {name}.")
    return text + label


def from_table(table: Any, where: str) -> NamedPosts:
    """The posts of a ``pyarrow.Table`` that has the `wanted` columns."""
    selected = table.select(wanted(table.column_names, where))
    check_table(selected, where)
    try:
        columns = selected.to_pydict()
    except (ValueError, OverflowError, LookupError) as error:  # As of odd dates.
        raise ValueError(
            f"{where} has values that cannot be read; they may be corrupt, or neither "
            f"text nor numbers: {error}"
        ) from None
    names = _class_names(table, where)
    if names and not set(_NAME) & set(columns):
        for row, label in enumerate(columns["label"]):
            if label not in range(len(names)):
                raise ValueError(
                    f"{where} has names for the labels 0 to {len(names) - 1}, but row "
                    f"{row} has the label {label!r}."
                )
        columns["label_text"] = [names[label] for label in columns["label"]]
    return _from_columns(columns, where)


def _class_names(table: Any, where: str) -> list[str] | None:
    """The names that ``datasets`` keeps beside the numbers of a ``ClassLabel``."""
    written = (table.schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(written).get("info", {}).get("features") or {}
        names = features.get("label", {}).get("names")
    except (ValueError, AttributeError):
        names = ""  # That is no list.
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(
            f"{where}: the names of its labels, which datasets wrote, are damaged."
        )
    return names


def _from_columns(columns: Columns, where: str) -> NamedPosts:
    """The posts of columns of Python objects."""
    (text,) = set(_TEXT) & set(columns)
    texts = ["" if value is None else value for value in columns[text]]
    for row, value in enumerate(texts):
        if not isinstance(value, str):
            raise ValueError(
                f"{where}: the column {text} should hold strings; row {row} has "
                f"{value!r}."
            )
    named = next((name for name in _NAME if name in columns), "label")
    for name in {named, "label"} & set(columns):
        _check_labels(columns[name], name, where)
    if named != "label" and "label" in columns:
        _check_pairs(columns["label"], columns[named], where)
        _check_pairs(columns[named], columns["label"], where)
    return NamedPosts(texts, [str(value) for value in columns[named]])


def _check_labels(labels: list[Any], column: str, where: str) -> None:
    """Raises ValueError unless all are numbers from 0, or all are names."""
    numbers = bool(labels) and type(labels[0]) is int
    for row, label in enumerate(labels):
        if numbers and type(label) is int and label >= 0:
            continue
        if not numbers and isinstance(label, str) and label:
            continue
        raise ValueError(
            f"{where}: the column {column} should hold integers from 0, or names, the "
            f"same in all rows; row {row} has {label!r}."
        )


def _check_pairs(ones: list[Any], others: list[Any], where: str) -> None:
    """Raises ValueError if one goes with more than one other."""
    seen: dict[Any, Any] = {}
    for row, (one, other) in enumerate(zip(ones, others, strict=True)):
        if seen.setdefault(one, other) != other:
            raise ValueError(
                f"{where}: {one!r} goes with {seen[one]!r}, but in row {row} with "
                f"{other!r}. Each label should have one name of its own."
            )


def _read_parquet(path: Path) -> NamedPosts:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = wanted(file.schema_arrow.names, path.name)
        check_parquet(file, names, path.name)
        return from_table(file.read(columns=names), path.name)


def _read_arrow(path: Path) -> NamedPosts:
    """The format of files, or that of streams, which ``datasets`` writes."""
    from pyarrow import ipc

    # A file is a stream between this mark and a table of contents.
    content = path.read_bytes().removeprefix(b"ARROW1\0\0")
    check_arrow(content, path.name)
    with ipc.open_stream(content) as reader:
        table = reader.read_all()
    table.validate(full=True)  # Or what is corrupt may end the program.
    return from_table(table, path.name)


def _read_csv(path: Path) -> NamedPosts:
    import pyarrow as pa
    from pyarrow import csv

    as_text = {name: pa.string() for name in (*_TEXT, *_NAME)}
    table = csv.read_csv(
        path,
        # Posts have line breaks, and rows may not cross blocks: so one block.
        csv.ReadOptions(block_size=max(path.stat().st_size, 1)),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=as_text),
    )
    return from_table(table, path.name)


def _read_json(path: Path) -> NamedPosts:
    """An object on each line, or one list of objects."""
    columns: Columns = {}
    for place, row in _json_rows(path):
        where = f"{path.name}, {place}"
        if not isinstance(row, dict):
            raise ValueError(
                f'{where}: should be an object such as {{"text": ..., "label_text": '
                f"...}}, got {str(row)[:40]!r}."
            )
        columns = columns or {name: [] for name in wanted(row, where)}
        for name, values in columns.items():
            if name not in row:
                raise ValueError(
                    f"{where}: should have {list(columns)} as the first has, got "
                    f"{list(row)}."
                )
            values.append(row[name])
    return _from_columns(columns, path.name) if columns else NamedPosts([], [])


def _json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    text = path.read_text("utf-8")
    try:
        if text.lstrip().startswith("["):
            for i, row in enumerate(json.loads(text), 1):
                yield f"object {i}", row
            return
    except ValueError as error:  # One of JSON, or a number of too many digits.
        raise ValueError(f"{path.name} is no JSON: {error}.") from None
    for i, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            reason = getattr(error, "msg", error)
            raise ValueError(
                f"{path.name}, line {i}: is no JSON ({reason}). The file should "
                "have an object on each line, or be one list of objects."
            ) from None
        yield f"line {i}", row


_READERS = {
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json,
}

SUFFIXES = tuple(_READERS)
"""How the names of files end that can be read."""
