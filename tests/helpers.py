"""What several test files need."""

from collections.abc import Callable
from typing import Any


def counting_traces(fn: Callable[..., Any]) -> tuple[Callable[..., Any], list[None]]:
    """``fn``, and a list that grows each time JAX traces it."""
    traces: list[None] = []

    def traced(*args: Any) -> Any:
        traces.append(None)
        return fn(*args)

    return traced, traces
