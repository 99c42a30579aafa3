"""Contestants of `small_nets`: what one would write by hand in JAX and in PyTorch."""

import functools
import itertools
import time
from collections.abc import Callable

import numpy as np

from experiments.benchmark.case import torch_device
from experiments.benchmark.small_nets_data import (
    BATCH,
    EXAMPLES,
    MEMBERS,
    MOMENTUM,
    STEPS,
    data,
    per_thousand,
    rates,
)
from experiments.benchmark.turns import start
from experiments.common.devices import cores

Measure = Callable[[], float]


def one_piece(units: int) -> Measure:
    """JAX alone, written by hand: all members in one ``vmap`` on one device."""
    import jax
    import jax.numpy as jnp

    x, y = map(jnp.asarray, data())
    members, epochs = MEMBERS[units], 4

    def init(key):
        params = []
        for fan_in, fan_out in itertools.pairwise((1, units, units, 1)):
            key, layer_key = jax.random.split(key)
            kernel = jax.random.normal(layer_key, (fan_in, fan_out))
            params.append((kernel * jnp.sqrt(2 / fan_in), jnp.zeros(fan_out)))
        return params

    def loss_fn(params, x, y):
        for w, b in params[:-1]:
            x = jnp.tanh(x @ w + b)
        w, b = params[-1]
        return jnp.mean((x @ w + b - y) ** 2)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, 0, None, None))
    def run(key, rate, x, y):
        init_key, key = jax.random.split(key)
        params = init(init_key)
        velocity = jax.tree.map(jnp.zeros_like, params)

        def step(carry, rows):
            params, velocity = carry
            loss, grads = jax.value_and_grad(loss_fn)(params, x[rows], y[rows])
            velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, grads)
            params = jax.tree.map(lambda p, v: p - rate * v, params, velocity)
            return (params, velocity), loss

        def epoch(carry, key):
            order = jax.random.permutation(key, EXAMPLES).reshape(STEPS, BATCH)
            carry, losses = jax.lax.scan(step, carry, order)
            return carry, losses.mean()

        keys = jax.random.split(key, epochs)
        return jax.lax.scan(epoch, (params, velocity), keys)

    calls = itertools.count()

    def measure() -> float:
        keys = jax.random.split(jax.random.key(next(calls)), members)
        start = time.perf_counter()
        _, losses = run(keys, jnp.asarray(rates(members)), x, y)
        np.asarray(losses)
        return per_thousand(time.perf_counter() - start, members, epochs)

    return measure


def torch_func(units: int) -> Measure:
    """torch.func's model ensembling; the better of 64 and 256 members at a time."""
    import torch
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    device = torch_device()
    x, y = (torch.from_numpy(a).to(device) for a in data())
    sizes = sorted({min(size, MEMBERS[units]) for size in (64, 256)})
    epochs = 1

    def train(members: int) -> list:
        models = [_module(units).to(device) for _ in range(members)]
        params, buffers = stack_module_state(models)
        params = {name: value.detach() for name, value in params.items()}
        velocity = {name: torch.zeros_like(value) for name, value in params.items()}
        base = models[0].to("meta")
        member_rates = torch.from_numpy(rates(members)).to(device)

        def loss_fn(params, buffers, x, y):
            outputs = functional_call(base, (params, buffers), (x,))
            return torch.nn.functional.mse_loss(outputs, y)

        step = vmap(grad_and_value(loss_fn))
        curves = []
        for _ in range(epochs):
            order = torch.rand(members, EXAMPLES, device=device).argsort(dim=1)
            total = torch.zeros(members, device=device)
            for rows in order.split(BATCH, dim=1):
                grads, loss = step(params, buffers, x[rows], y[rows])
                for name, value in params.items():
                    velocity[name].mul_(MOMENTUM).add_(grads[name])
                    rate = member_rates.view(-1, *[1] * (value.ndim - 1))
                    value.sub_(rate * velocity[name])
                total += loss
            curves.append((total / STEPS).tolist())
        return curves

    def measure() -> float:
        times = []
        for members in sizes:
            start = time.perf_counter()
            train(members)
            times.append(per_thousand(time.perf_counter() - start, members, epochs))
        return min(times)

    return measure


def torch_loop(units: int) -> Measure:
    """PyTorch, one member after the other."""
    import torch

    device = torch_device()
    x, y = (torch.from_numpy(a).to(device) for a in data())
    members, epochs = 2, 10

    def train(rate: float) -> list[float]:
        model = _module(units).to(device)
        criterion = torch.nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
        curve = []
        for _ in range(epochs):
            total = 0.0
            for rows in torch.randperm(EXAMPLES, device=device).split(BATCH):
                optimizer.zero_grad()
                loss = criterion(model(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
                total += loss.item()
            curve.append(total / STEPS)
        return curve

    def measure() -> float:
        start = time.perf_counter()
        for rate in rates(members).tolist():
            train(rate)
        return per_thousand(time.perf_counter() - start, members, epochs)

    return measure


def two_torch_loops(units: int) -> Measure:
    """The same in two processes, each with half of the members and of the cores."""
    threads = str(max(1, cores() // 2))
    workers = [
        start(f"small_nets_{units}", "PyTorch", OMP_NUM_THREADS=threads)
        for _ in range(2)
    ]

    def measure() -> float:
        for worker in workers:
            worker.go()
        # Each took this long for its steps, and both were at it.
        return sum(worker.answer().value for worker in workers) / 4

    return measure


def _module(units: int):
    from torch import nn

    return nn.Sequential(
        nn.Linear(1, units),
        nn.Tanh(),
        nn.Linear(units, units),
        nn.Tanh(),
        nn.Linear(units, 1),
    )
