"""Many small nets: 256 of them, or 32, each with a learning rate of its own.

A member is a 1-H-H-1 tanh net that learns sin(pi x) from 1,024 points, in batches of
32 that are shuffled anew every epoch, by gradient descent with momentum 0.9, for 20
epochs. Each contestant reports every member's mean loss of every epoch to the host.

`jaxnet.sweep` is measured by its own ``seconds["run"]``, which is all that happens
between compilation and the result, and once more as a whole call that finds its
programs compiled: with plan and tracing. It watches each member for numbers that are
not finite; nobody else does. The loop of PyTorch takes every member as long as the
others, and is measured with a few; torch.func and JAX with a few epochs.
"""

import functools
import itertools
import time
from collections.abc import Callable

import numpy as np

from experiments.benchmark.case import PRODUCTS, Case
from experiments.benchmark.turns import start
from experiments.common.devices import cores, split_cpu

MEMBERS = {16: 256, 64: 256, 256: 32}
"""How many members, by H."""

EXAMPLES, BATCH, EPOCHS, MOMENTUM = 1024, 32, 20, 0.9
STEPS = EXAMPLES // BATCH
RATES = (1e-3, 1e-2)
"""Between which learning rates are: no member diverges, which would spare its work."""

Measure = Callable[[], float]


def data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs x and targets sin(pi x), (1024, 1) each."""
    x = np.linspace(-1.0, 1.0, EXAMPLES, dtype=np.float32)[:, None]
    return x, np.sin(np.pi * x)


def rates(count: int) -> np.ndarray:
    """A learning rate for each member, evenly on a log scale, (members,)."""
    return np.geomspace(*RATES, count, dtype=np.float32)


def sweep(units: int, phase: str) -> Measure:
    """`jaxnet.search.sweep`, with the CPU as one device a core.

    Args:
      units: H.
      phase: "run" for what comes after compilation, "call" for everything.
    """
    split_cpu()
    import jax

    import jaxnet
    from jaxnet import search

    def build(h):
        return jaxnet.Task(
            model=jaxnet.mlp(units, units, 1, activation=jaxnet.tanh),
            loss=jaxnet.mean_squared_error,
            optimizer=jaxnet.optimizer("momentum", h["rate"], momentum=MOMENTUM),
            batch_size=BATCH,
        )

    train, trials = data(), MEMBERS[units] // 4
    space, calls = {"rate": search.log_uniform(*RATES)}, itertools.count()

    def measure() -> float:
        # Other learning rates and seeds in every call: nothing compiles again.
        key = jax.random.key(next(calls))
        start = time.perf_counter()
        result = search.sweep(
            build, space, train, key=key, trials=trials, seeds=4, epochs=EPOCHS
        )
        seconds = time.perf_counter() - start
        assert set(result.status) == {"done"}, "members that stop cost nothing"
        seconds = result.seconds["run"] if phase == "run" else seconds
        return _per_thousand(seconds, MEMBERS[units], EPOCHS)

    return measure


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
        return _per_thousand(time.perf_counter() - start, members, epochs)

    return measure


def torch_func(units: int) -> Measure:
    """torch.func's model ensembling; the better of 64 and 256 members at a time."""
    import torch
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    x, y = map(torch.from_numpy, data())
    sizes = sorted({min(size, MEMBERS[units]) for size in (64, 256)})
    epochs = 1

    def train(members: int) -> list:
        models = [_module(units) for _ in range(members)]
        params, buffers = stack_module_state(models)
        params = {name: value.detach() for name, value in params.items()}
        velocity = {name: torch.zeros_like(value) for name, value in params.items()}
        base = models[0].to("meta")
        member_rates = torch.from_numpy(rates(members))

        def loss_fn(params, buffers, x, y):
            outputs = functional_call(base, (params, buffers), (x,))
            return torch.nn.functional.mse_loss(outputs, y)

        step = vmap(grad_and_value(loss_fn))
        curves = []
        for _ in range(epochs):
            order = torch.rand(members, EXAMPLES).argsort(dim=1)
            total = torch.zeros(members)
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
            times.append(_per_thousand(time.perf_counter() - start, members, epochs))
        return min(times)

    return measure


def torch_loop(units: int) -> Measure:
    """PyTorch, one member after the other."""
    import torch

    x, y = map(torch.from_numpy, data())
    members, epochs = 2, 10

    def train(rate: float) -> list[float]:
        model = _module(units)
        criterion = torch.nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
        curve = []
        for _ in range(epochs):
            total = 0.0
            for rows in torch.randperm(EXAMPLES).split(BATCH):
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
        return _per_thousand(time.perf_counter() - start, members, epochs)

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


def products(units: int) -> Measure:
    """As many operations as the members' matrix products have, in large ones.

    Nothing else is done, on all cores: the machine's limit.
    """
    import jax
    import jax.numpy as jnp

    size, repeats = 1024, 40
    matrix = jnp.ones((size, size))
    multiply = jax.jit(lambda a, b: a @ b)
    # Forwards, and backwards for inputs and weights; each product is 2 operations.
    flops = 3 * 2 * BATCH * (units + units * units + units)

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            multiply(matrix, matrix).block_until_ready()
        rate = repeats * 2 * size**3 / (time.perf_counter() - start)
        return 1000 * flops / rate

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


def _per_thousand(seconds: float, members: int, epochs: int) -> float:
    return 1000 * seconds / (members * epochs * STEPS)


def _case(units: int) -> Case:
    return Case(
        unit="seconds per 1,000 steps",
        contestants={
            "jaxnet.sweep": functools.partial(sweep, units, "run"),
            "jaxnet.sweep, whole call": functools.partial(sweep, units, "call"),
            "JAX, one vmap": functools.partial(one_piece, units),
            "torch.func": functools.partial(torch_func, units),
            "PyTorch": functools.partial(torch_loop, units),
            "PyTorch, two processes": functools.partial(two_torch_loops, units),
            PRODUCTS: functools.partial(products, units),
        },
        # With 256 units the loop of PyTorch computes for most of its time.
        targets={
            "JAX, one vmap": 1.0,
            "torch.func": 1 / 2,
            "PyTorch": 1 / 9 if units == 256 else 1 / 50,
            "PyTorch, two processes": 1 / 5 if units == 256 else 1 / 25,
        },
    )


CASES = {f"small_nets_{units}": _case(units) for units in MEMBERS}
