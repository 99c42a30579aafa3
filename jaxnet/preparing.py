"""A training run before its first step: checked, and on its devices."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from jaxnet import programs
from jaxnet.checkpoint.fingerprints import (
    fingerprint_data,
    fingerprint_leaves,
    fingerprint_program,
)
from jaxnet.checkpoint.identity import identity
from jaxnet.data.batching import example_count
from jaxnet.data.streaming import Stream
from jaxnet.devices import mesh_of, put, replicated, to_host
from jaxnet.loading import check_classes, load
from jaxnet.programs import Program, Traced, program_of
from jaxnet.starting import Start
from jaxnet.stopping import EarlyStopping
from jaxnet.training import Build, TrainState
from jaxnet.types import Batch, Device, Hypers, PRNGKey


class Run(NamedTuple):
    """All that a run is made of, on its devices."""

    program: Program
    traced: Traced
    state: TrainState
    train: Batch | Stream
    validation: Batch | Stream | None
    key: PRNGKey


def prepare(
    build: Build,
    hypers: Hypers,
    train: Batch | Stream,
    validation: Batch | Stream | None,
    key: PRNGKey,
    devices: Sequence[Device],
    start: Start,
) -> Run:
    """Checks the data against the model, and makes the first state.

    Raises:
      ValueError: if data, hyperparameters or devices do not fit together.
    """
    program, traced = program_of(build, hypers)
    init_key, train_key = jax.random.split(key)
    train = load("train", train)
    state = programs.init(program, traced, init_key, _first_batch(train), start)
    check_classes(program, traced, state, train)
    if validation is not None:
        validation = load("validation", validation)
        check_classes(program, traced, state, validation)
    if len(devices) > 1:
        mesh = mesh_of(devices)
        program = program._replace(mesh=mesh)
        _check_split(program, train)
        everywhere = replicated(mesh)
        traced, state, train_key = put((traced, state, train_key), everywhere)
        if not isinstance(train, Stream):
            train = put(train, everywhere)
        if not isinstance(validation, Stream):
            validation = put(validation, everywhere)
    return Run(program, traced, state, train, validation, train_key)


def identity_of(
    run: Run,
    hypers: Hypers,
    key: PRNGKey,
    every: int,
    early_stopping: EarlyStopping | None,
    start: Start,
) -> dict[str, Any]:
    """What a checkpoint of the run has to be of."""

    def of_data(data: Batch | Stream | None) -> str | None:
        known = data is not None and not isinstance(data, Stream)
        return fingerprint_data(to_host(data)) if known else data and "a stream"

    # What a stream has more than one example of is of no consequence.
    rows = max(size or 1 for _, size in run.program.stages)
    examples = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(
            (rows if isinstance(run.train, Stream) else len(a), *a.shape[1:]), a.dtype
        ),
        _first_batch(run.train),
    )
    alone = run.program._replace(mesh=None)
    return identity(
        run="fit",
        hypers=dict(hypers),
        key=key,
        every=every,
        early_stopping=early_stopping,
        batch_sizes=run.program.stages,
        train=of_data(run.train),
        validation=of_data(run.validation),
        program=fingerprint_program(alone, run.traced, examples),
        **fingerprint_leaves(start),
    )


def _check_split(program: Program, train: Batch | Stream) -> None:
    """Raises ValueError unless the devices can have equal parts of every batch."""
    assert program.mesh is not None, "a single device has the whole batch"
    count = program.mesh.size
    for _, size in program.stages:
        if size is None and not isinstance(train, Stream):
            size = example_count(train)
        if size is not None and size % count:
            raise ValueError(
                f"batch_size should be a multiple of the {count} devices that share "
                f"it, got {size}. Change it, or pass devices=1."
            )


def _first_batch(data: Batch | Stream) -> Batch:
    """Data that show the shapes: all of the arrays, or a stream's first batch."""
    if not isinstance(data, Stream):
        return data
    for batch in data.in_order(1):
        return batch
    raise ValueError("train is a stream that gave no batch: it is empty.")
