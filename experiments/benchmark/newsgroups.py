"""From the start of a process to test accuracy on the real 20 Newsgroups.

Ours is `experiments.newsgroups` with its defaults: latent semantic analysis and the
lecture's net. The others are `newsgroups_peers`, which never import jaxnet or JAX.
Each turn is a new process with a seed of its own; the time is from its start to its
end, the score its test accuracy. Ours holds out a twentieth of the training posts,
and looks at them after every epoch; theirs learn from all of them.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from experiments.benchmark.case import Case, Turn

CORPUS = "JAXNET_BENCHMARK_CORPUS"
"""The environment variable with the folder of the corpus."""

FILES = ("train.parquet", "test.parquet")
"""In that folder: columns "text" and "label"."""

_OURS = """
import resource, sys
from experiments.newsgroups import Config, run
metrics = run(Config(corpus=sys.argv[1], seed=int(sys.argv[2]))).metrics
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(metrics["test_accuracy"], peak)
"""

# Without its own folder on the path, whose modules have names that others may have.
_PEERS = ("-P", str(Path(__file__).with_name("newsgroups_peers.py")))


def job(*command: str) -> Callable[[], Callable[[], Turn]]:
    """The contestant that runs Python with these arguments, a corpus and a seed."""

    def prepare() -> Callable[[], Turn]:
        calls = itertools.count()
        return lambda: _run(command, next(calls))[0]

    return prepare


def peak() -> Callable[[], float]:
    """The most memory that our job has, in MB."""
    return lambda: _run(("-c", _OURS), 0)[1]


def allowed() -> Callable[[], float]:
    """2 GB."""
    return lambda: 2000.0


def _run(command: tuple[str, ...], seed: int) -> tuple[Turn, float]:
    """The seconds and the test accuracy of a job, and what else it prints."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command, os.environ[CORPUS], str(seed)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
    )
    seconds = time.perf_counter() - start
    accuracy, megabytes = map(float, done.stdout.split())
    return Turn(seconds, accuracy), megabytes


CASES = {
    "newsgroups": Case(
        unit="seconds from start to test accuracy",
        contestants={
            "jaxnet": job("-c", _OURS),
            "scikit-learn + PyTorch": job(*_PEERS, "pytorch"),
            "scikit-learn's MLPClassifier": job(*_PEERS, "scikit-learn"),
        },
        targets={"scikit-learn + PyTorch": 0.7, "scikit-learn's MLPClassifier": 0.7},
        score="test accuracy",
        rounds=5,
        warm_up=False,
    ),
    "newsgroups_memory": Case(
        unit="MB at most",
        contestants={"jaxnet": peak, "allowed": allowed},
        targets={"allowed": 1.0},
        rounds=1,
        warm_up=False,
    ),
}
