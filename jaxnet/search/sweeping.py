"""`sweep`: training runs for many settings as one program for each shape.

A sweep is nothing but its runs: every member is what `fit` gives for its setting and
seed, to rounding, whatever its neighbours, the chunk and the devices are.
"""

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import jax

from jaxnet.checkpoint.keeping import Checkpoints, keeping
from jaxnet.devices import is_leader, to_host
from jaxnet.progress import progress_bar
from jaxnet.search.course import Course
from jaxnet.search.halving import Halving, rungs
from jaxnet.search.planning import Plan, plan
from jaxnet.search.results import Sweep
from jaxnet.search.resuming import replanned, sweep_identity
from jaxnet.search.samplers import Sampler, random
from jaxnet.search.space import Space
from jaxnet.stopping import EarlyStopping
from jaxnet.training import Build
from jaxnet.types import Batch, Device, Hypers, ModelState, Params, PRNGKey


def sweep(
    build: Build,
    space: Space | Sequence[Hypers],
    train: Batch,
    validation: Batch | None = None,
    *,
    key: PRNGKey,
    epochs: int,
    trials: int | None = None,
    seeds: int = 1,
    folds: int = 1,
    sampler: Sampler = random,
    every: int = 1,
    params: Params | None = None,
    model_state: ModelState | None = None,
    monitor: str | None = None,
    maximize: bool = False,
    early_stopping: EarlyStopping | None = None,
    halving: Halving | None = None,
    chunk: int | Literal["auto"] = "auto",
    devices: int | Sequence[Device] | None = None,
    memory: int | None = None,
    checkpoint: Checkpoints | str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Sweep:
    """Trains a model for every setting, seed and fold.

    Args:
      build: ``hypers -> Task``, as in `fit`. Floats are traced; settings that differ
        in anything else are another program.
      space: what to vary: names with `choice`, `uniform`, `log_uniform`, `integers`,
        `log_integers` or a fixed value; or the settings themselves, as a list.
      train: ``(x, y)`` or ``(x, y, weights)``, arrays with the examples on the
        leading axis.
      validation: likewise; evaluated after each block, never trained on.
      key: ``jax.random.key(number)``. Settings are drawn from one half of it, runs
        from the other: all settings have the same initial keys and orders of the
        data for one seed, so that they are compared in pairs.
      epochs: passes over the training data, a multiple of ``every``.
      trials: how many settings to draw from the space, at least 1; None for
        settings that are given.
      seeds: runs of each setting, at least 1.
      folds: cross-validation if more than 1: the parts of the training data that are
        held out in turn. No program is compiled for them.
      sampler: how to draw settings: ``jaxnet.search.random``, ``sobol`` or ``grid``.
      every: epochs in a block. There is one row of curves for each block.
      params: weights to start from, as in `fit`; the same for every member.
      model_state: likewise.
      monitor: the metric that ranks settings; "validation_loss" by default, and
        "train_loss" where nothing is validated on.
      maximize: whether more of it is better.
      early_stopping: when a member stops before ``epochs``; its best state is kept.
      halving: when settings are dropped that are behind.
      chunk: members that a device trains at a time at most; "auto" for as many as
        its cache, or memory, has room for.
      devices: those to train on, or how many; None for all, also those of other
        processes. Each process calls ``sweep`` then, and gets the whole result.
      memory: bytes that the sweep may take; None for what is free.
      checkpoint: a folder, or `jaxnet.Checkpoints`, to write the sweep down in from
        time to time, with all that it needs to go on, on other devices as well.
      resume: whether to go on from the last checkpoint in the folder; where there is
        none yet, the sweep starts from the beginning. More ``trials`` than before
        are added to those that are there, of which none is trained again.
      progress: whether to show the plan and a bar, if stderr is a terminal.

    Returns:
      All runs with their curves and last finite states.

    Raises:
      ValueError: if arguments, data or hyperparameters do not fit together, or would
        take more memory than there is, or the checkpoint is damaged or of another
        sweep. Nothing has been compiled then.
      CheckpointError: if a checkpoint could not be written; it has the sweep so far.
    """
    planned = plan(
        build,
        space,
        train,
        validation,
        key=key,
        epochs=epochs,
        trials=trials,
        seeds=seeds,
        folds=folds,
        sampler=sampler,
        every=every,
        params=params,
        model_state=model_state,
        early_stopping=early_stopping,
        chunk=chunk,
        devices=devices,
        memory=memory,
    )
    if monitor is None:
        held_out = validation is not None or folds > 1
        monitor = "validation_loss" if held_out else "train_loss"
    return run(
        planned,
        monitor,
        maximize,
        halving,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )


def run(
    planned: Plan,
    monitor: str,
    maximize: bool,
    halving: Halving | None,
    *,
    checkpoint: Checkpoints | str | Path | None = None,
    resume: bool = False,
    progress: bool,
) -> Sweep:
    """Trains what was planned; the arguments are those of `sweep`."""
    stops = [*rungs(halving, planned.epochs, planned.every), planned.epochs]
    identity = functools.partial(sweep_identity, planned, monitor, maximize, halving)
    with keeping(checkpoint, identity, resume=resume) as keeper:
        meta = keeper.found and keeper.found[1]
        if meta is not None:
            planned = replanned(planned, keeper.folder, meta, halving)
        show = progress and is_leader()
        if show and sys.stderr.isatty():
            print(planned, file=sys.stderr)
        course = Course(planned, monitor, maximize, keeper)
        total = planned.members * planned.epochs
        with progress_bar(total, show=show, unit="member-epochs") as update:
            course.train(stops, halving, update)
        result = course.result()
    if jax.process_count() == 1:
        return result
    runs = replace(result.runs, stacks=to_host(result.runs.stacks))
    return replace(result, runs=runs)
