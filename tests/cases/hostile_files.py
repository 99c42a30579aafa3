"""Files that strangers might send, and what is said of each when it is refused."""

import hashlib
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnet.saving.containers import MAGIC, write_container
from jaxnet.saving.headers import MAX_HEADER
from jaxnet.saving.leaves import write_leaves


class Hostile(NamedTuple):
    """A file that is to do harm.

    Attributes:
      due: what the message has to say.
      content: of the file.
    """

    due: str
    content: bytes


class Marker:
    """What a pickle does when it is read: it leaves a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def safetensors_file(header: Any, data: bytes = b"\0" * 4) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start=0, stop=4, dtype="F32", shape=(1,)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def other_files(folder: Path) -> dict[str, bytes]:
    """Files of other kinds, which run or unpack something when they are read."""
    array = np.array([Marker(folder / "ran")])
    np.save(folder / "array.npy", array, allow_pickle=True)
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("../../outside", "text")
    return {
        "empty": b"",
        "pickle": pickle.dumps(Marker(folder / "ran")) + b"." * 100,
        "npy with a pickle": (folder / "array.npy").read_bytes(),
        "zip": (folder / "archive.zip").read_bytes(),
    }


def hostile_weights(folder: Path) -> list[Hostile]:
    """Files that pretend to be safetensors files."""
    lengths = {
        "no safetensors file, or cut off": [
            struct.pack("<Q", 2**60) + b"{}" * 50,
            struct.pack("<Q", 2**64 - 1) + b"{}" * 50,
            struct.pack("<Q", 101) + b"{}" * 50,
            safetensors_file(b"{}".ljust(MAX_HEADER + 1), b""),
        ],
        "header is no JSON object": [
            safetensors_file([]),
            safetensors_file(b" {}"),
            safetensors_file(b"\x80\x04"),
        ],
        "": list(other_files(folder).values()),
    }
    texts = {
        "JSON is damaged": [b"{'a': 1}", b'{"\xff": 1}', b"{}{}", b'{"a":01}', b"{"],
        "nested too deeply": [
            b'{"a":' + b"[" * (MAX_HEADER - 5),
            b'{"a":' * (MAX_HEADER // 5),
        ],
        "a should have dtype, shape and data_offsets alone": [
            b'{"a":[' + b"[]," * (MAX_HEADER // 3 - 10) + b"1]}",
            b'{"a":[' + b"{}," * (MAX_HEADER // 3 - 10) + b"1]}",
        ],
        "limit": [b'{"a":' + b"1" * (MAX_HEADER - 10) + b"}"],
        "no finite number": [b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e999}'],
        "name 'a' twice": [b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2)],
    }
    headers = {
        "metadata should be texts": [
            {"__metadata__": value} for value in ({"jaxnet": 1}, ["jaxnet"], None)
        ],
        "a should have dtype": [
            {"a": one} for one in ({}, [], 1, None, "F32", {**entry(), "more": 1})
        ],
        "a has dtype": [
            {"a": entry(dtype=dtype)}
            for dtype in ("F31", "O", "object", "float32", ["F32"], None, 1)
        ],
        "which no array has": [
            {"a": entry(shape=shape)}
            for shape in (
                *([-1], [-1, -1], [1.0], [1e300], [True], ["1"], [None], [[1]], "1", 1),
                *([2**60], [2**33, 2**33, 0], [1] * 33),
                [1] * (MAX_HEADER // 3 - 100),
            )
        ],
        "no two places": [
            {"a": {**entry(), "data_offsets": offsets}}
            for offsets in (
                *([0], [0, 4, 4], [0.0, 4.0], [False, 4], [-4, 0], ["0", "4"], 4, None),
                [0, 2**70],
            )
        ],
        "is no name for a leaf": [
            {name: entry()}
            for name in (
                *("..", "../a", "a/../b", "/etc/passwd", "C:/a", "..\\a", "a\0", "a\n"),
                *("", "a/", "a//b", "./a", "\u202eb", "a" * 10**6),
            )
        ],
    }
    places = [
        Hostile(due, safetensors_file(header, bytes(size)))
        for due, header, size in (
            (
                "b should take the 4 bytes from 4 on",
                {"a": entry(), "b": entry(2, 6)},
                6,
            ),
            ("b should take the 4 bytes from 4 on", {"a": entry(), "b": entry()}, 4),
            (
                "b should take the 4 bytes from 4 on",
                {"a": entry(), "b": entry(5, 9)},
                9,
            ),
            ("a should take the 4 bytes from 0 on", {"a": entry(4, 8)}, 8),
            ("a should take the 4 bytes from 0 on", {"a": entry(4, 0)}, 4),
            ("a should take the 4 bytes from 0 on", {"a": entry(0, 8)}, 8),
            ("a should take the 8 bytes from 0 on", {"a": entry(shape=[2])}, 4),
            ("something was added", {"a": entry()}, 5),
            ("cut off", {"a": entry()}, 3),
            ("cut off", {"a": entry(0, 2**47, "U8", [2**47])}, 4),
        )
    ]
    flag = safetensors_file({"a": entry(0, 1, "BOOL")}, b"\2")
    return [
        *(Hostile(due, one) for due, files in lengths.items() for one in files),
        *(
            Hostile(due, safetensors_file(header))
            for due, headers in {**texts, **headers}.items()
            for header in headers
        ),
        *places,
        Hostile("truth values that are neither 0 nor 1", flag),
    ]


def hostile_models(folder: Path, whole: bytes) -> list[Hostile]:
    """Files that pretend to be exported models.

    Args:
      folder: to write in.
      whole: a sound model.
    """
    ran = pickle.dumps(Marker(folder / "ran"))
    long = whole[:48] + struct.pack("<Q", 2**60) + whole[56:]
    listed = struct.pack("<Q", 2) + b"[]"
    listed = MAGIC + hashlib.sha256(listed).digest() + listed
    # With checksums that fit, as whoever forges a file would write them.
    sound = {
        "versions": {"jax": "0.10.2", "jaxnet": "0.1.0"},
        "platforms": ["cpu"],
        "inputs": [["", [2], "float32"]],
        "outputs": {"tree": "", "paths": [""]},
        "description": None,
    }
    forged = [
        ("lacks or misnames 'outputs'", {}, b""),
        ("lacks or misnames", {**sound, "inputs": 1}, b""),
        ("lacks or misnames", {**sound, "inputs": [["", "float32"]]}, b""),
        ("lacks or misnames", {**sound, "inputs": [["", 2, "float32"]]}, b""),
        ("lacks or misnames", {**sound, "versions": 1}, b""),
        ("lacks or misnames", {**sound, "outputs": {"tree": "a", "paths": []}}, b""),
        ("lacks or misnames", {**sound, "outputs": {"tree": 1, "paths": []}}, b""),
        ("cannot read it", sound, b""),
        ("cannot read it", sound, b"\xff" * 100),
        ("cannot read it", sound, ran),
    ]
    path = folder / "forged"
    return [
        *(Hostile("it is no model", one) for one in other_files(folder).values()),
        Hostile("it is cut off", whole[:16]),
        Hostile("it is cut off", whole[:55]),
        Hostile("checksum does not fit", whole + ran),
        Hostile("its header would take 1152921504606846976", long),
        Hostile("header is no JSON object", listed),
        Hostile("it is no model", whole.replace(b"model 1", b"model 2", 1)),
        *(
            Hostile(due, write_container(path, header, payload).read_bytes())
            for due, header, payload in forged
        ),
    ]


def forged_runs(folder: Path) -> list[Hostile]:
    """Runs whose checksums fit, and whose records do not."""
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    records = [
        ("cannot say how", {}),
        ("cannot say how", {"trees": []}),
        ("should have a leaf b", {"trees": {"params": "b"}}),
        (
            "should have a leaf model_state/a",
            {"trees": {"params": "a", "model_state": "a"}},
        ),
        ("leaves that are not in the tree", {"trees": {"params": {}}}),
        ("leaves that are not in the tree", {"trees": {"params": ["list", "a", "a"]}}),
        ("where a part of a tree is due", {"trees": {"params": ["set", "a"]}}),
        ("where a part of a tree is due", {"trees": {"params": {"a": 1}}}),
        ("where a part of a tree is due", {"trees": {"params": deep}}),
        ("weights and no run", {"trees": {"params": "a"}}),
    ]
    run = {
        "hypers": {},
        "left_out": [],
        "status": "done",
        "best_epoch": None,
        "step": 1,
    }
    trees = {"params": "a", "history": {}}
    records += [
        ("not what save_fit writes", {"trees": trees, "fit": fit})
        for fit in (
            *([], {}, None, {**run, "hypers": 1}, {**run, "left_out": [[]]}),
            *({**run, "step": step} for step in (2**31, -1, 1.5, "1", None)),
        )
    ]
    no_columns = {"params": "a", "history": ["list"]}
    records += [("not what save_fit writes", {"trees": no_columns, "fit": run})]
    path, found = folder / "forged", []
    for due, record in records:
        write_leaves(path, {"a": np.ones(2)}, record)
        found.append(Hostile(due, path.read_bytes()))
    return found
