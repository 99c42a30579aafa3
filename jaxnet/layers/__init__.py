"""Layers: pairs of pure functions; see `jaxnet.layers.core` for their rules."""

from jaxnet.layers.activations import (
    activation,
    elu,
    gelu,
    identity,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from jaxnet.layers.adapters import from_linen, from_nnx
from jaxnet.layers.combining import residual, sequential
from jaxnet.layers.convolution import conv
from jaxnet.layers.core import Layer, stateless
from jaxnet.layers.dense import dense
from jaxnet.layers.dropout import dropout
from jaxnet.layers.embedding import Bag, embedding, embedding_bag
from jaxnet.layers.mlp import mlp
from jaxnet.layers.normalization import batch_norm, layer_norm
from jaxnet.layers.pooling import (
    average_pool,
    flatten,
    global_average_pool,
    global_max_pool,
    max_pool,
)
from jaxnet.layers.recurrent import last_step, lstm

__all__ = [
    "Bag",
    "Layer",
    "activation",
    "average_pool",
    "batch_norm",
    "conv",
    "dense",
    "dropout",
    "elu",
    "embedding",
    "embedding_bag",
    "flatten",
    "from_linen",
    "from_nnx",
    "gelu",
    "global_average_pool",
    "global_max_pool",
    "identity",
    "last_step",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "lstm",
    "max_pool",
    "mlp",
    "relu",
    "residual",
    "sequential",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "stateless",
    "tanh",
]
