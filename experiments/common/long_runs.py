"""Runs that take long: written down to be resumed, and divided among processes.

    config, options = parse("sweep", __doc__, Config, argv, long=True)
    join_processes(options.long)
    jaxnet.sweep(..., **options.long.saving("round_1"))

Where Slurm, Open MPI or Kubernetes has started several processes, they find each
other by themselves.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

HEARTBEAT_SECONDS = 30
"""After so long without a sign of life a process is taken for dead, and all end."""


class LongRun(NamedTuple):
    """What the command line says about it.

    Attributes:
      checkpoint: the folder for checkpoints; None for none.
      resume: whether to go on from those that are there.
      coordinator: HOST:PORT of the first process; None for a single process.
      processes: how many there are.
      process: which this is, from 0.
    """

    checkpoint: str | None = None
    resume: bool = False
    coordinator: str | None = None
    processes: str | None = None
    process: str | None = None

    def saving(self, part: str) -> dict[str, Any]:
        """The arguments of `jaxnet.fit` or `jaxnet.sweep` for a part of the run."""
        if self.checkpoint is None:
            return {}
        return {"checkpoint": Path(self.checkpoint) / part, "resume": self.resume}

    def problems(self) -> list[str]:
        """One for each flag that cannot be so."""
        found = []
        if self.resume and self.checkpoint is None:
            found.append("--resume needs to know from where: add --checkpoint FOLDER.")
        several = (self.coordinator, self.processes, self.process)
        if several == (None, None, None):
            return found
        if None in several:
            found.append("--coordinator, --processes and --process go together.")
            return found
        processes, process = str(self.processes), str(self.process)
        if not processes.isdecimal() or int(processes) < 1:
            found.append(
                f"processes should be an int of at least 1, got {processes!r}."
            )
        elif not process.isdecimal() or int(process) >= int(processes):
            found.append(
                f"process should be an int from 0 to {int(processes) - 1}, got "
                f"{process!r}."
            )
        host, _, port = str(self.coordinator).rpartition(":")
        if not host or not port.isdecimal():
            found.append(
                f"coordinator should be HOST:PORT, got {self.coordinator!r}, such as "
                "127.0.0.1:9876."
            )
        return found


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `LongRun`."""
    group = parser.add_argument_group("options of long runs")
    add = group.add_argument
    text = "write the run down here from time to time"
    add("--checkpoint", metavar="FOLDER", help=text)
    text = "go on from the last checkpoint, if there is one"
    add("--resume", action="store_true", help=text)
    text = "where process 0 listens, if there are several"
    add("--coordinator", metavar="HOST:PORT", help=text)
    add("--processes", metavar="INT", help="how many there are")
    add("--process", metavar="INT", help="which this is, from 0")


def join_processes(long: LongRun) -> None:
    """Joins the other processes, if there are any, and says which this is.

    It has to come before anything that starts JAX.

    Raises:
      ValueError: if the others cannot be found.
    """
    if long.coordinator is None:
        if not _is_cluster(os.environ):
            return
        arguments = {}
    else:
        arguments = {
            "coordinator_address": long.coordinator,
            "num_processes": int(str(long.processes)),
            "process_id": int(str(long.process)),
        }
    try:
        jax.distributed.initialize(
            **arguments, heartbeat_timeout_seconds=HEARTBEAT_SECONDS
        )
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"the processes could not be joined: {error}") from error
    there, ours = len(jax.devices()), len(jax.local_devices())
    print(
        f"process {jax.process_index()} of {jax.process_count()}, "
        f"{ours} of {there} devices"
        + (", writes the results" if jax.process_index() == 0 else ""),
        flush=True,
    )


def _is_cluster(environment: Mapping[str, str]) -> bool:
    """Whether a scheduler that JAX knows has started several processes."""

    def several(name: str) -> bool:
        text = environment.get(name, "")
        return text.isdecimal() and int(text) > 1

    return (
        ("SLURM_PROCID" in environment and several("SLURM_NTASKS"))
        or several("OMPI_COMM_WORLD_SIZE")
        or (
            "KUBERNETES_SERVICE_HOST" in environment
            and "JOB_COMPLETION_INDEX" in environment
        )
    )
