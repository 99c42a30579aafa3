"""An epoch of lecture 003's network: 300-2048-256-20, batch 512, Adam.

11,264 examples are 22 full batches. Contestants: `jaxnet.fit`; the same step
written by hand in JAX, in one ``lax.scan``; flax.linen with a jitted step for each
batch; Keras 3 on JAX; the PyTorch loop of the lecture, with its data loader; and that
loop with the loader replaced by indexing with a random permutation, which is faster.
Each shuffles every epoch and reports the epoch's mean loss to the host.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any

from experiments.benchmark.case import PRODUCTS, Case, torch_device
from experiments.benchmark.mlp_data import (
    BATCH,
    CLASSES,
    EPOCHS,
    EXAMPLES,
    INPUTS,
    RATE,
    SIZES,
    data,
)
from experiments.benchmark.mlp_libraries import (
    keras,
    linen,
    own_products,
    own_products_and_copies,
    products,
)


def ours() -> Callable[[], float]:
    """`jaxnet.fit`, its host loop included."""
    import jax

    import jaxnet

    def build(h):
        return jaxnet.Task(
            model=jaxnet.mlp(*SIZES),
            loss=jaxnet.softmax_cross_entropy,
            optimizer=jaxnet.optimizer("adam", h["learning_rate"]),
            batch_size=BATCH,
        )

    train = jax.tree.map(jax.numpy.asarray, data())
    hypers = {"learning_rate": RATE}

    def measure() -> float:
        run = jaxnet.fit(build, hypers, train, key=jax.random.key(0), epochs=EPOCHS)
        seconds = run.history["seconds"]
        return (seconds[-1] - seconds[0]) / (EPOCHS - 1)

    return measure


def hand_written() -> Callable[[], float]:
    """What one would write with JAX and optax alone, for this network only."""
    import jax
    import jax.numpy as jnp
    import optax

    x, y = jax.tree.map(jnp.asarray, data())
    optimizer = optax.adam(RATE)

    def init(key):
        widths, params = (INPUTS, *SIZES), []
        for fan_in, fan_out in itertools.pairwise(widths):
            key, layer_key = jax.random.split(key)
            kernel = jax.random.normal(layer_key, (fan_in, fan_out))
            params.append((kernel * jnp.sqrt(2 / fan_in), jnp.zeros(fan_out)))
        return params

    def loss_fn(params, x, y):
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        losses = optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y)
        return losses.mean()

    @jax.jit
    def epoch(params, opt_state, x, y, key):
        def step(carry, rows):
            params, opt_state = carry
            loss, grads = jax.value_and_grad(loss_fn)(params, x[rows], y[rows])
            updates, opt_state = optimizer.update(grads, opt_state)
            return (optax.apply_updates(params, updates), opt_state), loss

        order = jax.random.permutation(key, EXAMPLES).reshape(-1, BATCH)
        (params, opt_state), losses = jax.lax.scan(step, (params, opt_state), order)
        return params, opt_state, losses.mean()

    def measure() -> float:
        key = jax.random.key(0)
        params = init(key)
        opt_state = optimizer.init(params)
        start = 0.0
        for i in range(EPOCHS):
            epoch_key = jax.random.fold_in(key, i)
            params, opt_state, loss = epoch(params, opt_state, x, y, epoch_key)
            float(loss)
            if i == 0:
                start = time.perf_counter()
        return (time.perf_counter() - start) / (EPOCHS - 1)

    return measure


def pytorch() -> Callable[[], float]:
    """The lecture's loop over batches indexed with a permutation: PyTorch's best."""
    import torch

    device = torch_device()
    x, y = (a.to(device) for a in _tensors())

    def batches():
        for rows in torch.randperm(EXAMPLES, device=device).split(BATCH):
            yield x[rows], y[rows]

    return _pytorch_loop(batches)


def pytorch_loader() -> Callable[[], float]:
    """The lecture's loop as it stands there, over a data loader with two workers."""
    from torch.utils.data import DataLoader, TensorDataset

    data_loader = DataLoader(
        TensorDataset(*_tensors()), batch_size=BATCH, shuffle=True, num_workers=2
    )
    return _pytorch_loop(lambda: data_loader)


def _tensors():
    import torch

    x, y = map(torch.from_numpy, data())
    return x, y.long()


def _pytorch_loop(batches: Callable[[], Any]) -> Callable[[], float]:
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Linear(300, 2048),
        nn.ReLU(),
        nn.Linear(2048, 256),
        nn.ReLU(),
        nn.Linear(256, CLASSES),
    )
    device, criterion = torch_device(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.to(device).parameters(), lr=RATE)

    def measure() -> float:
        start = 0.0
        for i in range(EPOCHS):
            total = 0.0
            for inputs, labels in batches():
                optimizer.zero_grad()
                inputs, labels = inputs.to(device), labels.to(device)
                loss = criterion(model(inputs), labels)
                loss.backward()
                optimizer.step()
                total += loss.item()
            if i == 0:
                start = time.perf_counter()
        return (time.perf_counter() - start) / (EPOCHS - 1)

    return measure


CASES = {
    "mlp_epoch": Case(
        unit="seconds per epoch",
        contestants={
            "jaxnet.fit": ours,
            "hand-written JAX": hand_written,
            "flax.linen": linen,
            "Keras 3 on JAX": keras,
            "PyTorch": pytorch,
            "PyTorch, lecture 003": pytorch_loader,
            "its own products alone": own_products,
            "and Adam's bytes copied": own_products_and_copies,
            PRODUCTS: products,
        },
        targets={
            "hand-written JAX": 1.05,
            "PyTorch": 1.0,
            "PyTorch, lecture 003": 1 / 1.3,
            PRODUCTS: 1 / 0.9,
        },
    )
}
