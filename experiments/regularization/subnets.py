"""Dropout: the mean over all masks, and the sub-networks that share one net.

Dropping units at random draws one of ``2^units`` sub-networks. The whole net, whose
units were scaled in training, stands for the mean of them all: exactly so for one
layer with a softmax and the geometric mean, nearly so for a deeper net.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax, softmax
from jaxtyping import Array, Float

import jaxnet
from jaxnet.types import Params

UNITS = 10
"""So few that all masks can be tried."""

SUBNETS = 1000
"""Sub-networks drawn of a trained net."""

DRAWS = 20_000


def expectation_error(rate: float, seed: int) -> float:
    """How far the mean over all masks is from the input, at most."""
    x = np.random.default_rng(seed).normal(size=UNITS)
    masks, chances = _all_masks(rate)
    return float(np.abs(chances @ (masks * x / (1.0 - rate)) - x).max())


def mean_gains(rates: tuple[float, ...], key: jax.Array) -> np.ndarray:
    """The layer's mean output over its mean input in every draw, (rates, draws)."""
    x = 1.0 + jnp.arange(64.0) / 64.0

    def gain(rate: Array, key: jax.Array) -> Array:
        layer = jaxnet.dropout(rate)
        return layer.apply((), (), x, train=True, key=key)[0].mean() / x.mean()

    keys = jax.random.split(key, (len(rates), DRAWS))
    gains = jax.jit(jax.vmap(jax.vmap(gain, (None, 0))))(jnp.array(rates), keys)
    return np.asarray(gains, float)


def geometric_error(rate: float, seed: int) -> float:
    """How far the geometric mean of all sub-networks is from the whole net, at most.

    They are those of one linear layer with a softmax of four classes, whose inputs are
    dropped; their mean is weighted by their chances and scaled to the sum 1.

    References:
      Hinton et al., *Improving neural networks by preventing co-adaptation of feature
      detectors*, 2012; Goodfellow, Bengio and Courville, 2016, eq. 7.52 to 7.66.
    """
    generator = np.random.default_rng(seed)
    x = generator.normal(size=UNITS)
    kernel, bias = generator.normal(size=(UNITS, 4)), generator.normal(size=4)
    masks, chances = _all_masks(rate)
    logits = (masks * x / (1.0 - rate)) @ kernel + bias
    each = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    geometric = np.exp(chances @ each)
    whole = np.exp(x @ kernel + bias)
    return float(np.abs(geometric / geometric.sum() - whole / whole.sum()).max())


def compare(
    params: Params,
    rate: float,
    x: Float[Array, "rows pixels"],
    y: Array,
    key: jax.Array,
) -> dict[str, float]:
    """A trained net beside the mean of its sub-networks.

    Args:
      params: of the net.
      rate: that it was trained with.
      x: images.
      y: their labels.
      key: which sub-networks.

    Returns:
      The errors of the net and of one sub-network over that of the mean, in points;
      the share of images on which net and mean agree, in percent; and the divergences
      KL(mean || net) and KL(sub-network || net), in nats.
    """
    found = _compare(params, rate, x, y, key)
    return {name: float(value) for name, value in found.items()}


@jax.jit
def _compare(
    params: Params, rate: Array, x: Array, y: Array, key: jax.Array
) -> dict[str, Array]:
    hidden = _hidden(params, x)
    # One mask for all images: a sub-network is the same for each.
    keep = jax.random.bernoulli(key, 1.0 - rate, (SUBNETS, hidden.shape[-1]))
    scale = keep / (1.0 - rate)

    def of_subnet(scale: Array) -> Array:
        kept = hidden * jnp.broadcast_to(scale, hidden.shape)
        return log_softmax(_logits(params, kept))

    each = jax.vmap(of_subnet)(scale)
    net = log_softmax(_logits(params, hidden))
    mean = jnp.log(softmax(each).mean(axis=0))

    def error(outputs: Array, y: Array) -> Array:
        return 100.0 * jnp.mean(outputs.argmax(axis=-1) != y)

    one_error = error(each, jnp.broadcast_to(y, each.shape[:-1]))
    subnets_kl = _divergence(mean, net).mean()
    one_kl = _divergence(each, jnp.broadcast_to(net, each.shape)).mean()
    return {
        "net_minus_subnets_error": error(net, y) - error(mean, y),
        "one_minus_subnets_error": one_error - error(mean, y),
        "agreement": 100.0 * jnp.mean(net.argmax(axis=-1) == mean.argmax(axis=-1)),
        "subnets_kl": subnets_kl,
        "one_kl": one_kl,
        "subnets_kl_minus_one_kl": subnets_kl - one_kl,
    }


def worst_removal(params: Params, x: Array, y: Array) -> float:
    """By how many points the error rises without the unit that matters most."""
    return float(_worst_removal(params, x, y))


@jax.jit
def _worst_removal(params: Params, x: Array, y: Array) -> Array:
    hidden = _hidden(params, x)

    def error(keep: Array) -> Array:
        outputs = _logits(params, hidden * jnp.broadcast_to(keep, hidden.shape))
        return 100.0 * jnp.mean(outputs.argmax(axis=-1) != y)

    units = hidden.shape[-1]
    without = jax.vmap(error)(1.0 - jnp.eye(units))
    return jnp.max(without) - error(jnp.ones(units))


def _all_masks(rate: float) -> tuple[np.ndarray, np.ndarray]:
    """All masks, (2^units, units), and their chances."""
    masks = np.array(list(itertools.product([0.0, 1.0], repeat=UNITS)))
    return masks, np.prod(np.where(masks == 1.0, 1.0 - rate, rate), axis=1)


def _hidden(params: Params, x: Array) -> Array:
    layer = params["dense_1"]
    return jax.nn.relu(x @ layer["kernel"] + layer["bias"][None])


def _logits(params: Params, hidden: Array) -> Array:
    layer = params["dense_2"]
    return hidden @ layer["kernel"] + layer["bias"][None]


def _divergence(log_p: Array, log_q: Array) -> Array:
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)
