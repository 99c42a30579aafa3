"""Feeds broken input to all that reads what others wrote.

    python tests/fuzzing.py --inputs 10000

Inputs are sound ones with parts cut out, doubled, flipped or inserted, and random
text. What is read either succeeds or raises a ValueError whose message names the
file; a command line ends with the exit status 2 and a message. Anything else, warnings
too, is a failure: its kind and number bring it back, since all is drawn from them.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import ipc, parquet

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments import newsgroups, sweep
from experiments.common.cli import parse
from experiments.newsgroups.folders import read_path
from experiments.newsgroups.reading_vectors import read_vectors
from experiments.newsgroups.stripping import PARTS, strip
from jaxnet.saving.weights import load_arrays, load_params, save_params
from jaxnet.search.space import from_json

NAME = "fuzzed"
"""Of every file, so that a message can be seen to name it."""


class Kind(NamedTuple):
    """Something that reads.

    Attributes:
      sound: inputs that are read, to be damaged.
      read: takes an input, and a folder of its own.
      due: what the message of a refusal has to say, a pattern.
      tokens: what is inserted.
    """

    sound: Sequence[bytes]
    read: Callable[[bytes, Path], Any]
    due: str = NAME
    tokens: Sequence[bytes] = ()


_TOKENS = (
    b"", b" ", b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xc2\xb2", b"0",
    b"-1", b"9" * 25, b"9" * 5000, b"1e999", b"nan", b"-inf", b"\\ud800", b"\t",
)  # fmt: skip
_JSON = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"NaN", b"[" * 3000,
    b'{"a":' * 3000, b'"text"', b'"label"', b'"data"', b"{}", b"[[]]", b"1.5",
)  # fmt: skip


def damage(rng: random.Random, kind: Kind) -> bytes:
    """A sound input with one to four damages, or now and then random bytes."""
    if rng.random() < 0.05:
        parts = (*_TOKENS, *kind.tokens, bytes([rng.randrange(256)]))
        return b"".join(rng.choice(parts) for _ in range(rng.randrange(12)))
    data = bytearray(rng.choice(kind.sound))
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 30)))
        how = rng.randrange(5)
        if how == 0:
            del data[rng.choice((end, len(data))) :]
        elif how == 1:
            del data[at:end]
        elif how == 2:
            data[at:at] = data[at:end] * rng.randint(1, 3)
        elif how == 3:
            data[at:end] = bytes(rng.randrange(256) for _ in range(end - at))
        else:
            data[at : rng.choice((at, end))] = rng.choice((*_TOKENS, *kind.tokens))
    return bytes(data)


def fuzz(name: str, inputs: int, folder: Path, first: int = 0) -> dict[str, int]:
    """Reads damaged inputs of one of `KINDS`; returns how many were read and refused.

    Raises:
      AssertionError: if something other than a ValueError with a message came out.
    """
    kind, found = KINDS[name], {"read": 0, "refused": 0}
    for number in range(first, first + inputs):
        data = damage(random.Random(f"{name} {number}"), kind)
        own = folder / "input"
        own.mkdir()
        where = f"{name}, input {number}, {data[:300]!r}"
        error = _error_of(kind, data, own)
        if error is not None:
            # A UnicodeError or a JSONDecodeError came out by oversight.
            assert type(error) is ValueError, f"{where}: {error!r}"
            assert re.search(kind.due, str(error)), f"{where}: {error}"
        found["read" if error is None else "refused"] += 1
        shutil.rmtree(own)
    return found


def _error_of(kind: Kind, data: bytes, folder: Path) -> Exception | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.read(data, folder)
    except Exception as error:
        return error
    return None


def _write(folder: Path, suffix: str, data: bytes) -> Path:
    path = folder / f"{NAME}{suffix}"
    path.write_bytes(data)
    return path


def _vectors(suffix: str) -> Callable[[bytes, Path], Any]:
    def read(data: bytes, folder: Path) -> Any:
        (folder / f"{NAME}.words.txt").write_text("moon\npuck\ntea\n")
        return read_vectors(_write(folder, suffix, data))

    return read


def _words(data: bytes, folder: Path) -> Any:
    np.save(folder / f"{NAME}.npy", np.ones((3, 2), np.float32))
    _write(folder, ".words.txt", data)
    return read_vectors(folder / f"{NAME}.npy")


def _corpus(suffix: str) -> Callable[[bytes, Path], Any]:
    return lambda data, folder: read_path(_write(folder, suffix, data))


def _tree(data: bytes, folder: Path) -> Any:
    """Folders and files of which each line is one: its path, and what is in it."""
    root = folder / NAME
    root.mkdir()
    for line in data.split(b"\n"):
        name, _, text = line.partition(b" ")
        # Names of which none can leave the folder.
        words = [word for word in name.split(b"/") if set(word) - set(b".\0")]
        path = root.joinpath(*(os.fsdecode(w.replace(b"\0", b"")[:40]) for w in words))
        with contextlib.suppress(OSError):  # One is a folder already, or a file.
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
    return read_path(root)


def _post(data: bytes, folder: Path) -> Any:
    del folder
    return strip(data.decode("latin-1"), PARTS)


def _space(data: bytes, folder: Path) -> Any:
    del folder
    return from_json(data.decode("utf-8", errors="surrogateescape"))


def _flags(name: str, module: Any) -> Callable[[bytes, Path], Any]:
    def read(data: bytes, folder: Path) -> Any:
        text = os.fsdecode(data.replace(b"\0", b""))  # No argument can hold it.
        argv = [word for word in text.split("\n") if not word.startswith("--out")]
        out, err = io.StringIO(), io.StringIO()
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                contextlib.chdir(folder),
            ):
                return parse(name, module.__doc__, module.Config, argv, long=True)
        except SystemExit as stop:
            if stop.code == 0 and "usage:" in out.getvalue():  # --help
                return None
            kind = ValueError if stop.code == 2 else RuntimeError
            raise kind(err.getvalue()) from None

    return read


def _table() -> pa.Table:
    rows = [("The moon, and\na rocket", 0), ("a puck", 1), (None, 0), ("tea é", 1)]
    table = pa.table(
        {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    )
    features = {"label": {"names": ["sci.space", "rec.hockey"]}}
    metadata = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": metadata})


def _named() -> pa.Table:
    return _table().append_column("label_text", [["space", "puck", "space", "puck"]])


def _odd() -> list[pa.Table]:
    """Tables that are sound, but no corpora."""
    dates = pa.array([10**15, -(10**15)], pa.timestamp("s"))
    days = pa.array([10**6, -(10**6) * 8], pa.int32()).cast(pa.date32())
    lists = pa.array([[1], None])
    coded = pa.array(["a", None]).dictionary_encode()
    zone = pa.array([1, 2], pa.timestamp("us", "No/Where"))
    columns = [dates, days, lists, coded, zone]
    tables = [pa.table({"text": ["a", "b"], "label": column}) for column in columns]
    tables += [pa.table({"text": column, "label": [0, 1]}) for column in columns]
    twice = [pa.array(["a", "b"])] * 3
    return [*tables, pa.Table.from_arrays(twice, ["text", "text", "label"])]


def _parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


def _arrow(table: pa.Table, new: Any) -> bytes:
    sink = io.BytesIO()
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _npy(array: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def _weights() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        params = {"dense": {"kernel": np.ones((2, 3), np.float32)}, "n": np.arange(3)}
        path = save_params(Path(folder) / "w", params, description={"depth": 2})
        return path.read_bytes()


_LINES = (
    b'{"text": "The moon", "label": 0, "label_text": "space"}\n'
    b'{"text": "a puck \\u00e9", "label": 1, "label_text": "puck"}\n'
)
_SPACES = (
    b'{"width": {"choice": [16, 64]}, "dropout": {"uniform": [0.0, 0.5]}, "n": 2}',
    b'{"rate": {"log_uniform": [1e-4, 0.1]}, "shape": {"choice": [[1, 2], null]}}',
    b'{"a": {"integers": [1, 3]}, "b": {"log_integers": [1, 256]}, "c": "relu"}',
)
_POSTS = (
    b"From: me\nSubject: tea\n\nX writes:\n> Is it?\nIt is.\n--\nMe, Here",
    b"Hello.\n\n" + b" " * 300 + b"x\n" + b"-" * 50 + b"\nBye.",
)
_TREE = (
    b"train/sci.space/1 moon\ntrain/rec.tea/1 cup\ntest/sci.space/2 orbit\n"
    b"test/rec.tea/2 kettle",
    b"sci.space/1 moon\nsci.space/2 orbit\nrec.tea/1 \xe9",
    b'train.jsonl {"text": "a", "label": 0}\ntest.jsonl {"text": "b", "label": 0}',
)
_ARGUMENTS = (
    b"--quick\n--seed\n3\n--trials\n16\n--no-progress",
    b"--problem\nregression\n--rounds\n2\n--halving\n3\n--search=optuna",
    b"--corpus\ntexts\n--seeds\n2\n--strip\nheaders\nquotes\n--model\nbest",
    b"--checkpoint\nruns\n--resume\n--coordinator\nhost:12\n--processes\n2\n--process"
    b"\n1",
)
_WORDS = (
    b"\n--", b"\n-", b"=", b"\n--seed\n", b"\n--seed=", b"\n--epochs\n", b"\nnone",
    b"\n--no-quick", b"\n--strip\n", b"\n--trials\n", b"\n--processes\n", b"--\n",
)  # fmt: skip

KINDS = {
    "text vectors": Kind(
        [b"3 2\nmoon 1 2\npuck .5 -1e3\ntea 0 0\n", b"moon 1 2\nnew york 3 4\n"],
        _vectors(".txt"),
    ),
    "binary vectors": Kind(
        [b"2 2\nmoon " + b"\0\0\x80?" * 2 + b"\npuck " + b"\0" * 8 + b"\n", b"0 3\n"],
        _vectors(".bin"),
    ),
    "npy vectors": Kind(
        [_npy(np.ones((3, 2), np.float32)), _npy(np.ones((3, 2)))], _vectors(".npy")
    ),
    "vectors' words": Kind([b"moon\npuck\ntea\n"], _words),
    "jsonl": Kind([_LINES], _corpus(".jsonl"), tokens=_JSON),
    "json": Kind(
        [b"[" + _LINES.strip().replace(b"\n", b",") + b"]"],
        _corpus(".json"),
        tokens=_JSON,
    ),
    "csv": Kind(
        [
            b'text,label\n"The moon,\nand",0\na puck,1\n',
            b"data,topic\na,b\nc,d\n",
            b"text,text,label\n,,1\n",
        ],
        _corpus(".csv"),
        tokens=(b",", b'"', b"text,", b"label,", b"2020-01-01", b",data"),
    ),
    "parquet": Kind(
        [
            *(_parquet(_table()), _parquet(_named(), compression="none")) * 6,
            *map(_parquet, _odd()),
        ],
        _corpus(".parquet"),
    ),
    "arrow": Kind(
        [
            *(_arrow(_table(), ipc.new_file), _arrow(_named(), ipc.new_stream)) * 6,
            *(_arrow(table, ipc.new_file) for table in _odd()),
        ],
        _corpus(".arrow"),
    ),
    "folder": Kind(
        _TREE,
        _tree,
        rf"{NAME}|\.(jsonl?|csv|parquet|arrow)\b",
        (b"/", b"\n", b".jsonl ", b"train", b"test"),
    ),
    "post": Kind(_POSTS, _post, tokens=(b" " * 60_000 + b"x", b"\n\n", b"writes:")),
    "space": Kind(
        _SPACES,
        _space,
        "not a space in JSON",
        (
            *_JSON,
            b'{"choice": ',
            b'"uniform"',
            b'"log_integers"',
            b'{"integers":[1,2]}',
        ),
    ),
    "sweep's arguments": Kind(
        _ARGUMENTS, _flags("sweep", sweep), ": error: .{9}", _WORDS
    ),
    "newsgroups' arguments": Kind(
        _ARGUMENTS, _flags("newsgroups", newsgroups), ": error: .{9}", _WORDS
    ),
    "weights": Kind(
        [_weights()],
        lambda data, folder: load_params(_write(folder, "", data)),
        tokens=_JSON,
    ),
    "arrays": Kind(
        [_weights()],
        lambda data, folder: load_arrays(_write(folder, "", data)),
        tokens=_JSON,
    ),
}


def main() -> None:
    """Fuzzes all kinds, or one, and shows how many inputs were read and refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="the first input's number")
    parser.add_argument("--kind", choices=KINDS, help="one kind alone")
    given = parser.parse_args()
    for name in [given.kind] if given.kind else KINDS:
        with tempfile.TemporaryDirectory() as folder:
            found = fuzz(name, given.inputs, Path(folder), given.first)
        print(f"{name:24}{found['read']:8} read {found['refused']:8} refused")


if __name__ == "__main__":
    main()
