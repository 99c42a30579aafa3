"""Deep nets on the digits: from which initializer, how deep, and with what help.

A net of ``depth`` hidden layers is a dense layer, ``depth - 1`` blocks and a dense
layer for the classes. A block is ``h <- f(h) W``, with batch normalization in front
of f, with a skip connection around it, with both, or with neither.

What differs between nets is a number: the depth, three of the initializer's formula,
and 0 or 1 for each help. So many of them are one program.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import jaxnet
from experiments.initialization.choosing import when
from experiments.initialization.config import Config
from experiments.initialization.kinds import VARIANCES, of_formula
from experiments.initialization.testing import evaluate
from jaxnet.search import Sweep
from jaxnet.types import Batch, Hypers, ModelState, Params, PRNGKey

STARTS = ("0.01 randn", "PyTorch default", "Xavier", "He", "randn")

HELPS = {
    "plain": {"norm": 0.0, "skip": 0.0, "tanh": 0.0},
    "batch norm": {"norm": 1.0, "skip": 0.0, "tanh": 0.0},
    "skip": {"norm": 0.0, "skip": 1.0, "tanh": 0.0},
    "both": {"norm": 1.0, "skip": 1.0, "tanh": 0.0},
    "plain, tanh": {"norm": 0.0, "skip": 0.0, "tanh": 1.0},
}

_STARTS_OF = {
    "skip": ("0.01 randn", "PyTorch default", "He"),
    "batch norm": ("0.01 randn", "He", "randn"),
    "both": ("0.01 randn", "He", "randn"),
    "plain, tanh": ("Xavier", "He"),
}
"""All unless it is said here."""


class Kind(NamedTuple):
    """A kind of net."""

    depth: int
    help: str
    start: str


class Trained(NamedTuple):
    """The nets of a kind, at the learning rate that was best on validation data.

    Attributes:
      rate: that one.
      validation: accuracies, (seeds,); 0.1, a guess, for nets that diverged.
      test: likewise.
      diverged: the share of all runs of the kind, at all rates.
    """

    rate: float
    validation: np.ndarray
    test: np.ndarray
    diverged: float


def build(h: Hypers) -> jaxnet.Task:
    """A deep net, trained by gradient descent with momentum.

    Args:
      h: "depth", a float, "room" for so many blocks, and "width"; "a", "b", "c" of
        `of_formula`; "norm", "skip" and "tanh", each 0.0 or 1.0; "learning_rate".
    """
    width, tanh = h["width"], h["tanh"]
    curve = jaxnet.activation(
        lambda x: jax.lax.cond(tanh > 0.5, jnp.tanh, jax.nn.relu, x), "curve"
    )
    draw = of_formula(h["a"], h["b"], h["c"])
    norm = when(h["norm"], jaxnet.batch_norm())
    # No bias, since batch_norm may follow.
    matrix = jaxnet.dense(width, bias=False, kernel_init=draw)
    block = _skipping(h["skip"], jaxnet.sequential(norm, curve, matrix))
    return jaxnet.Task(
        model=jaxnet.sequential(
            matrix,
            blocks=_repeat(block, h["room"], h["depth"] - 1.0),
            norm=norm,
            curve=curve,
            head=jaxnet.dense(10, kernel_init=draw),
        ),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=jaxnet.optimizer("momentum", h["learning_rate"]),
        batch_size=32,
        metrics={"accuracy": jaxnet.accuracy},
    )


def train(
    config: Config, key: PRNGKey, train: Batch, validation: Batch, test: Batch
) -> dict[Kind, Trained]:
    """Trains all kinds at all learning rates, and tests each at its best one."""
    kinds = [
        Kind(depth, help_, start)
        for depth in config.depths
        for help_ in HELPS
        for start in _STARTS_OF.get(help_, STARTS)
        if help_ != "plain, tanh" or depth == middle(config.depths)
    ]
    result = jaxnet.sweep(
        build,
        [_setting(config, kind, rate) for kind in kinds for rate in config.rates],
        train,
        validation,
        key=key,
        seeds=config.seeds,
        epochs=config.epochs,
        every=config.epochs,
        monitor="validation_accuracy",
        maximize=True,
        chunk=1,  # See `when`.
        progress=False,
    )
    return _choose(config, kinds, result, test)


def _choose(
    config: Config, kinds: list[Kind], result: Sweep, test: Batch
) -> dict[Kind, Trained]:
    shape = (len(kinds), len(config.rates), config.seeds)
    diverged = (result.runs.bad_step > 0).reshape(shape)
    accuracy = result.runs.curves["validation_accuracy"][:, -1].reshape(shape)
    accuracy = np.where(diverged, 0.1, accuracy)
    best = accuracy.mean(axis=2).argmax(axis=1)
    trials = np.arange(len(kinds)) * len(config.rates) + best
    tested = evaluate(result, trials, test)["accuracy"]
    return {
        kind: Trained(
            rate=config.rates[best[i]],
            validation=accuracy[i, best[i]],
            test=np.where(diverged[i, best[i]], 0.1, tested[i]),
            diverged=float(diverged[i].mean()),
        )
        for i, kind in enumerate(kinds)
    }


def middle(depths: tuple[int, ...]) -> int:
    """The depth at which initializers are compared."""
    return depths[len(depths) // 2]


def best_start(trained: dict[Kind, Trained], depth: int, help_: str) -> Trained:
    """The nets from the initializer that is best on validation data."""
    some = [
        one
        for kind, one in trained.items()
        if (kind.depth, kind.help) == (depth, help_)
    ]
    return max(some, key=lambda one: one.validation.mean())


def _setting(config: Config, kind: Kind, rate: float) -> Hypers:
    formula = dict(zip("abc", VARIANCES[kind.start], strict=True))
    sizes = {"depth": float(kind.depth), "width": config.width}
    # Nets of up to 8 layers are one program: that is one less to compile.
    sizes["room"] = max(kind.depth, 8) - 1
    return HELPS[kind.help] | formula | sizes | {"learning_rate": rate}


def _skipping(weight: Array, block: jaxnet.Layer) -> jaxnet.Layer:
    """``residual(block)`` if the weight is 1, the block alone if it is 0."""

    def apply(
        params: Params,
        state: ModelState,
        x: Array,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Array, ModelState]:
        y, state = block.apply(params, state, x, train=train)
        return y + weight * x, state

    return jaxnet.Layer(block.init, apply, block.name)


def _repeat(block: jaxnet.Layer, room: int, times: Array) -> jaxnet.Layer:
    """The block several times, as one ``lax.scan``: 31 compile as fast as one.

    Args:
      block: keeps the shape.
      room: how many have parameters.
      times: how many are used; the others pass on what they get.
    """

    def init(key: PRNGKey, x: Array) -> tuple[Params, ModelState]:
        return jax.vmap(lambda key: block.init(key, x))(jax.random.split(key, room))

    def apply(
        params: Params,
        state: ModelState,
        x: Array,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Array, ModelState]:
        def body(
            x: Array, one: tuple[Array, Params, ModelState]
        ) -> tuple[Array, ModelState]:
            i, params, state = one
            used = when((i < times).astype(x.dtype), block)
            return used.apply(params, state, x, train=train)

        return jax.lax.scan(body, x, (jnp.arange(float(room)), params, state))

    return jaxnet.Layer(init, apply, "repeat")
