"""`sweep`: training runs for many settings as one program for each shape.

A sweep is nothing but its runs: every member is what `fit` gives for its setting and
seed, to rounding, whatever its neighbours, the chunk and the devices are.
"""

import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import jax
import numpy as np

from jaxnet.checks import check_choice
from jaxnet.devices import is_leader, to_host
from jaxnet.progress import progress_bar
from jaxnet.search.halving import Halving, rungs, survivors
from jaxnet.search.planning import Plan, plan
from jaxnet.search.ranking import kept_rows
from jaxnet.search.results import Runs, Sweep
from jaxnet.search.running import Running, compile_all
from jaxnet.search.samplers import Sampler, random
from jaxnet.search.space import Space
from jaxnet.stopping import EarlyStopping
from jaxnet.training import Build
from jaxnet.types import Batch, Device, Hypers, PRNGKey


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
    monitor: str | None = None,
    maximize: bool = False,
    early_stopping: EarlyStopping | None = None,
    halving: Halving | None = None,
    chunk: int | Literal["auto"] = "auto",
    devices: int | Sequence[Device] | None = None,
    memory: int | None = None,
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
      progress: whether to show the plan and a bar, if stderr is a terminal.

    Returns:
      All runs with their curves and last finite states.

    Raises:
      ValueError: if arguments, data or hyperparameters do not fit together, or would
        take more memory than there is. Nothing has been compiled then.
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
        early_stopping=early_stopping,
        chunk=chunk,
        devices=devices,
        memory=memory,
    )
    if monitor is None:
        held_out = validation is not None or folds > 1
        monitor = "validation_loss" if held_out else "train_loss"
    return run(planned, monitor, maximize, halving, progress=progress)


def run(
    planned: Plan,
    monitor: str,
    maximize: bool,
    halving: Halving | None,
    *,
    progress: bool,
) -> Sweep:
    """Trains what was planned; the arguments are those of `sweep`."""
    progress = progress and is_leader()
    if progress and sys.stderr.isatty():
        print(planned, file=sys.stderr)
    every, epochs = planned.every, planned.epochs
    stops = [*rungs(halving, epochs, every), epochs]
    groups = [Running(planned, group) for group in planned.groups]
    lowered = [program for group in groups for program in group.lowered()]
    metrics = sorted(lowered[0].out_info[1])
    check_choice("monitor", monitor, metrics)

    start = time.perf_counter()
    compile_all(lowered)
    compiled = time.perf_counter()
    curves = {
        name: np.full((planned.members, epochs // every), np.nan, np.float32)
        for name in metrics
    }
    halved = np.zeros(len(planned.settings), int)
    each = planned.seeds * planned.folds
    for group in groups:
        group.init()
    total = planned.members * epochs
    with progress_bar(total, show=progress, unit="member-epochs") as update:

        def record(ids: np.ndarray, block: int, rows: dict[str, Any]) -> None:
            for name, values in rows.items():
                curves[name][ids, block : block + values.shape[1]] = values
            left = sum(int(group.active.sum()) for group in groups)
            ahead = sum(int((epochs - g.epochs[g.active]).sum()) for g in groups)
            update(total - ahead, f"{left:,} members in training")

        for first, last in itertools.pairwise([0, *stops]):
            for group in groups:
                group.train(first, last, record)
            if halving is not None and last < epochs:
                runs = _collect(groups, curves, halved)
                dropped = _dropped(halving, runs, monitor, maximize, every)
                halved[dropped] = last
                ids = dropped[:, None] * each + np.arange(each)
                for group in groups:
                    group.stop(ids.ravel())
    runs = _collect(groups, curves, halved)
    jax.block_until_ready(runs.stacks)
    if jax.process_count() > 1:
        runs = replace(runs, stacks=to_host(runs.stacks))
    seconds = {"compile": compiled - start, "run": time.perf_counter() - compiled}
    return Sweep.of(planned, runs, monitor, maximize, seconds)


def _collect(
    groups: Sequence[Running], curves: dict[str, np.ndarray], halved: np.ndarray
) -> Runs:
    """What all groups know, in one table."""
    ids = np.concatenate([group.ids for group in groups])
    by_member = np.argsort(ids)

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(group, name) for group in groups])[by_member]

    return Runs(
        curves=curves,
        bad_step=column("bad_step"),
        epochs=column("epochs"),
        active=column("active"),
        best_epoch=column("best_epoch"),
        halved=halved.copy(),
        stacks=[group.members for group in groups],
        place=np.concatenate(
            [
                np.stack([np.full(len(group.ids), i), group.slots()], axis=1)
                for i, group in enumerate(groups)
            ]
        )[by_member],
    )


def _dropped(
    halving: Halving, runs: Runs, monitor: str, maximize: bool, every: int
) -> np.ndarray:
    """The trials that do not go on: behind, or with a member that diverged."""
    scores = kept_rows(
        runs.curves[monitor], runs.epochs, runs.bad_step, runs.best_epoch, every
    )
    there = np.flatnonzero(runs.halved == 0)
    means = scores.reshape(len(runs.halved), -1)[there].mean(axis=1)
    costs = -means if maximize else means
    return np.delete(there, survivors(halving, costs))
