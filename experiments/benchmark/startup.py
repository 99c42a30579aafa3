"""What `import jaxnet` adds to importing JAX and optax, and the time to a first step.

Each measurement is a new process. Imports are timed inside of it, and a first step,
that of `first_steps`, from its start to its end. Bytecode is written, as usual, so from
the second process on Python compiles nothing; in a second run JAX neither, as it finds
all programs in its persistent cache.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from experiments.benchmark.case import Case

_CODE = """
import time
start = time.perf_counter()
import {modules}
print(time.perf_counter() - start)
"""

# Without its own folder on the path, whose modules have names that others may have.
_FIRST_STEPS = ("-P", str(Path(__file__).with_name("first_steps.py")))


def importing(modules: str) -> Callable[[], Callable[[], float]]:
    """The contestant that imports these modules in a new process."""
    return lambda: lambda: float(_python("-c", _CODE.format(modules=modules)))


def first_step(library: str) -> Callable[[], Callable[[], float]]:
    """The contestant that starts Python, trains for a step and ends."""
    return lambda: lambda: _seconds(library)[0]


def second_run(library: str) -> Callable[[], Callable[[], float]]:
    """Likewise, where another process has done the same before."""

    def prepare() -> Callable[[], float]:
        folder = tempfile.TemporaryDirectory(prefix="jaxnet-benchmark-")
        cache = {
            "JAX_COMPILATION_CACHE_DIR": folder.name,
            # By default it leaves out what compiles within a second, or is small.
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        _seconds(library, **cache)

        def measure() -> float:
            assert folder.name  # It is there for as long as this function.
            seconds, compiled = _seconds(library, **cache)
            assert compiled == 0, f"a second run compiled {compiled:.0f} programs"
            return seconds

        return measure

    return prepare


def _seconds(library: str, **environment: str) -> tuple[float, float]:
    """How long a first step took, and how many programs no cache had."""
    start = time.perf_counter()
    printed = _python(*_FIRST_STEPS, library, **environment)
    return time.perf_counter() - start, float(printed.split()[1])


def _python(*arguments: str, **environment: str) -> str:
    """What a process prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | environment,
    )
    return done.stdout


CASES = {
    "startup": Case(
        unit="seconds to import",
        contestants={
            "jaxnet": importing("jaxnet"),
            "jax, optax": importing("jax, optax"),
            "flax.linen": importing("flax.linen"),
            "PyTorch": importing("torch"),
        },
        targets={"jax, optax": 1.15},
    ),
    "first_step": Case(
        unit="seconds from start to end",
        contestants={
            "jaxnet": first_step("jaxnet"),
            "jaxnet, second run": second_run("jaxnet"),
            "flax.linen": first_step("flax"),
            "flax.linen, second run": second_run("flax"),
            "PyTorch": first_step("pytorch"),
        },
        targets={},
    ),
}
