"""How the leaves of a PyTree hang together, as JSON.

    structure_of({"dense_1": {"bias": b}, "scales": (s, None)})

gives ``{"dense_1": {"bias": "dense_1/bias"}, "scales": ["tuple", "scales/0", null]}``:
a dict is a dict, a list or tuple says which it is, and a leaf is its path.
"""

from collections.abc import Callable, Mapping
from typing import Any


def structure_of(tree: Any, path: str = "") -> Any:
    """The structure of a PyTree that is made of dicts, lists, tuples and None.

    Args:
      tree: whatever is none of these is a leaf.
      path: of the tree in a larger one.

    Raises:
      ValueError: if there is something else in it, such as a dict with numbers for
        names.

    >>> import numpy as np
    >>> structure_of({"a": np.ones(2), "b": (np.ones(2), None)})
    {'a': 'a', 'b': ['tuple', 'b/0', None]}
    """
    if tree is None:
        return None
    if type(tree) is dict and all(isinstance(name, str) for name in tree):
        return {k: structure_of(child, _join(path, k)) for k, child in tree.items()}
    if type(tree) in (list, tuple):
        children = [structure_of(one, _join(path, i)) for i, one in enumerate(tree)]
        return [type(tree).__name__, *children]
    if not hasattr(tree, "dtype"):
        raise ValueError(
            f"{path or 'the tree'} is a {type(tree).__name__}, and only arrays in "
            "dicts with strings for names, in lists and in tuples are kept."
        )
    return path


def fill(structure: Any, leaf: Callable[[str], Any]) -> Any:
    """The PyTree of a structure.

    Args:
      structure: as `structure_of` gives it.
      leaf: from a path to what belongs there.

    Raises:
      ValueError: if it is no structure.
    """
    if structure is None:
        return None
    if isinstance(structure, str):
        return leaf(structure)
    if isinstance(structure, Mapping):
        return {name: fill(child, leaf) for name, child in structure.items()}
    if isinstance(structure, list) and structure[:1] in (["list"], ["tuple"]):
        children = [fill(child, leaf) for child in structure[1:]]
        return children if structure[0] == "list" else tuple(children)
    raise ValueError(f"it has {str(structure)[:80]} where a part of a tree is due.")


def _join(path: str, name: Any) -> str:
    return f"{path}/{name}" if path else str(name)
