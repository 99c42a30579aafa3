"""Several processes on one machine, each with its part of the devices."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("processes.py")
ROOT = SCRIPT.parents[1]


def start(count, out, folder=None, dies=None):
    """Starts the processes, which listen on a port that nobody else has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    if dies is not None:
        environment["DIES"] = str(dies)
    rest = [str(port), str(out), *([] if folder is None else [str(folder)])]
    return [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(count), str(i), *rest],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(count)
    ]


def run(count, out, folder=None):
    """Runs them to their end and gives back what came out, and what they said."""
    processes = start(count, out, folder)
    texts = [process.communicate(timeout=300)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert codes == [0] * count, "\n".join(texts)
    with np.load(out, allow_pickle=False) as file:
        return dict(file), texts


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return run(1, tmp_path_factory.mktemp("one") / "one.npz")[0]


def assert_same(one, other, rtol=1e-4):
    assert one.keys() == other.keys()
    for name, array in one.items():
        if array.dtype.kind == "f":
            # The run alone has its bound in the issue of data parallelism, 1e-5.
            of_fit = name.startswith(("fit", "loss"))
            np.testing.assert_allclose(
                array, other[name], rtol=1e-5 if of_fit else rtol, atol=1e-6
            )
        else:
            np.testing.assert_array_equal(array, other[name])


@pytest.mark.parametrize("count", [2, 4])
def test_the_table_and_the_run_are_those_of_one_process(alone, tmp_path, count):
    found, texts = run(count, tmp_path / "many.npz")
    assert_same(alone, found)
    for i, text in enumerate(texts):
        assert f"process {i} of {count}, {4 // count} of 4 devices" in text
        assert ("writes the results" in text) == (i == 0)


@pytest.mark.parametrize("dies", [0, 1])
def test_when_one_is_killed_the_others_end_and_the_sweep_goes_on(alone, tmp_path, dies):
    """On one process, with what two had written down."""
    folder = tmp_path / "checkpoints"
    processes = start(2, tmp_path / "never.npz", folder, dies)
    processes[dies].communicate(timeout=300)
    ended = time.monotonic()
    text, _ = processes[1 - dies].communicate(timeout=60)
    assert time.monotonic() - ended < 60
    assert processes[1 - dies].returncode != 0
    assert "ends well" not in text
    assert len(text.splitlines()) > 1  # It says why.
    assert not (tmp_path / "never.npz").exists()
    assert list(folder.glob("step_*"))
    assert_same(alone, run(1, tmp_path / "resumed.npz", folder)[0])
