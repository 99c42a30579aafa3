"""Contestants of `mlp_epoch` that train with other libraries for JAX, and its limit."""

import functools
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmark.mlp_data import (
    BATCH,
    EPOCHS,
    EXAMPLES,
    INPUTS,
    RATE,
    SIZES,
    adam_bytes,
    data,
    flops,
)


def keras() -> Callable[[], float]:
    """``fit`` of Keras 3 on JAX, as it comes."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    *hidden, classes = SIZES
    model = keras.Sequential(
        [
            keras.Input((INPUTS,)),
            *(keras.layers.Dense(width, activation="relu") for width in hidden),
            keras.layers.Dense(classes),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = data()
    settings: dict[str, Any] = {"batch_size": BATCH, "epochs": EPOCHS, "verbose": 0}

    def measure() -> float:
        ends: list[float] = []
        watch = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
        )
        model.fit(x, y, callbacks=[watch], **settings)
        return (ends[-1] - ends[0]) / (EPOCHS - 1)

    return measure


def linen() -> Callable[[], float]:
    """flax.linen with a train state, and a jitted step called for each batch."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import linen as nn
    from flax.training.train_state import TrainState

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            *hidden, classes = SIZES
            for width in hidden:
                x = nn.relu(nn.Dense(width)(x))
            return nn.Dense(classes)(x)

    @jax.jit
    def train_step(state, images, labels):
        def loss_fn(params):
            logits = state.apply_fn({"params": params}, images)
            return optax.softmax_cross_entropy_with_integer_labels(
                logits, labels
            ).mean()

        loss, grads = jax.value_and_grad(loss_fn)(state.params)
        return state.apply_gradients(grads=grads), loss

    x, y = map(jnp.asarray, data())
    model = Net()

    def measure() -> float:
        key = jax.random.key(0)
        params = model.init(key, x[:1])["params"]
        state = TrainState.create(
            apply_fn=model.apply, params=params, tx=optax.adam(RATE)
        )
        start = 0.0
        for i in range(EPOCHS):
            order = jax.random.permutation(jax.random.fold_in(key, i), EXAMPLES)
            losses = []
            for rows in order.reshape(-1, BATCH):
                state, loss = train_step(state, x[rows], y[rows])
                losses.append(loss)
            float(np.mean(jax.device_get(losses)))
            if i == 0:
                start = time.perf_counter()
        return (time.perf_counter() - start) / (EPOCHS - 1)

    return measure


def products() -> Callable[[], float]:
    """As many operations as an epoch's matrix products have, in large ones.

    Nothing else is done, on all cores: the machine's limit.
    """
    import jax
    import jax.numpy as jnp

    size, repeats = 2048, 10
    matrix = jnp.ones((size, size))
    multiply = jax.jit(lambda a, b: a @ b)

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            multiply(matrix, matrix).block_until_ready()
        rate = repeats * 2 * size**3 / (time.perf_counter() - start)
        return flops() / rate

    return measure


def own_products() -> Callable[[], float]:
    """The matrix products of an epoch, of their own shapes, and hardly anything else.

    Each gradient is added to its weights, so that steps follow one another. All is
    compiled as `jaxnet.fit` compiles it.
    """
    import jax
    import jax.numpy as jnp

    from jaxnet.programs import IN_PLACE

    shapes = itertools.pairwise((INPUTS, *SIZES))
    kernels = [jnp.full(shape, 0.01) for shape in shapes]
    x = jnp.ones((BATCH, INPUTS))

    @functools.partial(jax.jit, compiler_options=IN_PLACE)
    def epoch(kernels, x):
        def step(kernels, _):
            outputs = [x]
            for kernel in kernels:
                outputs.append(outputs[-1] @ kernel)
            upstream, new = outputs[-1], []
            for i in reversed(range(len(kernels))):
                gradient = outputs[i].T @ upstream
                # Of a size that stays.
                new.append(jnp.clip(kernels[i] + gradient, -0.1, 0.1))
                if i:
                    upstream = upstream @ kernels[i].T
            return new[::-1], None

        return jax.lax.scan(step, kernels, length=EXAMPLES // BATCH)[0]

    def measure() -> float:
        start = time.perf_counter()
        jax.block_until_ready(epoch(kernels, x))
        return time.perf_counter() - start

    return measure


def own_products_and_copies() -> Callable[[], float]:
    """As `own_products`, and then copies of as many bytes as Adam reads and writes."""
    import jax
    import jax.numpy as jnp

    multiply, repeats = own_products(), 100
    # As large as the weights; read and written in place.
    array = jnp.ones(1_150_000)
    negate = jax.jit(lambda a: -a, donate_argnums=0)

    def measure() -> float:
        nonlocal array
        start = time.perf_counter()
        for _ in range(repeats):
            array = negate(array)
        array.block_until_ready()
        rate = 2 * repeats * array.nbytes / (time.perf_counter() - start)
        return multiply() + adam_bytes() / rate

    return measure
