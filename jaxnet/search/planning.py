"""`plan`: everything about a sweep that is known before it runs.

    plan = jaxnet.search.plan(build, space, train, validation, key=key, trials=256,
                              epochs=50)
    print(plan)

shows the groups, the members, how many are trained at a time and why, and the
memory. `sweep` plans first, and refuses what cannot be.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax

from jaxnet.checks import check_int, check_key
from jaxnet.data.streaming import Stream
from jaxnet.devices import devices_of, mesh_of, put, replicated
from jaxnet.loading import load
from jaxnet.search.folding import fold_rows
from jaxnet.search.grouping import group_settings
from jaxnet.search.layouts import PlannedGroup, plan_group, reason, size_text
from jaxnet.search.members import Data, Layout
from jaxnet.search.memory import available, bytes_of
from jaxnet.search.samplers import Sampler, random
from jaxnet.search.showing import shown
from jaxnet.search.space import Space
from jaxnet.starting import load_start
from jaxnet.stopping import EarlyStopping, check_stopping
from jaxnet.training import Build
from jaxnet.types import Batch, Device, Hypers, ModelState, Params, PRNGKey


@dataclass(frozen=True)
class Plan:
    """A sweep before it runs.

    Attributes:
      build: hyperparameters to the task.
      space: what the settings were drawn from; None for settings that were given.
      settings: one for each trial.
      seeds: runs of each setting, which have their seeds in common.
      folds: parts of the training data that are held out in turn; 1 for none.
      key: of the sweep. The key of a run is ``fold_in(key, seed)``.
      epochs: passes over the training data.
      every: epochs in a block.
      early_stopping: when a member stops; None for never.
      data: on all devices.
      groups: one for each program.
      chunk: as in `sweep`.
      devices: all of them.
      bytes: that everything takes on all devices: an estimate.
      available: bytes that there are.
    """

    build: Build
    space: Space | None
    settings: list[dict[str, Any]]
    seeds: int
    folds: int
    key: PRNGKey
    epochs: int
    every: int
    early_stopping: EarlyStopping | None
    data: Data
    groups: list[PlannedGroup]
    chunk: int | Literal["auto"]
    devices: list[Device]
    bytes: int
    available: int

    @property
    def members(self) -> int:
        """How many runs: settings times seeds times folds."""
        return len(self.settings) * self.seeds * self.folds

    def __str__(self) -> str:
        kinds = ", ".join(sorted({d.device_kind for d in self.devices}))
        runs = [f"{len(self.settings)} settings", f"{self.seeds} seeds"]
        if self.folds > 1:
            runs.append(f"{self.folds} folds")
        lines = [
            f"{' x '.join(runs)} = {self.members:,} members, {self.epochs} epochs each",
            f"{len(self.devices)} devices ({kinds}); {size_text(self.bytes)} of "
            f"{size_text(self.available)} memory",
        ]
        for i, one in enumerate(self.groups, start=1):
            static = ", ".join(f"{k}={shown(v)}" for k, v in one.group.program.static)
            lines.append(
                f"program {i}: {one.members:,} members"
                + (f" with {static}" if static else "")
                + f", {one.layout.chunk} at a time on each device: {reason(one)}"
            )
        return "\n".join(lines)


def plan(
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
    early_stopping: EarlyStopping | None = None,
    chunk: int | Literal["auto"] = "auto",
    devices: int | Sequence[Device] | None = None,
    memory: int | None = None,
) -> Plan:
    """Plans a sweep: the arguments are those of `sweep`, which says what they are.

    Args:
      build: as in `sweep`, like all that follow.
      space: likewise.
      train: likewise.
      validation: likewise.
      key: likewise.
      epochs: likewise.
      trials: likewise.
      seeds: likewise.
      folds: likewise.
      sampler: likewise.
      every: likewise.
      params: likewise.
      model_state: likewise.
      early_stopping: likewise.
      chunk: likewise.
      devices: likewise.
      memory: likewise.

    Returns:
      The plan. Nothing was compiled for it.

    Raises:
      ValueError: if arguments, data or hyperparameters do not fit together, or would
        take more memory than there is.
    """
    check_key(key)
    for name, value in {"seeds": seeds, "folds": folds, "every": every}.items():
        check_int(name, value)
    check_int("epochs", epochs)
    if epochs % every:
        raise ValueError(
            f"epochs should be a multiple of every={every}, so that all blocks have "
            f"the same length, got {epochs}."
        )
    if early_stopping is not None:
        check_stopping(early_stopping)
    settings_key, runs_key = jax.random.split(key)
    settings = _settings(space, trials, sampler, settings_key)
    used = devices_of(devices)
    mesh = mesh_of(used)
    data = _load(train, validation, folds, runs_key)
    data = data._replace(start=load_start(params, model_state))
    data = put(data, replicated(mesh))
    layout = functools.partial(Layout, mesh, every=every, early_stopping=early_stopping)
    batches = [len(settings)]
    planned = _groups(build, settings, batches, data, seeds * folds, layout, chunk)
    total = sum(one.bytes for one in planned) + bytes_of(data) * len(used)
    limit = available(used) if memory is None else memory
    result = Plan(
        build=build,
        space=space if isinstance(space, Mapping) else None,
        settings=settings,
        seeds=seeds,
        folds=folds,
        key=runs_key,
        epochs=epochs,
        every=every,
        early_stopping=early_stopping,
        data=data,
        groups=planned,
        chunk=chunk,
        devices=used,
        bytes=total,
        available=limit,
    )
    if total > limit:
        raise ValueError(
            f"this sweep would take about {size_text(total)}, and there are "
            f"{size_text(limit)}. Use fewer trials or seeds, a smaller chunk, or more "
            f"devices. The plan:\n{result}"
        )
    return result


def regroup(plan: Plan, batches: Sequence[int]) -> Plan:
    """The plan with groups for each batch of trials, which are trained apart.

    Args:
      plan: of all trials.
      batches: how many of them are in each, in their order.
    """
    layout = functools.partial(
        Layout,
        mesh_of(plan.devices),
        every=plan.every,
        early_stopping=plan.early_stopping,
    )
    each = plan.seeds * plan.folds
    groups = _groups(
        plan.build, plan.settings, batches, plan.data, each, layout, plan.chunk
    )
    return replace(plan, groups=groups)


def _groups(
    build: Build,
    settings: list[dict[str, Any]],
    batches: Sequence[int],
    data: Data,
    members: int,
    layout: Callable[..., Layout],
    chunk: int | Literal["auto"],
) -> list[PlannedGroup]:
    """The programs of each batch of settings, with so many members a setting."""
    planned, start = [], 0
    for count in batches:
        for group in group_settings(build, settings[start : start + count]):
            group = group._replace(trials=group.trials + start)
            size = len(group.trials) * members
            planned.append(plan_group(group, data, size, layout, chunk))
        start += count
    return planned


def _settings(
    space: Space | Sequence[Hypers], trials: int | None, sampler: Sampler, key: PRNGKey
) -> list[dict[str, Any]]:
    if isinstance(space, Mapping):
        if trials is None:
            raise ValueError(
                "trials: say how many settings to draw from the space, such as "
                "trials=64."
            )
        return sampler(space, trials, key)
    if trials is not None:
        raise ValueError(
            f"trials={trials} is for a space to draw from, and there are "
            f"{len(space)} settings given. Leave it out."
        )
    settings = [dict(setting) for setting in space]
    if not settings:
        raise ValueError("space: got no setting. Give at least one.")
    return settings


def _load(train: Batch, validation: Batch | None, folds: int, key: PRNGKey) -> Data:
    if isinstance(train, Stream) or isinstance(validation, Stream):
        raise ValueError(
            "a sweep needs its data in device memory, got a Stream. Pass arrays, or "
            "use fit, which trains on streams."
        )
    data = Data(load("train", train))
    if validation is not None:
        if folds > 1:
            raise ValueError(
                f"folds={folds} validates on parts of train, and there are validation "
                "data as well. Leave out one of them."
            )
        data = data._replace(validation=load("validation", validation))
    if folds > 1:
        train_rows, held_rows = fold_rows(data.train, folds, key)
        data = data._replace(train_rows=train_rows, held_rows=held_rows)
    return data
