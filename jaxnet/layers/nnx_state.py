"""What an nnx module holds, as plain nested dicts, and back; for ``from_nnx``.

nnx keeps a flat list of paths and variables beside a description of the module.
Here the values travel alone, under names that are all strings:

    spec = list(nnx.to_flat_state(nnx.state(module)))
    values = values_at(module, spec)      # {"layers": {"0": {"kernel": ...}}}
    state = filled(spec, values)          # for nnx.merge or nnx.update
"""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet.types import Params, PRNGKey

Spec = Sequence[tuple[tuple[Any, ...], Any]]
"""Paths in a module, and the ``nnx.Variable`` (or array) that is at each."""


class DrewWithoutKeyError(Exception):
    """A module drew from a stream that was started without a key."""


def values_at(module: Any, spec: Spec) -> Params:
    """What the module has at these paths, as nested dicts; ``()`` for nothing.

    Random streams are passed over, since those without a key cannot be read.
    """
    from flax import nnx, traverse_util

    found = nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.RngState)))
    values = {
        tuple(map(str, path)): functools.reduce(operator.getitem, path, found)
        for path, _ in spec
    }
    return traverse_util.unflatten_dict(values) or ()


def filled(spec: Spec, values: Params) -> Any:
    """The nnx state with these values at these paths: the reverse of `values_at`."""
    from flax import nnx

    def fill(path: tuple[Any, ...], old: Any) -> Any:
        value = functools.reduce(operator.getitem, map(str, path), values)
        return old.replace(value) if isinstance(old, nnx.Variable) else value

    return nnx.from_flat_state([(path, fill(path, old)) for path, old in spec])


def started(streams: Spec, key: PRNGKey | None) -> Any:
    """The nnx state of random streams at their start.

    Args:
      streams: the variables of kind ``nnx.RngState``. Stream i, by its place here,
        starts from ``fold_in(key, i)``, split if it holds several keys.
      key: one typed key. None makes streams that raise `DrewWithoutKeyError` when
        the module draws from them.
    """
    from flax import nnx

    def start(i: int, old: Any) -> Any:
        if not isinstance(old, nnx.RngKey):
            return old.replace(jnp.zeros(old.shape, old.dtype))  # How many were drawn.
        if key is None:
            unused = jnp.broadcast_to(jax.random.key(0), old.shape)
            return _absent_key()(unused, tag=old.tag)
        own = jax.random.fold_in(key, i)
        return old.replace(jax.random.split(own, old.shape) if old.shape else own)

    return nnx.from_flat_state(
        [(path, start(i, old)) for i, (path, old) in enumerate(streams)]
    )


def check_variables(module: Any) -> None:
    """Raises ValueError if a module from ``nnx.eval_shape`` has an array elsewhere.

    While JAX traces, flax takes an array for static that is neither in a variable nor
    marked as data. It would leave the trace, and computing with it fails or worse.
    """
    from flax import nnx

    for path, node in nnx.iter_graph(module):
        for name, value in vars(node).items() if isinstance(node, nnx.Module) else ():
            if isinstance(value, jax.Array):
                raise ValueError(
                    f"from_nnx: {'.'.join(map(str, (*path, name)))} of "
                    f"{type(module).__name__} is an array or a traced number, but no "
                    "variable. In the module write nnx.Variable(...) around it."
                )


@functools.cache
def _absent_key() -> Any:
    from flax import nnx

    class AbsentKey(nnx.RngKey):
        def get_value(self, **kwargs: Any) -> Any:
            raise DrewWithoutKeyError

    return AbsentKey
