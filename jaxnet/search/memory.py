"""How much memory members take, and how many a device should train at a time."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxnet.hypers import join_hypers
from jaxnet.programs import Program
from jaxnet.starting import Start
from jaxnet.training import TrainState, supervised
from jaxnet.types import Batch, Device

# Primitives whose results the compiler keeps: it fuses most others away.
_KEPT = {"dot_general", "conv_general_dilated", "scatter-add", "scatter_add", "while"}

CHUNK_BYTES = 2**19
"""What the members that a CPU device trains at a time should go through in a step.

It was the fastest, or nearly so, on two machines whose cores have second-level caches
of 1 and 2 MiB, for nets of 16 to 256 units; four times as much is hardly slower, a
quarter costs up to a fifth.
"""

LARGEST_CHUNK = 32
"""On a CPU. More members at a time were not faster, however small."""


def bytes_of(tree: Any) -> int:
    """The size of arrays, or of what is to become arrays."""
    # A typed key has no itemsize of its own: threefry's has two words.
    return sum(
        math.prod(leaf.shape) * getattr(leaf.dtype, "itemsize", 8)
        for leaf in jax.tree.leaves(tree)
    )


def state_shapes(
    program: Program, traced: Any, train: Batch, start: Start
) -> TrainState:
    """The shapes of one member's state; nothing is computed."""
    hypers = join_hypers(traced, program.static)
    init = functools.partial(supervised(program.build).init, hypers)
    return jax.eval_shape(init, jax.random.key(0), train, start)


def working_set(program: Program, traced: Any, state: TrainState, train: Batch) -> int:
    """Bytes that a training step of one member goes through: an estimate.

    They are its state and the results of all contractions, forwards and backwards.
    For dense nets of 16 to 256 units that is within a third of what XLA reports.

    Args:
      program: the member's.
      traced: its hyperparameters, as numbers or shapes.
      state: its shapes.
      train: the shapes of the examples.
    """
    examples = len(jax.tree.leaves(train)[0])
    rows = max(size or examples for _, size in program.stages)
    batch = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct((rows, *a.shape[1:]), a.dtype), train
    )

    def step(traced: Any, state: TrainState, batch: Batch, key: Any) -> Any:
        hypers = join_hypers(traced, program.static)
        return supervised(program.build).step(hypers, state, batch, key)

    jaxpr = jax.make_jaxpr(step)(traced, state, batch, jax.random.key(0))
    return bytes_of(state) + bytes_of(batch) + sum(_kept(jaxpr.jaxpr))


def cpu_chunk(working: int) -> int:
    """How many members of this working set a CPU device should train at a time."""
    return max(1, min(LARGEST_CHUNK, round(CHUNK_BYTES / working)))


def available(devices: list[Device]) -> int:
    """Bytes that arrays on these devices can still take, all together."""
    if devices[0].platform == "cpu":
        return _free_memory()
    each = []
    for device in devices:
        if device.process_index != jax.process_index():
            continue  # Its memory cannot be asked for, and is like our own.
        stats = device.memory_stats() or {}
        if "bytes_limit" not in stats:
            return _free_memory()
        each.append(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return min(each) * len(devices)


def _kept(jaxpr: Any) -> Iterator[int]:
    """The sizes of what is kept, in this program and those within it."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in _KEPT | {"scan"}:
            yield sum(
                int(np.prod(var.aval.shape)) * getattr(var.aval.dtype, "itemsize", 8)
                for var in equation.outvars
            )
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _kept(inner)


def _free_memory() -> int:
    """Bytes of main memory that are free, or can be made so."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kibibytes["MemAvailable"] * 1024
    except (OSError, KeyError, ValueError, IndexError):
        import os

        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
