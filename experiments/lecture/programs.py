"""Slips in code and in words about it: each is run as the slide has it, and mended."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.lecture.slip import Slip, number
from jaxnet import initializers
from jaxnet.layers import dense, dropout, mlp, relu, sequential
from jaxnet.losses import softmax_cross_entropy

RATE = 0.4
"""The lectures' dropout rate: the probability to drop."""

SIZES = (2048, 256, 20)


def glorot_scale() -> Slip:
    """A division where a multiplication was meant."""
    fan_in, fan_out = 300, 2048
    noise = jax.random.normal(jax.random.key(0), (fan_in, fan_out))
    slide = float((noise / np.sqrt(2 / (fan_in + fan_out))).std())
    make = initializers.glorot_normal
    right = float(make(jax.random.key(0), (fan_in, fan_out), jnp.float32).std())
    due = np.sqrt(2 / (fan_in + fan_out))
    return Slip(
        "003",
        "Glorot's (and He's) scale, 300 x 2048",
        "randn() / sqrt(2 / (n_in + n_out))",
        f"standard deviation {number(slide)}",
        "randn() * sqrt(2 / (n_in + n_out))",
        f"standard deviation {number(right)}",
        abs(right / due - 1) < 0.01 and slide > 1000 * right,
    )


def dropout_scale_up() -> Slip:
    """A division by the probability to drop in place of that to keep."""
    key, ones = jax.random.key(1), jnp.ones((1000, 1000))
    mask = jax.random.uniform(key, ones.shape) > RATE
    slide = float((mask / RATE).mean())
    layer = dropout(RATE)
    right = layer.apply((), (), ones, train=True, key=jax.random.key(2))[0]
    return Slip(
        "003",
        "dropout scaled up, p = 0.4",
        "(rand > p) / p",
        f"mean gain {number(slide)}",
        "(rand > p) / (1 - p)",
        f"mean gain {number(float(right.mean()))}",
        abs(float(right.mean()) - 1) < 0.01 and abs(slide - 1.5) < 0.01,
    )


def dropout_scale_down() -> Slip:
    """The same for the other way to scale, at the time of the test."""
    ones = jnp.ones((1000, 1000))
    kept = jax.random.uniform(jax.random.key(3), ones.shape) > RATE
    trained = float(kept.mean())
    return Slip(
        "003",
        "dropout scaled down in testing, p = 0.4",
        "x * p, p the probability to drop",
        f"{number(RATE / trained)} of what was trained with",
        "x * (1 - p)",
        f"{number((1 - RATE) / trained)} of it",
        abs((1 - RATE) / trained - 1) < 0.01,
    )


def dropped_weights() -> Slip:
    """Weights that are dropped, where activations are meant."""
    x, w = jnp.ones(64), jnp.ones((64, 200)) / 64
    keys = jax.random.split(jax.random.key(4), 2)
    weights = x @ (w * (jax.random.uniform(keys[0], w.shape) > 0.5) * 2)
    activations = (x * (jax.random.uniform(keys[1], x.shape) > 0.5) * 2) @ w
    return Slip(
        "002",
        "dropout of 64 equal inputs, p = 0.5",
        "sets weights to 0",
        f"200 outputs differ by {number(float(weights.std()))}",
        "sets activations to 0",
        f"they differ by {number(float(activations.std()))}",
        float(activations.std()) < 1e-5 < 0.05 < float(weights.std()),
    )


def default_initializer() -> Slip:
    """What PyTorch's linear layer starts with."""
    make = initializers.pytorch_default
    w = make(jax.random.key(5), (300, 2048), jnp.float32)
    return Slip(
        "003",
        "default of nn.Linear: variance x inputs",
        "He's",
        "2",
        "uniform(-1, 1) / sqrt(n_in)",
        number(float(w.var()) * 300),
        abs(float(w.var()) * 300 - 1 / 3) < 0.01,
    )


def zeros_cost_as_much() -> Slip:
    """Whether multiplying with zeros is faster."""
    plain = sequential(*(layer for n in SIZES[:2] for layer in (dense(n), relu)))
    dropping = sequential(
        *(layer for n in SIZES[:2] for layer in (dense(n), relu, dropout(RATE)))
    )
    x = jnp.ones((512, 300))
    few, _ = plain.init(jax.random.key(6), x)
    more, _ = dropping.init(jax.random.key(6), x)

    @jax.jit
    def without(params: Any, x: jax.Array, key: jax.Array) -> jax.Array:
        return plain.apply(params, (), x, train=True, key=key)[0].sum()

    @jax.jit
    def with_it(params: Any, x: jax.Array, key: jax.Array) -> jax.Array:
        return dropping.apply(params, (), x, train=True, key=key)[0].sum()

    ratio = _ratio(lambda key: with_it(more, x, key), lambda key: without(few, x, key))
    return Slip(
        "003",
        "time of a pass with dropout / without",
        "less, through zeros",
        "< 1",
        "dense hardware multiplies zeros too",
        number(ratio),
        ratio > 1.0,
    )


def unscaled_weights() -> Slip:
    """Weights of standard deviation 1, on inputs of length one."""
    x = jax.random.normal(jax.random.key(7), (512, 300))
    x = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    labels = jax.random.randint(jax.random.key(8), (512,), 0, 20)

    def first_loss(kernel: str) -> float:
        model = mlp(*SIZES, kernel_init=KERNELS[kernel])
        params, state = model.init(jax.random.key(9), x)
        return float(softmax_cross_entropy(model.apply(params, state, x)[0], labels))

    slide, right = first_loss("randn"), first_loss("pytorch")
    return Slip(
        "003",
        "first loss of 300-2048-256-20; ln 20 = 2.996",
        "torch.randn weights",
        number(slide),
        "PyTorch's default",
        number(right),
        abs(right - np.log(20)) < 0.2 and slide > 100,
    )


def unordered_labels() -> Slip:
    """The numbers of labels that come from a set, in two processes."""
    names = ["sci.space", "rec.autos", "misc.forsale", "talk.politics.misc"]

    def order(expression: str, seed: int) -> str:
        code = f"print({expression.format(names=names)})"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    slide = {order("list(set({names}))", seed) for seed in range(4)}
    right = {order("sorted(set({names}))", seed) for seed in range(4)}
    return Slip(
        "003",
        "numbers of the labels, in four processes",
        'a set of data[idx]["label"]; the key is "topic"',
        f"{len(slide)} different orders",
        "sorted(set(...))",
        f"{len(right)}",
        len(slide) > 1 and len(right) == 1,
    )


KERNELS = {
    "randn": initializers.normal(1.0),
    "pytorch": initializers.pytorch_default,
}


def _ratio(
    a: Callable[[jax.Array], jax.Array], b: Callable[[jax.Array], jax.Array]
) -> float:
    """The median ratio of times, taken in turns."""
    times: dict[str, list[float]] = {"a": [], "b": []}
    for i in range(12):
        for name, fn in (("a", a), ("b", b)):
            start = time.perf_counter()
            fn(jax.random.key(i)).block_until_ready()
            times[name].append(time.perf_counter() - start)
    # The first of each compiles.
    ratios = np.array(times["a"][2:]) / np.array(times["b"][2:])
    return float(np.median(ratios))
