"""Reads files in a process of its own, where a crash, a hang or a hunger would show.

    outcomes = read_all("weights", [whole, *damaged(whole, folder)])

A file loads to values, of which the outcome has the checksum, or it is refused, and
the outcome has the error.
"""

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Read(NamedTuple):
    """What became of a file.

    Attributes:
      path: of the file.
      values: the checksum of what was read; None if it was refused.
      error: the type of the error and its message; None without one.
      seconds: of the processor, which other tests use too.
      growth: bytes by which the process had grown at its largest, since its start.
    """

    path: str
    values: str | None
    error: tuple[str, str] | None
    seconds: float
    growth: int


def damaged(whole: Path, folder: Path, seed: int = 0) -> Iterator[Path]:
    """The file cut off at 20 places, and with another byte at 200 places."""
    data, rng = whole.read_bytes(), random.Random(seed)
    cuts = [0, 1, 7, 8, 9, len(data) - 1]
    cuts += rng.sample(range(10, len(data) - 1), 20 - len(cuts))
    for cut in cuts:
        path = folder / f"cut_{cut}{whole.suffix}"
        path.write_bytes(data[:cut])
        yield path
    for place in rng.sample(range(len(data)), 200):
        other = bytearray(data)
        other[place] ^= rng.randrange(1, 256)
        path = folder / f"flip_{place}{whole.suffix}"
        path.write_bytes(other)
        yield path


def read_all(kind: str, paths: Sequence[Path]) -> list[Read]:
    """Reads files one after the other in one fresh process.

    Args:
      kind: a name of `READERS`.
      paths: of the files.

    Raises:
      AssertionError: if the process crashed, saying on which file.
      TimeoutExpired: if it hangs.
    """
    done = subprocess.run(
        [sys.executable, __file__, kind],
        input=json.dumps([str(path) for path in paths]),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    reads = [Read(*json.loads(line)) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (
        f"exit status {done.returncode} on {paths[len(reads)]}: {done.stderr[-2000:]}"
    )
    assert len(reads) == len(paths)
    return reads


def check_all_refused_or_same(whole: Path, reads: Sequence[Read]) -> int:
    """Raises AssertionError unless each read gave the first one's values, or an error.

    Args:
      whole: the file that is not damaged, read first.
      reads: of it, and of the damaged files.

    Returns:
      How many were refused.
    """
    assert reads[0].path == str(whole)
    assert reads[0].values, reads[0].error
    refused = 0
    for read in reads[1:]:
        if read.error is None:
            assert read.values == reads[0].values, f"{read.path} loaded other values"
            continue
        kind, message = read.error
        assert kind == "ValueError", read.error
        assert read.path in message
        refused += 1
    return refused


def check_quick_and_small(reads: Sequence[Read], *, megabytes: int) -> None:
    """Raises AssertionError if a file took 2 s, or all of them too much memory."""
    for read in reads:
        assert read.seconds < 2, f"{read.path} took {read.seconds:.1f} s"
    grown = max(read.growth for read in reads) / 2**20
    assert grown < megabytes, f"the process grew by {grown:.0f} MiB"


def _checksum(tree: Any) -> str:
    import jax
    import numpy as np

    digest = hashlib.sha256(str(jax.tree.structure(tree)).encode())
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _read_weights(path: str) -> Any:
    from jaxnet.saving.weights import load_params

    params, state, description, paths = load_params(path)
    return params, state, _as_bytes([description, paths])


def _read_fit(path: str) -> Any:
    from jaxnet.saving.runs import load_fit

    run = load_fit(path, lambda h: None)
    rest = _as_bytes([sorted(run.hypers.items()), run.status, run.best_epoch])
    return run.state, run.history, rest


def _read_arrays(path: str) -> Any:
    from jaxnet.saving.weights import load_arrays

    return load_arrays(path)


def _read_model(path: str) -> Any:
    from jaxnet.saving.exporting import load_model

    model = load_model(path)
    return _as_bytes([model.inputs, model.platforms, model.description, model.outputs])


def _read_corpus(path: str) -> Any:
    from experiments.newsgroups.readers import read_file

    return _as_bytes(read_file(Path(path)))


def _read_vectors(path: str) -> Any:
    from experiments.newsgroups.reading_vectors import read_vectors

    words, rows = read_vectors(Path(path))
    return _as_bytes(words), rows


def _as_bytes(value: Any) -> Any:
    import numpy as np

    return np.frombuffer(json.dumps(value, sort_keys=True).encode(), np.uint8)


READERS = {
    "weights": _read_weights,
    "fit": _read_fit,
    "arrays": _read_arrays,
    "model": _read_model,
    "corpus": _read_corpus,
    "vectors": _read_vectors,
}


def _largest() -> int:
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else 1024 * size


def main() -> None:
    reader = READERS[sys.argv[1]]
    paths = json.loads(sys.stdin.read())
    # What is imported on first use is not to be counted.
    with contextlib.suppress(OSError, ValueError):
        reader(paths[0] + ".nothing")
    before = _largest()
    for path in paths:
        start, values, error = time.process_time(), None, None
        try:
            values = _checksum(reader(path))
        except Exception as refused:
            error = type(refused).__name__, str(refused)
        seconds = time.process_time() - start
        read = Read(path, values, error, seconds, _largest() - before)
        print(json.dumps(read), flush=True)


if __name__ == "__main__":
    main()
