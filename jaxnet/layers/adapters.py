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

Two rules of jaxnet hold for other people's modules too: the state changes in training
only, and a module draws from the key of the call in training, and never in evaluation.

Float hyperparameters of a module are plain numbers in general: linen can take traced
ones if the module does not branch on them, nnx cannot. To sweep a dropout rate, use
``jaxnet.dropout``.
"""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet.checks import LayerError
from jaxnet.layers.core import Layer
from jaxnet.paths import leaf_paths
from jaxnet.types import Inputs, ModelState, Params, PRNGKey

CallKwargs = Callable[[bool], Mapping[str, Any]]
"""``train -> keyword arguments`` for the call of a module."""

_Variables = Sequence[tuple[tuple[Any, ...], Any]]
"""Paths in an nnx module, with the ``nnx.Variable`` that is there."""


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
        its state in evaluation, or gives its state another structure.
    """
    from flax import errors, linen

    _check_linen(module)
    label = f"from_linen({type(module).__name__})"

    def init(key: PRNGKey, x: Inputs) -> tuple[Params, ModelState]:
        specs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x)
        # Lazily: the parameters are made, and the forward pass is not computed.
        variables = dict(module.lazy_init(key, specs, **kwargs(False)))
        variables = linen.unbox(variables)
        return variables.pop("params", {}) or (), variables or ()

    def apply(
        params: Params,
        state: ModelState,
        x: Inputs,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Any, ModelState]:
        collections = dict(state or {})
        rngs = None
        if train and key is not None:
            # A stream of another name takes its keys from "params".
            rngs = dict(zip(("params", "dropout"), jax.random.split(key), strict=True))
        try:
            y, new = module.apply(
                {"params": params or {}, **collections},
                x,
                rngs=rngs,
                mutable=list(collections) if train else [],
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
        return y, (_like(label, collections, new) or ()) if train else state

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
    _check_variables(module)
    graph, *specs = nnx.split(module, nnx.Param, nnx.RngState, ...)
    trainable, streams, kept = (list(nnx.to_flat_state(spec)) for spec in specs)
    params_due, state_due = _values(module, trainable), _values(module, kept)
    label = f"from_nnx({type(module).__name__})"

    def init(key: PRNGKey, x: Inputs) -> tuple[Params, ModelState]:
        del x
        module = _made(make, nnx.Rngs(key))
        return _values(module, trainable), _values(module, kept)

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
            _filled(trainable, params),
            _filled(kept, state),
            _started(streams, key if train else None),
        )
        if train:
            module.train()
        else:
            module.eval()
        try:
            y = module(x, **kwargs(train))
        except _DrewWithoutKeyError as error:
            raise _needs_key(label, train) from error
        return y, _like(label, state, _values(module, kept)) if train else state

    return Layer(init, apply, type(module).__name__.lower())


def _values(module: Any, where: _Variables) -> Any:
    """What a module has at these paths, as plain nested dicts; ``()`` for nothing."""
    from flax import nnx, traverse_util

    found = nnx.to_pure_dict(nnx.state(module))
    values = {
        tuple(map(str, path)): functools.reduce(operator.getitem, path, found)
        for path, _ in where
    }
    return traverse_util.unflatten_dict(values) or ()


def _filled(where: _Variables, values: Any) -> Any:
    """The nnx state with these values: undoes `_values`."""
    from flax import nnx

    def fill(path: tuple[Any, ...], old: Any) -> Any:
        value = functools.reduce(operator.getitem, map(str, path), values)
        return old.replace(value) if isinstance(old, nnx.Variable) else value

    return nnx.from_flat_state([(path, fill(path, old)) for path, old in where])


def _started(streams: _Variables, key: PRNGKey | None) -> Any:
    """The nnx state of random streams at their start, or unusable ones without a key."""
    from flax import nnx

    def start(i: int, old: Any) -> Any:
        if not isinstance(old, nnx.RngKey):
            return old.replace(jnp.zeros(old.shape, old.dtype))
        if key is None:
            unused = jnp.broadcast_to(jax.random.key(0), old.shape)
            return _absent_key()(unused, tag=old.tag)
        own = jax.random.fold_in(key, i)
        return old.replace(jax.random.split(own, old.shape) if old.shape else own)

    return nnx.from_flat_state(
        [(path, start(i, old)) for i, (path, old) in enumerate(streams)]
    )


class _DrewWithoutKeyError(Exception):
    """A module of nnx drew from a stream for which there is no key."""


@functools.cache
def _absent_key() -> Any:
    from flax import nnx

    class AbsentKey(nnx.RngKey):
        def get_value(self, **kwargs: Any) -> Any:
            raise _DrewWithoutKeyError

    return AbsentKey


def _needs_key(label: str, train: bool) -> LayerError:
    if train:
        return LayerError(
            f"{label} draws at random in training: apply(..., train=True) needs a key, "
            "got key=None. Pass key=jax.random.key(0), or train=False to evaluate."
        )
    return LayerError(
        f"{label} draws at random in evaluation, which is done without a key. Let kwargs "
        'switch that off, such as kwargs=lambda train: {"deterministic": not train}.'
    )


def _like(label: str, old: ModelState, new: Any) -> ModelState:
    """The new state with the dtypes of the old, if it has the same shapes."""
    was, now = (jax.tree.map(jnp.shape, dict(tree)) for tree in (old, new))
    if was != now:
        raise LayerError(
            f"{label} changes the shapes of its state in training, from {was} to {now}. "
            "Steps of training are compiled as a loop, so all variables have to be made "
            "by init, at their full size."
        )
    return jax.tree.map(lambda a, b: jnp.asarray(b, a.dtype), old, new)


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
        hint = "It is a module of nnx: use from_nnx."
    raise TypeError(f"from_linen needs a module of linen, got {_kind(module)}. {hint}")


def _check_maker(make: Any) -> None:
    from flax import linen, nnx

    name = make.__name__ if isinstance(make, type) else type(make).__name__
    if isinstance(make, nnx.Module):
        hint = (
            "Give it a function that makes one, since each init has its own parameters: "
            f"from_nnx(lambda rngs: {name}(..., rngs=rngs))."
        )
    elif isinstance(make, linen.Module) or (
        isinstance(make, type) and issubclass(make, linen.Module)
    ):
        hint = f"It is of linen: use from_linen({name}(...))."
    elif callable(make):
        return
    else:
        hint = "An example is lambda rngs: nnx.Linear(3, 2, rngs=rngs)."
    raise TypeError(
        f"from_nnx needs a function from nnx.Rngs to a module, got {_kind(make)}. {hint}"
    )


def _made(make: Callable[..., Any], rngs: Any) -> Any:
    from flax import nnx

    try:
        module = make(rngs)
    except TypeError as error:
        error.add_note(
            "from_nnx calls make(rngs): is it lambda rngs: Module(rngs=rngs)?"
        )
        raise
    if not isinstance(module, nnx.Module):
        raise TypeError(
            "from_nnx needs a function that returns a module of nnx, but make(rngs) "
            f"returned {_kind(module)}."
        )
    return module


def _check_variables(module: Any) -> None:
    from flax import nnx

    for path, node in nnx.iter_graph(module):
        attributes = vars(node) if isinstance(node, nnx.Module) else {}
        for name, value in attributes.items():
            # flax takes such an array for static while JAX traces, and it would leak.
            if isinstance(value, jax.core.Tracer):
                raise ValueError(
                    f"from_nnx: {'.'.join(map(str, (*path, name)))} of "
                    f"{type(module).__name__} is an array or a traced number, but no "
                    "variable. In the module write nnx.Variable(...) around it."
                )


def _kind(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return f"an instance of {type(thing).__name__}"
