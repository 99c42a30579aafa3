"""The compiled programs of a training run, and how arrays and streams run them.

A program is compiled once for each ``build``, each set of static hyperparameters
and each shape of the data: another learning rate runs the same one. ``jax.jit``
itself keeps them, for as long as ``build`` is the same function.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Int

from jaxnet.batch_sizes import Stages, stage_at, stages_of
from jaxnet.data.streaming import Stream
from jaxnet.devices import replicated, split
from jaxnet.epochs import Step, epoch_of, run_epoch
from jaxnet.hypers import Named, Static, join_hypers, split_hypers
from jaxnet.metrics import merge
from jaxnet.starting import AFRESH, Start
from jaxnet.training import (
    Build,
    Metrics,
    TrainState,
    checked,
    evaluation_rows,
    supervised,
)
from jaxnet.types import Batch, Hypers, Inputs, PRNGKey

Traced = dict[str, Array]
"""The hyperparameters that are arguments of a program, by name."""


class Program(NamedTuple):
    """What a compiled program depends on, beside the shapes of its arguments.

    Attributes:
      build: hyperparameters to the task.
      static: the hyperparameters that shape the program.
      stages: from which epoch on, counted from 0, there are how many examples per
        step, None for all. A compiled program has one.
      evaluation_rows: examples at a time in evaluation.
      mesh: of the devices that each batch is split over; None for a single one.
    """

    build: Build
    static: Static
    stages: Stages
    evaluation_rows: int
    mesh: Mesh | None = None

    @property
    def batch_size(self) -> int | None:
        """Examples per step in the first stage; None for all."""
        return self.stages[0][1]

    def at(self, epoch: int) -> "Program":
        """The program, of a single stage, that trains in this epoch."""
        size = self.stages[stage_at(self.stages, epoch)][1]
        return self._replace(stages=((0, size),))

    def until(self, first: int, last: int) -> int:
        """How far the program of epoch ``first`` goes: ``last`` at most."""
        return min([last, *(epoch for epoch, _ in self.stages if epoch > first)])


def program_of(build: Build, hypers: Hypers) -> tuple[Program, Traced]:
    """The program for these hyperparameters, and those it takes as arguments.

    ``build`` is called with the plain values once, so that ranges are checked that
    no traced value could be checked for.
    """
    task = checked(build(Named(hypers)))
    traced, static = split_hypers(hypers)
    stages = stages_of(task.batch_size)
    return Program(build, static, stages, evaluation_rows(task)), traced


def at_level(level: int) -> dict[str, Any]:
    """Compiler options for a level of optimization below XLA's own, which is 3.

    None where JAX was asked for less still, by ``JAX_DISABLE_MOST_OPTIMIZATIONS``.
    """
    if jax.config.read("jax_disable_most_optimizations"):
        return {}
    return {"xla_backend_optimization_level": level}


ONCE = at_level(1)
"""For programs that run once and are mostly random bits, which take long to optimize.

That halves the time to compile them, and changes no bit of what they give.
"""

IN_PLACE = {"xla_cpu_copy_insertion_use_region_analysis": True}
"""For steps on a CPU: weights are changed where they are.

By itself XLA copies a kernel in every step that reads it once more, backwards, because
it does not look at when that is done.
"""

MANY = at_level(2) | IN_PLACE
"""For the many programs of sweeps, whose steps are small.

On a CPU they take less time to compile than at XLA's own level, and no more to run.
"""


@functools.partial(jax.jit, static_argnames="program", compiler_options=ONCE)
def init(
    program: Program,
    traced: Traced,
    key: PRNGKey,
    data: Batch,
    start: Start = AFRESH,
) -> TrainState:
    """The state before the first step; of the data only shapes are read."""
    hypers = join_hypers(traced, program.static)
    return supervised(program.build).init(hypers, key, data, start)


def train_block(
    program: Program,
    traced: Traced,
    state: TrainState,
    data: Batch | Stream,
    key: PRNGKey,
    first: int,
    last: int,
) -> tuple[TrainState, Metrics]:
    """Trains for the epochs in [first, last).

    Args:
      program: what to run.
      traced: its hyperparameters.
      state: used up: its buffers hold the new state afterwards.
      data: arrays in device memory, for one compiled call; or a stream, for one
        call a step.
      key: of the whole run. The key of an epoch is ``fold_in(key, epoch)``.
      first: the number of epochs done before.
      last: the number of epochs done afterwards.

    Returns:
      The new state, and the metrics over all steps.
    """
    totals: Metrics | None = None
    while first < last:
        part, until = program.at(first), program.until(first, last)
        if isinstance(data, Stream):
            state, metrics = _stream(part, traced, state, data, key, first, until)
        else:
            state, metrics = _epochs(
                part, until - first, traced, state, data, key, first
            )
        totals = metrics if totals is None else _merge(totals, metrics)
        first = until
    assert totals is not None, "a block has at least one epoch"
    return state, totals


def evaluate(
    program: Program, traced: Traced, state: TrainState, data: Batch | Stream
) -> Metrics:
    """Loss and metrics on every example."""
    if not isinstance(data, Stream):
        return _evaluate(program, traced, state, data)
    totals: Metrics | None = None
    for batch in data.in_order(program.evaluation_rows):
        metrics = _evaluate(program, traced, state, batch)
        totals = metrics if totals is None else _merge(totals, metrics)
    if totals is None:
        raise ValueError("the stream to evaluate gave no batch: it is empty.")
    return totals


@functools.partial(jax.jit, static_argnames="program")
def predict(program: Program, traced: Traced, state: TrainState, inputs: Inputs) -> Any:
    """The model's outputs for every row."""
    hypers = join_hypers(traced, program.static)
    return supervised(program.build).predict(hypers, state, inputs)


@jax.jit
def copy_state(state: TrainState) -> TrainState:
    """A state whose buffers no training step takes."""
    return jax.tree.map(jnp.copy, state)


_merge = jax.jit(merge)


def _stream(
    program: Program,
    traced: Traced,
    state: TrainState,
    data: Stream,
    key: PRNGKey,
    first: int,
    last: int,
) -> tuple[TrainState, Metrics]:
    """`train_block` for a stream and a single batch size."""
    totals: Metrics | None = None
    for epoch in range(first, last):
        order_key, noise_key = jax.random.split(jax.random.fold_in(key, epoch))
        steps = 0
        for batch in data.shuffled(order_key, program.batch_size):
            state, metrics = _step(program, traced, state, batch, noise_key, steps)
            # Waits for the step before this one, so that one batch is transferred
            # while another is computed on, and no more than that pile up.
            jax.block_until_ready(totals)
            totals = metrics if totals is None else _merge(totals, metrics)
            steps += 1
        if steps == 0:
            raise ValueError(
                f"train is a stream that gave no batch in epoch {epoch + 1}. Pass "
                "stream_batches a list, or a function that makes a new iterator."
            )
    assert totals is not None, "first < last, and an epoch without steps was refused"
    return state, totals


@functools.partial(
    jax.jit,
    static_argnames=("program", "epochs"),
    donate_argnames="state",
    compiler_options=IN_PLACE,
)
def _epochs(
    program: Program,
    epochs: int,
    traced: Traced,
    state: TrainState,
    data: Batch,
    key: PRNGKey,
    first: int | Int[Array, ""],
) -> tuple[TrainState, Metrics]:
    hypers, recipe = join_hypers(traced, program.static), supervised(program.build)

    step = functools.partial(
        _split_step, program, functools.partial(recipe.step, hypers)
    )

    def body(state: TrainState, epoch: Array) -> tuple[TrainState, Metrics]:
        of_epoch = jax.random.fold_in(key, epoch)
        steps = epoch_of(data, of_epoch, batch_size=program.batch_size)
        return run_epoch(step, state, steps)

    state, each = jax.lax.scan(body, state, first + jnp.arange(epochs))
    return state, jax.tree.map(lambda a: a.sum(axis=0), each)


@functools.partial(jax.jit, static_argnames="program", donate_argnames="state")
def _step(
    program: Program,
    traced: Traced,
    state: TrainState,
    batch: Batch,
    key: PRNGKey,
    i: int | Int[Array, ""],
) -> tuple[TrainState, Metrics]:
    hypers, step_key = join_hypers(traced, program.static), jax.random.fold_in(key, i)
    step = functools.partial(supervised(program.build).step, hypers)
    return _split_step(program, step, state, batch, step_key)


def _split_step(
    program: Program, step: Step, state: TrainState, batch: Batch, key: PRNGKey
) -> tuple[TrainState, Metrics]:
    """A step whose batch is split over the devices, each of which has the state.

    The compiler adds what the devices have to tell each other: their parts of the
    gradient, and of the statistics of a batch.
    """
    if program.mesh is None:
        return step(state, batch, key)
    batch = jax.lax.with_sharding_constraint(batch, split(program.mesh))
    new, metrics = step(state, batch, key)
    return jax.lax.with_sharding_constraint(new, replicated(program.mesh)), metrics


@functools.partial(jax.jit, static_argnames="program")
def _evaluate(
    program: Program, traced: Traced, state: TrainState, data: Batch
) -> Metrics:
    hypers = join_hypers(traced, program.static)
    return supervised(program.build).evaluate(hypers, state, data)
