"""Combinators: they take layers and return a layer, so they nest.

    encoder = sequential(dense(64), relu)
    model = sequential(encoder=encoder, mixer=residual(dense(64)), head=dense(10))

Each child gets its own key, its part of the params and of the state, and a name
that errors and paths carry: ``encoder/dense_1/kernel``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
from jaxtyping import Array

from jaxnet.checks import LayerError, inside
from jaxnet.layers.core import Layer
from jaxnet.types import ModelState, Params, PRNGKey


def sequential(*layers: Layer, **named: Layer) -> Layer:
    """Feeds the output of each layer to the next.

    Args:
      *layers: layers, which get the names ``dense_1``, ``relu_1``, ``dense_2``...
      **named: layers that follow those, with names of your choice, for patterns
        such as ``freeze="encoder/*"``.

    Returns:
      A layer whose params are a dict, one entry for each child that has
      parameters; its state is made likewise. It nests.

    Raises:
      ValueError: if there is no layer, or a name is given twice.
      TypeError: if something is not a `Layer`.

    >>> import jax, jax.numpy as jnp, jaxnet
    >>> model = jaxnet.sequential(jaxnet.dense(4), jaxnet.relu, head=jaxnet.dense(2))
    >>> params, state = model.init(jax.random.key(0), jnp.zeros((1, 3)))
    >>> {name: leaves["kernel"].shape for name, leaves in params.items()}
    {'dense_1': (3, 4), 'head': (4, 2)}
    """
    children = _numbered(layers)
    if clash := sorted(children.keys() & named.keys()):
        raise ValueError(
            f"sequential would have two layers named {clash[0]!r}. Numbered layers "
            "get that name themselves: choose another."
        )
    children |= named
    if not children:
        raise ValueError("sequential needs at least one layer, got none.")
    _check_layers("sequential", children)

    def init(key: PRNGKey, x: Any) -> tuple[Params, ModelState]:
        params, state = {}, {}
        for i, (name, layer) in enumerate(children.items()):
            params[name], state[name], x = _init_child(
                name, layer, jax.random.fold_in(key, i), x
            )
        return _without_empty(params), _without_empty(state)

    def apply(
        params: Params,
        state: ModelState,
        x: Any,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Any, ModelState]:
        params, state = _as_dict("params", params), _as_dict("state", state)
        _refuse_unknown("sequential", params, children)
        new_state = {}
        for i, (name, layer) in enumerate(children.items()):
            child_key = _child_key(key, i)
            x, new_state[name] = _apply_child(
                name, layer, params, state, x, train, child_key
            )
        return x, _without_empty(new_state)

    return Layer(init, apply, "sequential")


def residual(block: Layer, shortcut: Layer | None = None) -> Layer:
    """A skip connection, ``y = block(x) + shortcut(x)``.

    Args:
      block: any layer.
      shortcut: a layer that brings ``x`` to the shape of ``block(x)``, such as
        ``dense(features)``; None for ``x`` itself.

    Returns:
      A layer whose params are ``{"block": ..., "shortcut": ...}``, each left out
      if it is empty.

    Raises:
      LayerError: when applied, if the two shapes differ.

    References:
      He et al., *Deep Residual Learning for Image Recognition*, 2016, eq. 1-2.
    """
    children = {"block": block}
    if shortcut is not None:
        children["shortcut"] = shortcut
    _check_layers("residual", children)

    def init(key: PRNGKey, x: Any) -> tuple[Params, ModelState]:
        params, state = {}, {}
        for i, (name, layer) in enumerate(children.items()):
            params[name], state[name], _ = _init_child(
                name, layer, jax.random.fold_in(key, i), x
            )
        return _without_empty(params), _without_empty(state)

    def apply(
        params: Params,
        state: ModelState,
        x: Array,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Array, ModelState]:
        params, state = _as_dict("params", params), _as_dict("state", state)
        _refuse_unknown("residual", params, children)
        branches, new_state = {"shortcut": x}, {}
        for i, (name, layer) in enumerate(children.items()):
            child_key = _child_key(key, i)
            branches[name], new_state[name] = _apply_child(
                name, layer, params, state, x, train, child_key
            )
        y, skipped = branches["block"], branches["shortcut"]
        if y.shape != skipped.shape:
            raise LayerError(
                f"residual adds block(x) of shape {y.shape} to a shortcut of shape "
                f"{skipped.shape}. Give it a shortcut that changes the shape, such as "
                f"residual(block, dense({y.shape[-1]}))."
            )
        return y + skipped, _without_empty(new_state)

    return Layer(init, apply, "residual")


def _numbered(layers: Iterable[Layer]) -> dict[str, Layer]:
    counts: dict[str, int] = {}
    children = {}
    for layer in layers:
        kind = getattr(layer, "name", type(layer).__name__)
        counts[kind] = counts.get(kind, 0) + 1
        children[f"{kind}_{counts[kind]}"] = layer
    return children


def _check_layers(parent: str, children: Mapping[str, object]) -> None:
    for name, layer in children.items():
        if isinstance(layer, Layer):
            continue
        hint = "Wrap a function as activation(fn)."
        if getattr(layer, "__module__", "").startswith("jaxnet."):
            hint = f"Call it: {getattr(layer, '__name__', name)}(...)."
        elif type(layer).__module__.startswith("flax."):
            hint = "Wrap it with from_linen or from_nnx."
        raise TypeError(f"{parent} takes Layers, but {name} is {layer!r}. {hint}")


def _init_child(
    name: str, layer: Layer, key: PRNGKey, x: Any
) -> tuple[Params, ModelState, Any]:
    with inside(name):
        params, state = layer.init(key, x)
        # Shapes come from tracing apply: no layer has to restate them.
        y, _ = jax.eval_shape(layer.apply, params, state, x)
    return params, state, y


def _apply_child(
    name: str,
    layer: Layer,
    params: dict[str, Any],
    state: dict[str, Any],
    x: Any,
    train: bool,
    key: PRNGKey | None,
) -> tuple[Any, ModelState]:
    with inside(name):
        return layer.apply(
            params.get(name, ()), state.get(name, ()), x, train=train, key=key
        )


def _child_key(key: PRNGKey | None, i: int) -> PRNGKey | None:
    return None if key is None else jax.random.fold_in(key, i)


def _without_empty(tree: dict[str, Any]) -> Any:
    """The entries that hold an array, or ``()`` if none does."""
    return {k: v for k, v in tree.items() if jax.tree.leaves(v)} or ()


def _as_dict(what: str, tree: Any) -> dict[str, Any]:
    if isinstance(tree, Mapping) or tree == ():
        return dict(tree)
    raise LayerError(
        f"{what} should be the dict that init made, got {type(tree).__name__}."
    )


def _refuse_unknown(
    parent: str, params: dict[str, Any], children: Mapping[str, Layer]
) -> None:
    if unknown := sorted(params.keys() - children.keys()):
        raise LayerError(
            f"{parent} of {list(children)} got params for {unknown}. "
            "Were they made by another model's init?"
        )
