"""How the members of a program are laid out on the devices, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from jaxnet.batch_sizes import check_blocks
from jaxnet.checks import check_int
from jaxnet.loading import check_classes
from jaxnet.search.grouping import Group
from jaxnet.search.members import Data, Layout
from jaxnet.search.memory import (
    available,
    bytes_of,
    cpu_chunk,
    state_shapes,
    working_set,
)

SWAPPED = 32
"""When members change places, one in this many does at a time, with some copies."""


@dataclass(frozen=True)
class PlannedGroup:
    """One program, and the members that it trains.

    Attributes:
      group: the settings.
      members: how many: settings times seeds times folds.
      layout: how they are laid out on the devices.
      slots: members that there is room for, a multiple of devices times chunk.
      working_set: bytes that a training step of one member goes through.
      bytes: that the group takes on all devices.
    """

    group: Group
    members: int
    layout: Layout
    slots: int
    working_set: int
    bytes: int


def plan_group(
    group: Group, data: Data, members: int, layout: Callable[..., Layout], chunk: Any
) -> PlannedGroup:
    """Lays out a group: how many members at a time, and what they take.

    Args:
      group: the settings.
      data: on the devices.
      members: how many: settings times seeds times folds.
      layout: makes the layout of a chunk.
      chunk: the most members that a device may train at a time; "auto" to choose.

    Raises:
      ValueError: if the chunk is no int of at least 1, labels or given weights do
        not fit, or the batch size changes within a block.
    """
    traced = {name: jnp.asarray(column[0]) for name, column in group.traced.items()}
    program = group.program
    check_blocks(program.stages, layout(1).every)
    state = state_shapes(program, traced, data.train, data.start)
    for part in (data.train, data.validation):
        if part is not None:
            check_classes(program, traced, state, part)
    working = working_set(program, traced, state, data.train)
    one = layout(1)
    devices = one.mesh.devices.ravel()
    on_each = -(-members // len(devices))
    if chunk == "auto":
        largest = cpu_chunk(working)
        if devices[0].platform != "cpu":
            # An accelerator is fastest with all that fit, and half of it is enough.
            largest = max(1, available(list(devices)) // len(devices) // 2 // working)
    else:
        check_int("chunk", chunk)
        largest = int(chunk)
    # Chunks of one size, with as little room left in the last as can be.
    chunks = -(-on_each // min(largest, on_each))
    one = layout(-(-on_each // chunks))
    slots = len(devices) * chunks * one.chunk
    kept = bytes_of(state) * (1 if one.early_stopping is None else 2)
    in_use = len(devices) * one.chunk * working
    states = slots * kept * (1 + 8 / SWAPPED)
    return PlannedGroup(group, members, one, slots, working, int(states) + in_use)


def reason(one: PlannedGroup) -> str:
    """Why a group has the chunk that it has."""
    working, devices = size_text(one.working_set), one.layout.mesh.devices.ravel()
    if one.layout.chunk * len(devices) >= one.members:
        return f"all there are (a step of one goes through {working})"
    if devices[0].platform != "cpu":
        return f"what fits (a step of one goes through {working})"
    if one.layout.chunk == 1:
        return f"a step goes through {working}, which fills a core by itself"
    return f"a step of one goes through {working}, and these share a core's cache"


def size_text(count: float | int) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
