"""Where training starts: weights that are given, in place of a model's initial ones.

    fit(..., params=run.params, model_state=run.state.model_state)    # to train on
    fit(..., params={"encoder": loaded.params})                       # all else is new

What is given replaces the parts of the same names; the optimizer starts afresh.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.checks import check_choice
from jaxnet.paths import map_with_path
from jaxnet.types import ModelState, Params


class Start(NamedTuple):
    """What a model does not draw; nothing by default.

    Attributes:
      params: nested dicts with arrays for leaves, all of the model's parameters or
        those of some layers.
      model_state: likewise, of what the layers keep.
    """

    params: Params = ()
    model_state: ModelState = ()


AFRESH = Start()
"""All is drawn."""


def load_start(params: Params | None, model_state: ModelState | None) -> Start:
    """The arguments of `fit` and `sweep`, checked and on the device.

    Raises:
      TypeError: if a leaf is no array.
      ValueError: if a leaf is not finite.
    """

    def load(what: str, tree: Any) -> Any:
        return map_with_path(lambda path, leaf: _loaded(_at(what, path), leaf), tree)

    return Start(
        () if params is None else load("params", params),
        () if model_state is None else load("model_state", model_state),
    )


def replaced(initial: Any, given: Any, what: str) -> Any:
    """The initial tree with what is given in place of its parts of the same names.

    Args:
      initial: parameters or state, as a model's ``init`` makes them.
      given: a part of such a tree; an empty one replaces nothing.
      what: what the tree is called in messages, such as "params".

    Raises:
      ValueError: if a name, a shape or a dtype is not the model's.

    >>> layer = {"kernel": jnp.ones((2, 2)), "bias": jnp.zeros(2)}
    >>> params = {"encoder": layer, "head": layer}
    >>> new = replaced(params, {"encoder": {"bias": jnp.ones(2)}}, "params")
    >>> new["encoder"]["bias"].tolist(), new["head"]["bias"].tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    if not jax.tree.leaves(given):
        return initial
    if isinstance(given, Mapping) and isinstance(initial, dict):
        for name, part in given.items():
            if name not in initial and jax.tree.leaves(part):
                names = [one for one in initial if isinstance(one, str)]
                check_choice(f"{what}: name", name, names)
        return {
            name: replaced(part, given.get(name, ()), _at(what, name))
            for name, part in initial.items()
        }
    if jax.tree.structure(given) != jax.tree.structure(initial):
        raise ValueError(
            f"{what} should be {_kind(initial)}, as the model has it, got "
            f"{_kind(given)}. Were they made by another model's init?"
        )
    return map_with_path(
        lambda path, due, leaf: _fitting(_at(what, path), due, leaf), initial, given
    )


def _at(what: str, path: str) -> str:
    return f"{what}/{path}" if path else what


def _loaded(at: str, leaf: Any) -> jax.Array:
    if not hasattr(leaf, "dtype"):
        raise TypeError(
            f"{at} should be an array, got {type(leaf).__name__}. Use "
            "jax.numpy.asarray."
        )
    array = jnp.asarray(leaf)
    if not np.isfinite(np.asarray(array)).all():
        raise ValueError(
            f"{at} should be finite, and is not. Did the training that it is from "
            "diverge?"
        )
    return array


def _fitting(at: str, due: Any, leaf: Any) -> Any:
    if (leaf.shape, leaf.dtype) == (due.shape, due.dtype):
        return leaf
    raise ValueError(
        f"{at} should be {due.dtype} of shape {due.shape}, as the model has it, got "
        f"{leaf.dtype} of shape {leaf.shape}. Leave that layer out to start it afresh."
    )


def _kind(tree: Any) -> str:
    if isinstance(tree, Mapping):
        return f"a dict of {list(tree)}"
    if hasattr(tree, "shape"):
        return f"an array of shape {tree.shape}"
    return f"a {type(tree).__name__} of {len(jax.tree.leaves(tree))} arrays"
