"""What `import jaxnet` adds to importing JAX and optax, which it is made of.

Each measurement is a new process, and the time is taken inside of it. Bytecode is
written, as usual, so from the second process on nothing is compiled.
"""

import os
import subprocess
import sys
from collections.abc import Callable

from experiments.benchmark.case import Case

_CODE = """
import time
start = time.perf_counter()
import {modules}
print(time.perf_counter() - start)
"""


def importing(modules: str) -> Callable[[], Callable[[], float]]:
    """The contestant that imports these modules in a new process."""

    def measure() -> float:
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run(
            [sys.executable, "-c", _CODE.format(modules=modules)],
            capture_output=True,
            check=True,
            text=True,
            env=environment,
        )
        return float(done.stdout)

    return lambda: measure


CASES = {
    "startup": Case(
        unit="seconds to import",
        contestants={
            "jaxnet": importing("jaxnet"),
            "jax, optax": importing("jax, optax"),
        },
        targets={"jax, optax": 1.15},
    )
}
