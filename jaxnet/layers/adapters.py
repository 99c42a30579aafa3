"""Adapters: modules of flax, linen or nnx, as layers of jaxnet.

    model = sequential(
        from_linen(Encoder(64), kwargs=lambda train: {"train": train}),
        dense(10),
    )
    model = from_nnx(lambda rngs: Classifier(784, 10, rngs=rngs))

The params of such a layer are the module's trainable ones, as plain nested dicts
with flax's names (``encoder_1/Dense_0/kernel``), so patterns, penalties and saved
files treat them like our own. All else that the module keeps, such as running
statistics, is the layer's state. The layer is named after the module's class, in
lower case.

Two rules of jaxnet hold for other people's modules too: state changes in training
only, and a module draws from the key of the call in training and never in evaluation.

A float hyperparameter of a linen module may be traced if the module does not branch
on it, one of an nnx module may not. To sweep a dropout rate, use ``jaxnet.dropout``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet.checks import LayerError
from jaxnet.layers.core import Layer
from jaxnet.layers.nnx_state import (
    DrewWithoutKeyError,
    check_variables,
    filled,
    started,
    values_at,
)
from jaxnet.paths import leaf_paths
from jaxnet.types import Inputs, ModelState, Params, PRNGKey

CallKwargs = Callable[[bool], Mapping[str, Any]]
"""``train -> keyword arguments`` for the call of a module."""


def from_linen(module: Any, *, kwargs: CallKwargs = lambda train: {}) -> Layer:
    """A layer that calls ``module(x, **kwargs(train))``.

    Args:
      module: an instance of a ``flax.linen.Module``.
      kwargs: the keyword arguments of the module's call in training and in evaluation,
        such as ``lambda train: {"deterministic": not train}``. Without them the module
        is not told that it is trained, and its own defaults decide.

    Returns:
      A layer whose params are the module's collection ``params``, and whose state is
      a dict of its other collections, such as ``batch_stats``. Values that are only
      sown are dropped. Streams of random numbers may have any name.

    Raises:
      TypeError: if ``module`` is not an instance of a linen module.
      LayerError: when applied, if the module draws without a key, draws or updates
        its state in evaluation, or makes its state another kind of array.
    """
    from flax import errors, linen

    _check_linen(module)
    label = f"from_linen({type(module).__name__})"

    def init(key: PRNGKey, x: Inputs) -> tuple[Params, ModelState]:
        specs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x)
        # Lazily: the parameters are made, and the forward pass is not computed.
        variables = linen.unbox(dict(module.lazy_init(key, specs, **kwargs(False))))
        params = variables.pop("params", {})
        return params or (), jax.tree.map(jnp.asarray, variables) or ()

    def apply(
        params: Params,
        state: ModelState,
        x: Inputs,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Any, ModelState]:
        kept = dict(state or {})
        rngs = None
        if train and key is not None:
            # A stream of another name takes its keys from "params".
            rngs = dict(zip(("params", "dropout"), jax.random.split(key), strict=True))
        try:
            y, new = module.apply(
                {"params": params or {}, **kept},
                x,
                rngs=rngs,
                mutable=list(kept) if train else [],
                **kwargs(train),
            )
        except errors.InvalidRngError as error:
            raise _needs_key(label, train) from error
        except errors.ModifyScopeVariableError as error:
            if train:
                raise
            raise LayerError(
                f"{label} updates its state in evaluation. Let kwargs tell the module, "
                "by the name that its call takes, such as kwargs=lambda train: "
                '{"train": train} or {"use_running_average": not train}.'
            ) from error
        if not train:
            return y, state
        _check_kept(label, kept, new)
        return y, new or ()

    return Layer(init, apply, type(module).__name__.lower())


def from_nnx(
    make: Callable[..., Any], *, kwargs: CallKwargs = lambda train: {}
) -> Layer:
    """A layer that calls ``make(rngs)(x, **kwargs(train))``.

    The module is taken apart into params, state and a description of the rest, and
    put together from them for each call, in the mode that ``module.train()`` or
    ``module.eval()`` sets. So nothing that is done to a module outside has an effect.

    Args:
      make: a function from ``flax.nnx.Rngs`` to a module, such as ``lambda rngs:
        nnx.Linear(3, 2, rngs=rngs)``. It is called here, where nothing is computed,
        and in each ``init``.
      kwargs: the keyword arguments of the module's call in training and in evaluation,
        for switches that ``train()`` and ``eval()`` do not know.

    Returns:
      A layer whose params are the module's ``nnx.Param``, and whose state is all else
      that it keeps, except for sown values and streams of random numbers: each stream
      starts afresh from the layer's key in each call.

    Raises:
      TypeError: if ``make`` is not a function that returns an nnx module.
      ValueError: if the module keeps an array that is not in an ``nnx.Variable``.
      LayerError: when applied, if the module draws without a key or in evaluation, or
        if params or state are not this module's.
    """
    from flax import nnx

    _check_maker(make)
    module = nnx.eval_shape(lambda: _made(make, nnx.Rngs(0)))
    check_variables(module)
    graph, *specs = nnx.split(module, nnx.Param, nnx.RngState, ...)
    trainable, streams, kept = (list(nnx.to_flat_state(spec)) for spec in specs)
    params_due, state_due = values_at(module, trainable), values_at(module, kept)
    label = f"from_nnx({type(module).__name__})"

    def init(key: PRNGKey, x: Inputs) -> tuple[Params, ModelState]:
        del x
        module = _made(make, nnx.Rngs(key))
        params, state = values_at(module, trainable), values_at(module, kept)
        return params, jax.tree.map(jnp.asarray, state)

    def apply(
        params: Params,
        state: ModelState,
        x: Inputs,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Any, ModelState]:
        _check_names(f"{label} needs params", params, params_due)
        _check_names(f"{label} needs a state", state, state_due)
        module = nnx.merge(
            graph,
            filled(trainable, params),
            filled(kept, state),
            started(streams, key if train else None),
        )
        (module.train if train else module.eval)()
        try:
            y = module(x, **kwargs(train))
        except DrewWithoutKeyError as error:
            raise _needs_key(label, train) from error
        if not train:
            return y, state
        new = values_at(module, kept)
        _check_kept(label, state, new)
        return y, new

    return Layer(init, apply, type(module).__name__.lower())


def _needs_key(label: str, train: bool) -> LayerError:
    if train:
        return LayerError(
            f"{label} draws at random in training: apply(..., train=True) needs a key, "
            "got key=None. Pass key=jax.random.key(0), or train=False to evaluate."
        )
    return LayerError(
        f"{label} draws at random in evaluation, where there is no key. Let kwargs "
        'switch that off, such as kwargs=lambda train: {"deterministic": not train}.'
    )


def _check_kept(label: str, old: ModelState, new: Any) -> None:
    def kinds(tree: Any) -> Any:
        return jax.tree.map(lambda a: f"{a.dtype}{list(a.shape)}", dict(tree))

    if kinds(old) != kinds(new):
        raise LayerError(
            f"{label} changes what its state is, from {kinds(old)} to {kinds(new)}. "
            "Training is compiled as a loop: init has to make all variables, at their "
            "full size, and a step has to keep their dtype."
        )


def _check_names(needs: str, tree: Any, due: Any) -> None:
    if jax.tree.structure(tree) != jax.tree.structure(due):
        raise LayerError(
            f"{needs} with the names {leaf_paths(due)}, got {leaf_paths(tree)}. Were "
            "they made by another model's init?"
        )


def _check_linen(module: Any) -> None:
    from flax import linen, nnx

    if isinstance(module, linen.Module):
        return
    hint = "Give it an instance of a flax.linen.Module."
    if isinstance(module, type) and issubclass(module, linen.Module):
        hint = f"Make an instance: from_linen({module.__name__}(...))."
    elif isinstance(module, nnx.Module):
        hint = "It is of nnx: use from_nnx."
    raise TypeError(f"from_linen needs a module of linen, got {_kind(module)}. {hint}")


def _check_maker(make: Any) -> None:
    from flax import linen, nnx

    is_class = isinstance(make, type)
    if issubclass(make if is_class else type(make), linen.Module):
        hint = "It is of linen: use from_linen."
    elif isinstance(make, nnx.Module):
        made = f"{type(make).__name__}(..., rngs=rngs)"
        hint = f"Each init needs a new one: give it lambda rngs: {made}."
    elif callable(make):
        return
    else:
        hint = "An example is lambda rngs: nnx.Linear(3, 2, rngs=rngs)."
    raise TypeError(
        f"from_nnx needs a function from nnx.Rngs to a module, got {_kind(make)}. "
        + hint
    )


def _made(make: Callable[..., Any], rngs: Any) -> Any:
    from flax import nnx

    try:
        module = make(rngs)
    except TypeError as error:
        error.add_note("from_nnx calls make(rngs): is a lambda rngs: ... missing?")
        raise
    if isinstance(module, nnx.Module):
        return module
    raise TypeError(
        f"from_nnx: make(rngs) returned {_kind(module)}, not an nnx.Module."
    )


def _kind(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"an instance of {type(thing).__name__}"
