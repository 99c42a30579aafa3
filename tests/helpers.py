"""What several test files need."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import jax


def counting_traces(fn: Callable[..., Any]) -> tuple[Callable[..., Any], list[None]]:
    """``fn``, and a list that grows each time JAX traces it."""
    traces: list[None] = []

    def traced(*args: Any) -> Any:
        traces.append(None)
        return fn(*args)

    return traced, traces


@contextlib.contextmanager
def counted_compilations(caplog):
    """The names of the programs that JAX compiles inside, in any thread."""
    names = []
    jax.config.update("jax_log_compiles", True)
    try:
        with caplog.at_level("WARNING", logger="jax"):
            caplog.clear()
            yield names
            found = (
                re.match(r"Finished XLA compilation of jit\((\w+)\)", message)
                for message in caplog.messages
            )
            names += [match[1] for match in found if match]
    finally:
        jax.config.update("jax_log_compiles", False)
