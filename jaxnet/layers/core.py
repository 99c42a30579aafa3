"""Layers as pairs of pure functions.

A layer holds no arrays. ``init`` makes its parameters and its state, ``apply``
uses them:

    model = sequential(dense(32), relu, dropout(0.1), dense(10))
    params, state = model.init(key, x)
    logits, state = model.apply(params, state, x, train=True, key=key)

The rules for every layer of jaxnet:

* Features are on the last axis. Leading axes are kept, so the same layer serves
  one example, a batch, or a batch of sequences. (Layers that need an axis of
  examples, such as ``flatten``, say so.)
* ``train`` is an argument, False by default, and nothing remembers it.
* Randomness is an argument. A layer that draws refuses ``train=True`` without a
  key; all others ignore the key.
* What changes between calls is in the state that goes in and comes out. Without
  any it is ``()``, and so are the params of a layer without parameters.
* Plain Python arguments are checked when the layer is made, shapes when it is
  applied; under ``jit`` that is at trace time, and free.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from jaxnet.checks import LayerError
from jaxnet.types import ArrayOrSpec, ModelState, Params, PRNGKey


class Layer(NamedTuple):
    """A pair of pure functions and a name.

    Attributes:
      init: ``(key, x) -> (params, state)``. Only shapes and dtypes of ``x`` are
        read, so a ``jax.ShapeDtypeStruct`` does as well as an array.
      apply: ``(params, state, x, *, train=False, key=None) -> (y, state)``.
      name: what the layer is called in paths such as ``dense_1/kernel``;
        ``sequential`` adds the number.
    """

    init: Callable[..., tuple[Params, ModelState]]
    apply: Callable[..., tuple[Any, ModelState]]
    name: str


def stateless(name: str, forward: Callable[[Any], Any]) -> Layer:
    """A layer without parameters, state and randomness.

    Args:
      name: the layer's name in paths and errors.
      forward: ``x -> y``.
    """

    def init(key: PRNGKey, x: Any) -> tuple[Params, ModelState]:
        del key, x
        return (), ()

    def apply(
        params: Params,
        state: ModelState,
        x: Any,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Any, ModelState]:
        del params, train, key
        return forward(x), state

    return Layer(init, apply, name)


def check_params(layer: str, params: Params, names: Iterable[str]) -> None:
    """Raises LayerError unless ``params`` is a dict with just these names."""
    due = sorted(names)
    got = sorted(params) if isinstance(params, Mapping) else params
    if got != due:
        raise LayerError(
            f"{layer} needs params with the names {due}, got {got}. "
            "Were they made by another model's init?"
        )


def check_floating(layer: str, x: ArrayOrSpec) -> None:
    """Raises LayerError unless ``x`` is an array of floating-point numbers."""
    dtype = getattr(x, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jnp.floating):
        raise LayerError(
            f"{layer} needs an array of floating-point numbers, got "
            f"{type(x).__name__ if dtype is None else dtype}. Use x.astype(float), or "
            "an embedding if these are the ids of symbols."
        )


def check_features(layer: str, x: Array, features: int) -> None:
    """Raises LayerError unless the last axis of ``x`` is what ``init`` saw."""
    if x.ndim == 0 or x.shape[-1] != features:
        raise LayerError(
            f"{layer} was initialised for {features} input features but x has shape "
            f"{x.shape}. Reshape x so that its last axis is {features}, or call init "
            "again with this x."
        )
