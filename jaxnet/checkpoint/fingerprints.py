"""Fingerprints: of data, and of what a function computes.

The fingerprint of a function is that of its jaxpr, the list of operations that JAX
makes of it. Comments, names and helper functions are not in it; another operation,
number, shape or order is.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.hypers import join_hypers
from jaxnet.jaxprs import core
from jaxnet.paths import leaf_paths
from jaxnet.programs import Program, Traced
from jaxnet.starting import Start
from jaxnet.training import supervised
from jaxnet.types import Batch


def fingerprint_data(arrays: Any) -> str:
    """SHA-256 of shapes, dtypes and bytes, in the order of ``jax.tree.leaves``.

    Args:
      arrays: a PyTree of arrays.

    >>> fingerprint_data((np.zeros(3), np.ones(2)))[:8]
    '8053a2e8'
    """
    digest = hashlib.sha256()
    for leaf in map(np.asarray, jax.tree.leaves(arrays)):
        # All extension dtypes, such as bfloat16, have the same letter.
        dtype = leaf.dtype.name if leaf.dtype.kind == "V" else leaf.dtype.str
        digest.update(f"{leaf.shape} {dtype}\n".encode())
        digest.update(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def fingerprint_leaves(start: Start) -> dict[str, dict[str, str]]:
    """The fingerprints of what a run starts from, by path; nothing of what is drawn."""
    return {
        what: {
            path: fingerprint_data(leaf)
            for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True)
        }
        for what, tree in start._asdict().items()
        if jax.tree.leaves(tree)
    }


def fingerprint_program(program: Program, traced: Traced, train: Batch) -> str:
    """The fingerprint of a training run's first state, epochs and evaluation.

    Args:
      program: from ``build`` and the static hyperparameters.
      traced: the other hyperparameters; only names and shapes are read.
      train: arrays, or the first batch of a stream; only shapes are read.

    Returns:
      The same for all values of the traced hyperparameters, all keys and all data of
      these shapes.
    """
    recipe = supervised(program.build)

    def run(traced: Traced, key: jax.Array, train: Batch) -> Any:
        hypers = join_hypers(traced, program.static)
        state = recipe.init(hypers, key, train)
        state, metrics = recipe.epoch(hypers, state, train, key)
        return state, metrics, recipe.evaluate(hypers, state, train)

    # Without their devices, which are none of what is computed.
    traced, train = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (traced, train)
    )
    return fingerprint_function(run, traced, jax.eval_shape(jax.random.key, 0), train)


def fingerprint_function(fn: Callable[..., Any], *args: Any) -> str:
    """SHA-256 of what a function computes for arguments of these shapes.

    What a callback to the host computes is not seen.

    Args:
      fn: what JAX can trace.
      *args: PyTrees of arrays or of ``jax.ShapeDtypeStruct``.

    >>> spec = jax.ShapeDtypeStruct((3,), np.float32)
    >>> fingerprint_function(lambda x: 2 * x, spec) == fingerprint_function(
    ...     lambda a: (a * 3) - a, spec
    ... )
    False
    """
    return _of_closed(jax.make_jaxpr(fn)(*args), {})


Memo = dict[int, str]
"""The fingerprints of jaxprs by their ids: JAX uses one in several places."""


def _of_closed(closed: Any, memo: Memo) -> str:
    consts = [_of_value(const, memo) for const in closed.consts]
    return _digest([_of_jaxpr(closed.jaxpr, memo), *consts])


def _of_jaxpr(jaxpr: Any, memo: Memo) -> str:
    if id(jaxpr) not in memo:
        memo[id(jaxpr)] = _digest(_lines(jaxpr, memo))
    return memo[id(jaxpr)]


def _lines(jaxpr: Any, memo: Memo) -> Iterator[str]:
    """Its operations, with variables by number, in the order they are made in."""
    numbers: dict[Any, int] = {}

    def new(variable: Any) -> str:
        numbers[variable] = len(numbers)
        return f"{numbers[variable]}:{variable.aval}"

    def known(atom: Any) -> str:
        if isinstance(atom, core().Literal):
            return f"{atom.aval}={_of_value(atom.val, memo)}"
        return str(numbers[atom])

    yield from map(new, [*jaxpr.constvars, *jaxpr.invars])
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        yield from map(known, equation.invars)
        for name, value in sorted(equation.params.items()):
            # Beside its operations jit has a name, and where to compute them.
            if name == "jaxpr" or equation.primitive.name not in ("jit", "pjit"):
                yield f"{name}={_of_value(value, memo)}"
        yield from map(new, equation.outvars)
    yield from map(known, jaxpr.outvars)


def _of_value(value: Any, memo: Memo) -> str:
    """A parameter or constant as text that is the same in all processes."""
    if isinstance(value, core().ClosedJaxpr):
        return _of_closed(value, memo)
    if isinstance(value, core().Jaxpr):
        return _of_jaxpr(value, memo)
    if isinstance(value, Mapping):
        parts = [f"{key}:{_of_value(value[key], memo)}" for key in value]
        return f"{{{' '.join(sorted(parts))}}}"
    if isinstance(value, tuple | list):
        return f"({' '.join(_of_value(part, memo) for part in value)})"
    if isinstance(value, set | frozenset):
        return f"{{{' '.join(sorted(_of_value(part, memo) for part in value))}}}"
    if isinstance(value, jax.Array) and jnp.issubdtype(
        value.dtype, jax.dtypes.prng_key
    ):
        return f"{value.dtype}{fingerprint_data(jax.random.key_data(value))}"
    if hasattr(value, "__array__"):
        return fingerprint_data(value)
    if callable(value) or "WrappedFun" in type(value).__name__:
        # A rule of differentiation, say, whose operations are there where it is used.
        return type(value).__name__
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
