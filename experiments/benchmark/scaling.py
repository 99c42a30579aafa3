"""What a training step of one member costs, from 8 members to 10,000, and its memory.

The members are those of `small_nets` with 64 units. Time is `jaxnet.sweep`'s own
``seconds["run"]``, with as many epochs as give each contestant the same work. Memory
is what a process grows by at most between compilation and the last epoch, beside the
figure of the sweep's plan.
"""

import itertools
import resource
import subprocess
import sys
from collections.abc import Callable

from experiments.benchmark.case import Case
from experiments.benchmark.small_nets_data import (
    BATCH,
    EXAMPLES,
    RATES,
    build_of,
    data,
)
from experiments.common.devices import split_cpu

UNITS = 64
WORK = 4096 * 4
"""Epochs of one member in a measurement, all together."""


def members(count: int, devices: int = 0) -> Callable[[], Callable[[], float]]:
    """The contestant that trains so many members on so many devices, 0 for all."""

    def prepare() -> Callable[[], float]:
        split_cpu(devices)
        import jax

        from jaxnet import search

        calls, build, epochs = itertools.count(), build_of(UNITS), max(2, WORK // count)

        def measure() -> float:
            result = search.sweep(
                build,
                {"rate": search.log_uniform(*RATES)},
                data(),
                key=jax.random.key(next(calls)),
                trials=count,
                epochs=epochs,
                devices=devices or None,
            )
            steps = count * epochs * (EXAMPLES // BATCH)
            return result.seconds["run"] / steps * 1e6

        return measure

    return prepare


def planned() -> Callable[[], float]:
    """What the plan says."""
    return lambda: _memory("plan")


def grown() -> Callable[[], float]:
    """What a process grows by."""
    return lambda: _memory("growth")


def _memory(which: str) -> float:
    """A figure of a sweep in a process of its own, in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.benchmark.scaling"],
        capture_output=True,
        check=True,
        text=True,
    )
    plan, growth = map(float, done.stdout.split())
    return plan if which == "plan" else growth


def main() -> None:
    """Prints the plan's figure and the growth of this process, in MB."""
    split_cpu()
    import jax

    from jaxnet.search.planning import plan
    from jaxnet.search.running import Running, compile_all

    made = plan(
        build_of(UNITS),
        [{"rate": 1e-3 * (1 + i / 4096)} for i in range(4096)],
        data(),
        key=jax.random.key(0),
        epochs=2,
    )
    group = Running(made, made.groups[0])
    compile_all(group.lowered({}))
    before = _peak()
    group.init()
    group.train(2, lambda ids, block, rows: None)
    # Half of them go on, and change places with the others.
    group.stop(group.ids[::2])
    jax.block_until_ready(group.members)
    print(made.bytes / 1e6, _peak() - before)


def _peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


CASES = {
    "scaling": Case(
        unit="microseconds per step of one member",
        contestants={
            "8 members": members(8),
            "64 members": members(64),
            "512 members": members(512),
            "4,096 members": members(4096),
            "10,000 members": members(10_000),
        },
        targets=dict.fromkeys(["64 members", "512 members", "4,096 members"], 1.25),
    ),
    "memory": Case(
        unit="MB for 4,096 members",
        contestants={"growth": grown, "plan": planned},
        targets={"plan": 1.25},
    ),
}

if __name__ == "__main__":
    main()
