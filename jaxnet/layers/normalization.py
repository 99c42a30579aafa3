"""Batch and layer normalization.

    sequential(conv(16, (3, 3), bias=False), batch_norm(), relu)
    sequential(dense(64), layer_norm(), relu)

Both subtract a mean, divide by a standard deviation, and then scale and shift
each feature by learned parameters. They differ in what the mean is over: all
examples and positions of one feature, or all features of one of these.
"""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet.checks import LayerError, check_number
from jaxnet.layers.core import Layer, check_features, check_floating, check_params
from jaxnet.types import ArrayOrSpec, ModelState, Params, PRNGKey

_NAMES = ("bias", "scale")


def batch_norm(
    *,
    decay: float | Float[Array, ""] = 0.9,
    epsilon: float | Float[Array, ""] = 1e-5,
) -> Layer:
    """Normalizes each feature over all leading axes: examples, and positions if any.

    In training, with the mean m and the variance v of a feature over the n values
    that the batch has of it,

        y = scale * (x - m) / sqrt(v + epsilon) + bias
        running mean = decay * running mean + (1 - decay) * m
        running var  = decay * running var  + (1 - decay) * v * n / (n - 1)

    and in evaluation the running mean and var take the place of m and v. Of the two
    estimates of the variance the biased one normalizes and the unbiased one is kept,
    as in PyTorch (flax keeps the biased one).

    A constant added to ``x`` changes nothing, so a bias in a layer in front has the
    gradient zero: make that layer with ``bias=False``. Otherwise the gradient is
    rounding noise, which Adam turns into full steps.

    Every row counts, also one whose weight in the loss is zero. Under ``vmap`` over
    members of a sweep each member has its own statistics; do not put a ``vmap`` over
    the examples, which are then out of sight.

    Args:
      decay: the share of the running statistics that a training call keeps, in
        [0, 1): PyTorch's ``momentum`` is 1 - decay. It may be traced.
      epsilon: added to the variance, above 0. It may be traced.

    Returns:
      A layer with params ``{"scale": (features,), "bias": (features,)}``, ones and
      zeros at first, and the state ``{"mean": (features,), "var": (features,)}``,
      zeros and ones at first.

    Raises:
      ValueError: if a known decay or epsilon is outside its range.
      LayerError: when applied, if the last axis of ``x`` is not what ``init`` saw,
        the state is not what ``init`` made, or there is but one value of each
        feature to train on.

    References:
      Ioffe and Szegedy, *Batch Normalization*, 2015, algorithms 1 and 2.
    """
    check_number(
        "batch_norm: decay",
        decay,
        at_least=0.0,
        below=1.0,
        hint="It is the share that is kept: 1 - momentum in PyTorch's terms.",
    )
    check_number("batch_norm: epsilon", epsilon, above=0.0)

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        del key
        params = _init_params("batch_norm", x)
        features = x.shape[-1:]
        state = {
            "mean": jnp.zeros(features, x.dtype),
            "var": jnp.ones(features, x.dtype),
        }
        return params, state

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "*batch features"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch features"], ModelState]:
        del key
        check_params("batch_norm", params, _NAMES)
        check_features("batch_norm", x, params["scale"].shape[0])
        if not isinstance(state, Mapping) or sorted(state) != ["mean", "var"]:
            got = sorted(state) if isinstance(state, Mapping) else state
            raise LayerError(
                "batch_norm needs its running statistics, a state with the names "
                f"['mean', 'var'], got {got}. Pass the state that init made, or that "
                "the last call of apply with train=True returned."
            )
        if not train:
            return _normalize(params, x, state["mean"], state["var"], epsilon), state
        count = math.prod(x.shape[:-1])
        if count < 2:
            raise LayerError(
                "batch_norm needs at least two values of each feature to train on, "
                f"got x of shape {x.shape}. Take larger batches, or layer_norm, which "
                "needs no other examples."
            )
        leading = tuple(range(x.ndim - 1))
        mean, var = jnp.mean(x, leading), jnp.var(x, leading)
        new = {"mean": mean, "var": var * (count / (count - 1))}
        running = {
            name: (decay * state[name] + (1.0 - decay) * new[name]).astype(old.dtype)
            for name, old in state.items()
        }
        return _normalize(params, x, mean, var, epsilon), running

    return Layer(init, apply, "batch_norm")


def layer_norm(*, epsilon: float | Float[Array, ""] = 1e-5) -> Layer:
    """Normalizes over the features, for every example and position alone.

    With the mean m and the (biased) variance v of the last axis of ``x``,

        y = scale * (x - m) / sqrt(v + epsilon) + bias

    in training and in evaluation alike.

    Args:
      epsilon: added to the variance, above 0. It may be traced.

    Returns:
      A layer with params ``{"scale": (features,), "bias": (features,)}``, ones and
      zeros at first.

    Raises:
      ValueError: if a known epsilon is not above 0.
      LayerError: when applied, if the last axis of ``x`` is not what ``init`` saw.

    References:
      Ba, Kiros and Hinton, *Layer Normalization*, 2016, eq. 4.
    """
    check_number("layer_norm: epsilon", epsilon, above=0.0)

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        del key
        return _init_params("layer_norm", x), ()

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "*batch features"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch features"], ModelState]:
        del train, key
        check_params("layer_norm", params, _NAMES)
        check_features("layer_norm", x, params["scale"].shape[0])
        mean, var = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
        return _normalize(params, x, mean, var, epsilon), state

    return Layer(init, apply, "layer_norm")


def _init_params(label: str, x: ArrayOrSpec) -> Params:
    check_floating(label, x)
    if not x.shape:
        raise LayerError(f"{label} needs x of shape (..., features), got a scalar.")
    features = x.shape[-1:]
    return {"scale": jnp.ones(features, x.dtype), "bias": jnp.zeros(features, x.dtype)}


def _normalize(
    params: Params,
    x: Array,
    mean: Array,
    var: Array,
    epsilon: float | Array,
) -> Array:
    inverse = jax.lax.rsqrt(var + jnp.asarray(epsilon, x.dtype))
    mean, inverse, scale, bias = (
        jnp.broadcast_to(a, x.shape)
        for a in (mean, inverse, params["scale"], params["bias"])
    )
    return (x - mean) * inverse * scale + bias
