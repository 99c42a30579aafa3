"""Contestants that take turns, each in a process of its own.

Each process is ``python -m experiments.benchmark.worker CASE CONTESTANT``, which
measures once for every line that it reads, and ends with what it reads from.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from experiments.benchmark.case import Turn


class Worker(NamedTuple):
    """A contestant's process."""

    name: str
    process: subprocess.Popen[str]

    def go(self) -> None:
        """Lets it measure; the answer comes later."""
        assert self.process.stdin is not None
        # If it has ended, its answer will tell.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("go\n")
            self.process.stdin.flush()

    def answer(self) -> Turn:
        """What it measured.

        Raises:
          RuntimeError: if its process has ended; its own error is on stderr.
        """
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"the process of {self.name!r} ended with status "
                f"{self.process.wait()}. Its error is above; PyTorch is needed for "
                "some: pip install -e '.[bench]'."
            )
        return Turn(*map(float, answer.split()))

    def end(self) -> None:
        """Lets it end by itself, with all processes that it started."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # It was interrupted as it measured.
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def start(case: str, contestant: str, **environment: str) -> Worker:
    """Starts a contestant's process.

    Args:
      case: its name.
      contestant: likewise.
      **environment: variables that it gets beside our own.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.benchmark.worker", case, contestant],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    return Worker(contestant, process)


def take_turns(
    case: str,
    contestants: Iterable[str],
    repeats: int,
    *,
    warm_up: bool = True,
    **environment: str,
) -> dict[str, list[Turn]]:
    """Measurements of each contestant, one for each round.

    Args:
      case: its name.
      contestants: the names of those to measure.
      repeats: rounds.
      warm_up: whether each has a turn before the first that counts.
      **environment: variables that they get beside our own.

    Raises:
      RuntimeError: if a contestant's process ends; its own error is on stderr.
    """
    workers = [start(case, contestant, **environment) for contestant in contestants]
    try:
        for worker in (
            workers if warm_up else ()
        ):  # Imports, compilation, first touches.
            worker.go()
            worker.answer()
        turns: dict[str, list[Turn]] = {worker.name: [] for worker in workers}
        for _ in range(repeats):
            for worker in workers:
                worker.go()
                turns[worker.name].append(worker.answer())
        return turns
    finally:
        for worker in workers:
            worker.end()
