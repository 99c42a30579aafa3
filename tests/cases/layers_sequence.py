"""The layers for symbols and sequences, and modules of flax as layers."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import nnx

from cases.layers import LayerCase, normal
from jaxnet.layers.adapters import from_linen, from_nnx
from jaxnet.layers.combining import sequential
from jaxnet.layers.dense import dense
from jaxnet.layers.dropout import dropout
from jaxnet.layers.embedding import Bag, embedding, embedding_bag
from jaxnet.layers.recurrent import last_step, lstm


class LinenBlock(nn.Module):
    """A linen module with parameters, running statistics and randomness."""

    features: int
    momentum: float | jax.Array = 0.9
    rate: float = 0.4

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.Dense(self.features, use_bias=False)(x)
        x = nn.BatchNorm(momentum=self.momentum, use_running_average=not train)(x)
        x = nn.Dropout(self.rate, deterministic=not train)(x)
        return nn.Dense(2)(x)


class NnxBlock(nnx.Module):
    """The same module in nnx, with a list of layers, whose names are numbers."""

    def __init__(
        self, inputs: int, features: int, *, rngs: nnx.Rngs, rate: float = 0.4
    ):
        sizes = (inputs, features, features)
        self.layers = nnx.List(
            [
                nnx.Linear(before, after, use_bias=False, rngs=rngs)
                for before, after in itertools.pairwise(sizes)
            ]
        )
        self.norm = nnx.BatchNorm(features, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.head = nnx.Linear(features, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = layer(x)
        return self.head(self.dropout(self.norm(x)))


def tell_train(train: bool) -> dict[str, bool]:
    return {"train": train}


def make_nnx_block(rngs: nnx.Rngs) -> NnxBlock:
    return NnxBlock(5, 4, rngs=rngs)


# An id that comes twice in a bag, and padding of weight zero.
BAG = Bag(
    ids=jnp.array([[3, 1, 3], [6, 0, 0], [2, 5, 4], [0, 1, 6]]),
    weights=jnp.array([[0.5, -1.0, 2.0], [1.5, 0.0, 0.0], [1, 1, 1], [0.1, 3.0, -2]]),
)
IDS = jnp.array([[2, 0, 2], [4, 1, 3]])

SEQUENCE: list[LayerCase] = [
    LayerCase("embedding", lambda h: embedding(5, 3), IDS),
    LayerCase("embedding_bag", lambda h: embedding_bag(7, 3), BAG),
    LayerCase("lstm", lambda h: lstm(4), normal(3, 5, 2)),
    LayerCase("last_step", lambda h: last_step, normal(3, 5, 2)),
    LayerCase(
        "sequence classifier",
        lambda h: sequential(
            embedding(5, 3), lstm(4), dropout(h["rate"]), last_step, head=dense(2)
        ),
        IDS,
        {"rate": 0.3},
    ),
    LayerCase(
        "from_linen",
        lambda h: from_linen(LinenBlock(4, h["momentum"]), kwargs=tell_train),
        normal(6, 5),
        {"momentum": 0.8},
    ),
    LayerCase("from_nnx", lambda h: from_nnx(make_nnx_block), normal(6, 5)),
    LayerCase(
        "modules of flax among layers",
        lambda h: sequential(
            dense(5),
            dropout(h["rate"]),
            from_nnx(make_nnx_block),
            dense(5),
            from_linen(LinenBlock(4), kwargs=tell_train),
        ),
        normal(6, 5),
        {"rate": 0.2},
    ),
]
