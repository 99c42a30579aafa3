"""Compiles small programs fast, which run for less time than they compile."""

from collections.abc import Callable
from typing import Any

import jax


def compiled(f: Callable[..., Any], *args: Any) -> Any:
    """The program of ``f`` for arguments like these, not yet run.

    XLA spends two thirds of its time on optimizations that these programs, which run
    for a second, cannot earn back.
    """
    lowered = jax.jit(f).lower(*args)
    return lowered.compile({"xla_backend_optimization_level": "1"})
