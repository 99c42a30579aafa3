"""Leaves of a parameter PyTree by name: ``dense_1/kernel``.

Errors, weight-decay masks, penalties, freezing, re-initialization and saved
files all name a leaf by its path, and all select leaves with the same patterns:
shell wildcards, in which ``*`` also crosses ``/``.

    "*/bias"        every bias
    "encoder/*"     everything in the layer named encoder
    ("*kernel", "*embedding")     either

A model that is a single layer has the path ``kernel``, so ``"*kernel"`` fits
kernels at every depth.
"""

import fnmatch
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxnet.types import Params

Pattern = str | Sequence[str]
"""One shell pattern, or several of which one has to fit."""


def path_name(path: Sequence[Any]) -> str:
    """The name of a key path of JAX: ``(DictKey('a'), SequenceKey(0))`` is ``a/0``."""
    return jax.tree_util.keystr(tuple(path), simple=True, separator="/")


def leaf_paths(tree: Params) -> list[str]:
    """The paths of all leaves, in the order of ``jax.tree.leaves``.

    >>> leaf_paths({"dense_1": {"bias": 0.0, "kernel": 1.0}})
    ['dense_1/bias', 'dense_1/kernel']
    """
    return [path_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def matches(path: str, pattern: Pattern) -> bool:
    """Whether a path fits the pattern, or any of several.

    >>> matches("dense_1/bias", "*bias"), matches("dense_1/bias", ("x", "*kernel"))
    (True, False)
    """
    patterns = (pattern,) if isinstance(pattern, str) else pattern
    return any(fnmatch.fnmatchcase(path, one) for one in patterns)


def path_mask(tree: Params, pattern: Pattern) -> Params:
    """A PyTree of bools like ``tree``: True where the path fits the pattern.

    This is the form of mask that optax takes.
    """
    return map_with_path(lambda path, leaf: matches(path, pattern), tree)


def map_with_path(fn: Callable[..., Any], tree: Params, *rest: Params) -> Params:
    """``jax.tree.map`` with a function that gets the path first: ``fn(path, leaf)``."""
    return jax.tree_util.tree_map_with_path(
        lambda path, *leaves: fn(path_name(path), *leaves), tree, *rest
    )


def check_pattern(name: str, tree: Params, pattern: Pattern) -> None:
    """Raises ValueError if a pattern fits no leaf of ``tree``.

    Args:
      name: the argument's name, for the message.
      tree: the parameters.
      pattern: one pattern or several; each has to fit a leaf.
    """
    paths = leaf_paths(tree)
    for one in (pattern,) if isinstance(pattern, str) else pattern:
        if not any(matches(path, one) for path in paths):
            raise ValueError(f"{name}={one!r} fits no parameter. There are: {paths}.")
