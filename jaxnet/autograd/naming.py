"""Arguments of any function as a flat list of named arrays.

    f(params, x)  ->  params/dense_1/bias, params/dense_1/kernel, x

The first part of a name is the function's own name for its argument.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array

from jaxnet.paths import path_name


class Arguments(NamedTuple):
    """What a function is called with.

    Attributes:
      names: one for each leaf, in the order of ``jax.tree.leaves``.
      leaves: the arrays.
      structure: of the tuple of arguments.
    """

    names: list[str]
    leaves: list[Array]
    structure: Any

    def tree(self, leaves: Sequence[Any]) -> Any:
        """The arguments with other leaves."""
        return jax.tree.unflatten(self.structure, leaves)


def name_arguments(what: str, f: Callable[..., Any], args: Sequence[Any]) -> Arguments:
    """Flattens arguments and names their leaves.

    Args:
      what: the function that the user called, for messages.
      f: any function, whose parameters give the names.
      args: its positional arguments: PyTrees of arrays and numbers.

    Raises:
      TypeError: if a leaf is no array and no number.
      ValueError: if a leaf's value is not known, as inside ``jax.jit``.
    """
    found = [
        ("/".join(filter(None, (own, path_name(path)))), leaf)
        for own, arg in zip(_parameters(f, args), args, strict=True)
        for path, leaf in jax.tree_util.tree_leaves_with_path(arg)
    ]
    leaves = [_array(what, name, leaf) for name, leaf in found]
    structure = jax.tree.structure(tuple(args))
    return Arguments([name for name, _ in found], leaves, structure)


def _parameters(f: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    """A name for each positional argument."""
    try:
        bound = inspect.signature(f).bind(*args)
    except (TypeError, ValueError):  # Some have no signature; the call says the rest.
        return [f"arg_{i}" for i in range(len(args))]
    names = []
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            names += [f"{name}/{i}" for i in range(len(value))]
        else:
            names.append(name)
    return names


def _array(what: str, name: str, leaf: Any) -> Array:
    if isinstance(leaf, Tracer):
        raise ValueError(
            f"{what} reads values, and that of {name} is not known here. Call it "
            "outside of jax.jit, jax.vmap and jax.grad."
        )
    try:
        return jnp.asarray(leaf)
    except (TypeError, ValueError):
        raise TypeError(
            f"{what}: {name} should be an array or a number, got {leaf!r}. What is "
            "neither belongs into the function: lambda x: f(x, option)."
        ) from None
