"""Contestants that take turns, each in a process of its own.

Each process is ``python -m experiments.benchmark.worker CASE CONTESTANT``, which
measures once for every line that it reads.
"""

import subprocess
import sys
from collections.abc import Iterable


def take_turns(
    case: str, contestants: Iterable[str], repeats: int
) -> dict[str, list[float]]:
    """Measurements of each contestant, in seconds, one for each round.

    Args:
      case: its name.
      contestants: the names of those to measure.
      repeats: rounds.

    Raises:
      RuntimeError: if a contestant's process ends; its own error is on stderr.
    """
    workers = {
        name: subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmark.worker", case, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in contestants
    }
    try:
        for name, worker in workers.items():
            _ask(name, worker)  # Imports, compilation, first touches.
        times: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(repeats):
            for name, worker in workers.items():
                times[name].append(_ask(name, worker))
        return times
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()


def _ask(name: str, worker: subprocess.Popen[str]) -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    except BrokenPipeError:
        pass
    answer = worker.stdout.readline()
    if not answer:
        raise RuntimeError(
            f"the process of {name!r} ended with status {worker.wait()}. Its error is "
            "above; PyTorch is needed for some: pip install torch==2.13.0."
        )
    return float(answer)
