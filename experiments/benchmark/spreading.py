"""The same sweep on one device, on all of them, and in two processes.

The members are those of `small_nets` with 64 units, and the time is `jaxnet.sweep`'s
own ``seconds["run"]``. A CPU is one device for each core here, as it is for our
experiments, or a single one, as JAX has it. Each of two processes has one device.
"""

import os
import socket
from collections.abc import Callable

from experiments.benchmark.case import Case
from experiments.benchmark.scaling import members
from experiments.benchmark.turns import start

MEMBERS = 512
"""As many as keep all devices busy for some seconds."""

_PROCESS, _PORT = "JAXNET_BENCHMARK_PROCESS", "JAXNET_BENCHMARK_PORT"


def two_processes() -> Callable[[], float]:
    """The contestant that starts two processes, which are this contestant as well."""
    if _PROCESS in os.environ:
        return _one_of_two()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    workers = [
        start("spreading", "two processes", **{_PROCESS: place, _PORT: port})
        for place in ("0", "1")
    ]

    def measure() -> float:
        for worker in workers:
            worker.go()
        return max(worker.answer().value for worker in workers)

    return measure


def _one_of_two() -> Callable[[], float]:
    import jax

    jax.config.update("jax_num_cpu_devices", 1)
    jax.distributed.initialize(
        f"127.0.0.1:{os.environ[_PORT]}", 2, int(os.environ[_PROCESS])
    )
    return members(MEMBERS)()


CASES = {
    "spreading": Case(
        unit="microseconds per step of one member",
        contestants={
            "all devices": members(MEMBERS),
            "one device": members(MEMBERS, devices=1),
            "two processes": two_processes,
        },
        targets={"one device": 1 / 1.8},
    )
}
