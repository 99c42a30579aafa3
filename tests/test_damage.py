"""Files that broke, or are to do harm: refused by name, or read as they were.

Every one is read in another process, which would be seen to crash.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from cases.hostile_files import (
    Hostile,
    entry,
    forged_runs,
    hostile_models,
    hostile_weights,
    safetensors_file,
)
from damaged import check_all_refused_or_same, check_quick_and_small, damaged, read_all

import jaxnet
from jaxnet.saving.exporting import export_function
from jaxnet.saving.runs import save_fit
from jaxnet.saving.weights import save_params
from jaxnet.training import TrainState


def params():
    return {"a": {"kernel": jnp.arange(6.0).reshape(2, 3)}, "b": (jnp.array([True]),)}


def save_some_weights(path: Path) -> Path:
    state = {"mean": jnp.ones(3, jnp.bfloat16)}
    return save_params(path, params(), model_state=state, description=["as it was"])


def save_some_run(path: Path) -> Path:
    state = TrainState(jnp.int32(5), params(), {"mean": jnp.ones(3)}, ())
    history = {"epoch": np.arange(3), "train_loss": np.array([1.0, 0.5, np.nan])}
    hypers = {"width": 4, "learning_rate": 0.1, "shape": (3, 3)}
    run = jaxnet.Fit(lambda h: None, hypers, state, history, "done", None)
    return save_fit(path, run, description={"accuracy": 0.9})


def save_some_model(path: Path) -> Path:
    kernel = params()["a"]["kernel"]
    return export_function(
        path, lambda x: {"y": jnp.tanh(x @ kernel)}, np.zeros((1, 2)), description="x"
    )


SAVE = {"weights": save_some_weights, "fit": save_some_run, "model": save_some_model}


@pytest.mark.parametrize("kind", SAVE)
def test_a_damaged_file_is_refused_or_the_same(tmp_path, kind):
    whole = SAVE[kind](tmp_path / "whole")
    reads = read_all(kind, [whole, *damaged(whole, tmp_path)])
    # All 20 cuts and nearly all of the 200 flips: a few may be in the spaces that end
    # the header of weights, and change nothing.
    assert check_all_refused_or_same(whole, reads) > 215
    check_quick_and_small(reads, megabytes=64)


def check_refused(files: Sequence[Hostile], kind: str, folder: Path) -> None:
    """Raises AssertionError unless each file is refused for what is wrong with it."""
    paths = []
    for i, file in enumerate(files):
        paths.append(folder / f"hostile_{i}")
        paths[-1].write_bytes(file.content)
    reads = read_all(kind, paths)
    for file, read in zip(files, reads, strict=True):
        assert read.error is not None, f"{file.content[:80]} was read"
        name, message = read.error
        assert name == "ValueError", message
        assert message.startswith(f"{read.path}: ")
        assert file.due in message
        assert len(message) < 1000
    # Twice what the longest header takes, since it may have JSON in JSON.
    check_quick_and_small(reads, megabytes=128)
    assert not (folder / "ran").exists()
    assert not (folder.parent.parent / "outside").exists()


def test_hostile_files_are_refused_at_once_in_little_memory(tmp_path):
    check_refused(hostile_weights(tmp_path), "arrays", tmp_path)


def test_hostile_weights_are_refused_at_once_in_little_memory(tmp_path):
    files = hostile_weights(tmp_path)[:-1]  # Without checksum it is not read at all.
    check_refused(files, "weights", tmp_path)


def test_forged_runs_are_refused(tmp_path):
    check_refused(forged_runs(tmp_path), "fit", tmp_path)


def test_hostile_models_are_refused_at_once_in_little_memory(tmp_path):
    whole = save_some_model(tmp_path / "whole").read_bytes()
    check_refused(hostile_models(tmp_path, whole), "model", tmp_path)


@pytest.mark.parametrize("kind", ["arrays", "model"])
def test_what_is_no_file_or_larger_than_memory_is_refused(tmp_path, kind):
    pipe, sparse = tmp_path / "pipe", tmp_path / "sparse"
    os.mkfifo(pipe)
    sparse.write_bytes(safetensors_file({"a": entry(0, 2**42, "U8", [2**42])}, b""))
    os.truncate(sparse, sparse.stat().st_size + 2**42)
    reads = read_all(kind, [tmp_path, pipe, sparse])
    for read, due in zip(reads, ("folder", "pipe", "a memory of"), strict=True):
        assert read.error is not None
        assert due in read.error[1]
