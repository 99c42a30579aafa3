"""What a StableHLO program may do: compute, and nothing else.

A program can call functions by name that are built into jaxlib, some of which run
Python code or take addresses in memory. None of jaxnet's layers needs one.
"""

from collections.abc import Iterator
from typing import Any

ALLOWED = frozenset(
    {
        "shape_assertion",  # What JAX writes where a shape depends on the batch.
        "stablehlo.dynamic_reduce_window",
        "stablehlo.dynamic_rng_bit_generator",
        "stablehlo.dynamic_top_k",
    }
)
"""Calls that become operations of the program, or are gone before it runs."""

REFUSED = frozenset(
    {"stablehlo.infeed", "stablehlo.outfeed", "stablehlo.send", "stablehlo.recv"}
)
"""Operations that wait for the host or another device."""


def check_calls(module: bytes) -> None:
    """Raises ValueError if a program does more than compute its outputs.

    Args:
      module: StableHLO as a portable artifact.
    """
    from jax.extend.mlir import ir
    from jax.extend.mlir.dialects import chlo, sdy, stablehlo

    found = set()
    with ir.Context() as context:
        for dialect in (stablehlo, chlo, sdy):
            dialect.register_dialect(context)
        try:
            program = stablehlo.deserialize_portable_artifact(context, module)
        except Exception as error:
            raise ValueError(f"its program cannot be read: {error}") from error
        for operation in _operations(program.operation):
            if operation.name in REFUSED:
                found.add(operation.name)
            if operation.name == "stablehlo.custom_call":
                name = operation.attributes["call_target_name"]
                found.add(f"a call of {ir.StringAttr(name).value}")
    found -= {f"a call of {name}" for name in ALLOWED}
    if found:
        raise ValueError(
            f"the model does more than compute: it has {', '.join(sorted(found))}. "
            "What calls back into Python or a native library cannot be in a file."
        )


def _operations(program: Any) -> Iterator[Any]:
    """Every operation of a program; not by recursion, since they may be nested deep."""
    left = [program]
    while left:
        operation = left.pop()
        yield operation
        for region in operation.regions:
            for block in region:
                left += [inner.operation for inner in block]
