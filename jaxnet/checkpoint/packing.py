"""A PyTree of arrays as one array of bytes, and a list of what is in it.

A checkpoint holds its leaves in one piece. A file for each would take milliseconds
to write safely, and a sweep has hundreds of leaves.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.checkpoint.differences import difference
from jaxnet.paths import path_name

Index = list[list[Any]]
"""Path, dtype and shape of each leaf, as JSON holds it: ``["w", "int32", [2, 3]]``."""

_NUMBERS: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float64}


class _Spec(NamedTuple):
    """What is stored for a leaf: the name of what it is, and an array."""

    kind: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def index_of(tree: Any) -> Index:
    """What the leaves of a tree are; their values are not read.

    Args:
      tree: arrays of JAX or NumPy, keys, ``jax.ShapeDtypeStruct`` or Python numbers.

    Raises:
      ValueError: if a leaf is anything else.

    >>> index_of({"w": np.zeros((2, 3), np.float32), "epoch": 7})
    [['epoch', 'int', []], ['w', 'float32', [2, 3]]]
    """
    return [
        [name, _spec(name, leaf).kind, list(np.shape(leaf))]
        for name, leaf in _named_leaves(tree)
    ]


def check_index(there: Any, here: Index) -> None:
    """Raises ValueError with a line for each leaf that differs, if one does."""
    if there == here:
        return
    lines = difference(_by_path(there), _by_path(here))
    raise ValueError(lines or "  the same leaves, but in another order")


def size_of(tree: Any) -> int:
    """How many bytes `pack` gives: those of the leaves, and 1 for none.

    Orbax writes no array without elements.
    """
    return max(1, sum(_spec(name, leaf).size for name, leaf in _named_leaves(tree)))


def pack(tree: Any) -> np.ndarray:
    """The bytes of all leaves, one after the other, in the host's memory.

    Raises:
      ValueError: if a leaf is none that `index_of` knows, an int of more than 64 bits,
        or an array of which another process has a part.
    """
    data, start = np.zeros(size_of(tree), np.uint8), 0
    for name, leaf in _named_leaves(tree):
        # One leaf at a time, so that there is one copy in memory and not two.
        part = _on_host(name, leaf).reshape(-1).view(np.uint8)
        data[start : start + part.size] = part
        start += part.size
    return data


def unpack(data: np.ndarray, like: Any) -> Any:
    """The tree that was packed.

    Args:
      data: the bytes.
      like: a tree of the same index. Its leaves say what comes back: arrays of NumPy,
        Python numbers, and for all others JAX arrays, with the sharding of the leaf if
        it has one. Weak types come back strong.

    Raises:
      ValueError: if JAX is set up to hold no such dtype, as it is for float64.
    """
    start, leaves = 0, []
    for name, leaf in _named_leaves(like):
        spec = _spec(name, leaf)
        part = data[start : start + spec.size].view(spec.dtype).reshape(spec.shape)
        leaves.append(_placed(name, part.copy(), leaf))
        start += spec.size
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(path_name(path), leaf) for path, leaf in leaves]


def _spec(name: str, leaf: Any) -> _Spec:
    if type(leaf) in _NUMBERS:
        return _Spec(type(leaf).__name__, np.dtype(_NUMBERS[type(leaf)]), ())
    if isinstance(leaf, np.ndarray | np.generic | jax.Array | jax.ShapeDtypeStruct):
        kind = leaf.dtype.name
        if _is_key(leaf):
            leaf = jax.eval_shape(jax.random.key_data, leaf)
        if leaf.dtype == bool or jnp.issubdtype(leaf.dtype, np.number):
            return _Spec(kind, leaf.dtype.newbyteorder("="), leaf.shape)
    raise ValueError(
        f"{name} is no array of numbers, key or number, and cannot be in a "
        f"checkpoint, got {leaf!r}. Leave it out, or put it into the meta data."
    )


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _on_host(name: str, leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array):
        if not leaf.is_fully_addressable:
            raise ValueError(
                f"{name} is spread over several processes. Gather it before saving."
            )
        leaf = jax.random.key_data(leaf) if _is_key(leaf) else leaf
    try:
        return np.ascontiguousarray(leaf, _spec(name, leaf).dtype)
    except OverflowError:
        raise ValueError(f"{name} has more than 64 bits, got {leaf}.") from None


def _placed(name: str, value: np.ndarray, leaf: Any) -> Any:
    """A stored value as what the leaf is, and where it is."""
    if type(leaf) in _NUMBERS:
        return value.item()
    if isinstance(leaf, np.ndarray | np.generic):
        return value if isinstance(leaf, np.ndarray) else value[()]
    if _is_key(leaf):
        array = jax.random.wrap_key_data(jnp.asarray(value), impl=_implementation(leaf))
        return array if leaf.sharding is None else jax.device_put(array, leaf.sharding)
    array = (
        jnp.asarray(value)
        if leaf.sharding is None
        else jax.device_put(value, leaf.sharding)
    )
    if array.dtype != leaf.dtype:
        raise ValueError(
            f"{name} is {leaf.dtype.name}, which JAX holds only after "
            "jax.config.update('jax_enable_x64', True)."
        )
    return array


def _implementation(key: Any) -> Any:
    """The name of what makes random numbers from a key, which may be a spec."""
    found = []
    jax.eval_shape(lambda key: found.append(jax.random.key_impl(key)), key)
    return found[0]


def _by_path(index: Any) -> dict[str, str]:
    return {path: f"{kind} {tuple(shape)}" for path, kind, shape in index}
