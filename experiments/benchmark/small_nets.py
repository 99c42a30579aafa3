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

from experiments.benchmark.case import PRODUCTS, Case
from experiments.benchmark.small_nets_data import (
    BATCH,
    EPOCHS,
    MEMBERS,
    RATES,
    build_of,
    data,
    per_thousand,
    rates,
)
from experiments.benchmark.small_nets_peers import (
    one_piece,
    torch_func,
    torch_loop,
    two_torch_loops,
)
from experiments.common.devices import split_cpu

LIMITS = {64: 1 / 0.5, 256: 1 / 0.75}
"""The largest ratio to large products with as many operations, by H."""

Measure = Callable[[], float]


def sweep(units: int, phase: str) -> Measure:
    """`jaxnet.search.sweep`, with the CPU as one device a core.

    Args:
      units: H.
      phase: "run" for what comes after compilation, "call" for everything.
    """
    split_cpu()
    import jax

    from jaxnet import search

    build, train, trials = build_of(units), data(), MEMBERS[units] // 4
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
        return per_thousand(seconds, MEMBERS[units], EPOCHS)

    return measure


def own_products(units: int) -> Measure:
    """The members' matrix products alone, of their own shapes, forwards and backwards.

    On as many devices, and with as many members at a time, as `jaxnet.sweep` plans, and
    compiled as it compiles, but with nothing else to do: what is left of the limit for
    products that are so small.
    """
    split_cpu()
    import jax
    import jax.numpy as jnp
    from jax.sharding import PartitionSpec

    from jaxnet import search
    from jaxnet.devices import AXIS
    from jaxnet.layers.products import product
    from jaxnet.programs import MANY

    settings = [{"rate": rate} for rate in rates(MEMBERS[units]).tolist()]
    plan = search.plan(
        build_of(units), settings, data(), key=jax.random.key(0), epochs=EPOCHS
    )
    mesh, chunk = plan.groups[0].layout.mesh, plan.groups[0].layout.chunk
    steps = 200
    widths = (1, units, units, 1)

    @functools.partial(jax.jit, compiler_options=MANY)
    @functools.partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=PartitionSpec(AXIS),
        out_specs=PartitionSpec(AXIS),
        check_vma=False,
    )
    def run(kernels):
        # As the sweep does it: without an axis of 1.
        each = jax.vmap(step) if chunk > 1 else step
        if chunk == 1:
            kernels = [kernel[0] for kernel in kernels]
        kernels, _ = jax.lax.scan(lambda k, _: (each(k), None), kernels, length=steps)
        return [kernel.reshape(chunk, *kernel.shape[-2:]) for kernel in kernels]

    def step(kernels):
        def forwards(x, kernels):
            return functools.reduce(product, kernels, x)

        y, backwards = jax.vjp(forwards, jnp.ones((BATCH, 1)), kernels)
        _, gradients = backwards(y)
        # Used, and of a size that stays.
        return [
            jnp.clip(kernel + one, -0.1, 0.1)
            for kernel, one in zip(kernels, gradients, strict=True)
        ]

    shapes = itertools.pairwise(widths)
    count = chunk * mesh.size
    kernels = [jnp.full((count, *shape), 0.01) for shape in shapes]

    def measure() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(run(kernels))
        return 1000 * (time.perf_counter() - begin) / (count * steps)

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
            "its own products alone": functools.partial(own_products, units),
            PRODUCTS: functools.partial(products, units),
        },
        # With 256 units the loop of PyTorch computes for most of its time.
        targets={
            "JAX, one vmap": 1.0,
            "torch.func": 1 / 2,
            "PyTorch": 1 / 9 if units == 256 else 1 / 50,
            "PyTorch, two processes": 1 / 5 if units == 256 else 1 / 25,
            **({PRODUCTS: LIMITS[units]} if units in LIMITS else {}),
        },
    )


CASES = {f"small_nets_{units}": _case(units) for units in MEMBERS}
