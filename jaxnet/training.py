"""Training as pure functions: what to train, one step, one epoch, an evaluation.

A `Task` says what is trained; ``build(hypers) -> Task`` makes one from
hyperparameters, and `supervised` turns ``build`` into a `Recipe`, the pure
functions that ``fit`` compiles and ``sweep`` vmaps:

    recipe = supervised(build)
    state = recipe.init(hypers, key, (x, y))
    state, metrics = jax.jit(recipe.epoch)(hypers, state, (x, y), key)

Nothing here is jitted or remembers anything, so every function can be compiled,
vmapped over hyperparameters, states and keys, or scanned.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxnet.batch_sizes import (
    BatchSizes,
    check_batch_size,
    stage_at,
    stages_of,
)
from jaxnet.data.batching import in_chunks, take_rows
from jaxnet.data.checking import unpack
from jaxnet.epochs import epoch_of, run_epoch
from jaxnet.layers.core import Layer
from jaxnet.metrics import Mean, mean_of, merge
from jaxnet.starting import AFRESH, Start, replaced
from jaxnet.types import (
    Batch,
    Hypers,
    Inputs,
    Leaf,
    LossFn,
    ModelState,
    Params,
    PRNGKey,
)

EVALUATION_ROWS = 512
"""Examples at a time in evaluation, unless the task's batches are larger."""

Rows = Int[Array, " rows"]
"""Numbers of examples."""

Metrics = dict[str, Mean]
"""Means by name, each kept as a sum and a count; see `jaxnet.metrics`."""


class Task(NamedTuple):
    """What is trained, and how: with the data, the five choices of a designer.

    Attributes:
      model: the architecture; the initialization is in its layers.
      loss: the objective, ``(outputs, targets[, weights]) -> scalar``, a mean over
        the examples of a batch.
      optimizer: the learning rule, any optax transformation.
      batch_size: examples per step; None for all, which is gradient descent; or,
        where it changes, a size by epoch, such as ``{0: 32, 30: 128}``.
      penalty: ``params -> scalar``, added to the loss in training but not to the
        loss that is reported.
      metrics: what else to report, by name, each called like the loss.
    """

    model: Layer
    loss: LossFn
    optimizer: optax.GradientTransformation
    batch_size: BatchSizes = 32
    penalty: Callable[[Params], Float[Array, ""]] | None = None
    metrics: Mapping[str, LossFn] = MappingProxyType({})


Build = Callable[[Hypers], Task]
"""Hyperparameters by name to the task that has them."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """All that a training step changes.

    Attributes:
      step: the number of steps taken, int32.
      params: what the gradient is taken of.
      model_state: what the layers keep, such as running statistics.
      opt_state: what the optimizer keeps, such as momentum.
    """

    step: Leaf
    params: Params
    model_state: ModelState
    opt_state: optax.OptState


class Recipe(NamedTuple):
    """A training run in five pure functions.

    Attributes:
      init: ``(hypers, key, data, start=AFRESH) -> state``; of the data only shapes are
        read. What ``start`` gives is not drawn.
      step: ``(hypers, state, batch, key) -> (state, metrics)``, one gradient step.
      epoch: ``(hypers, state, data, key, rows=None, number=0) -> (state, metrics)``,
        a shuffled pass over the data, or over these rows of them, as one ``lax.scan``
        of steps; the number, an int, is for batch sizes that change.
      evaluate: ``(hypers, state, data, rows=None) -> metrics``, on every example, or
        on these rows.
      predict: ``(hypers, state, inputs) -> outputs``, for every example.
    """

    init: Callable[..., TrainState]
    step: Callable[..., tuple[TrainState, Metrics]]
    epoch: Callable[..., tuple[TrainState, Metrics]]
    evaluate: Callable[..., Metrics]
    predict: Callable[..., Any]


def supervised(build: Build) -> Recipe:
    """The recipe that learns targets from inputs.

    Args:
      build: ``hypers -> Task``. Hyperparameters that are floats may be traced in
        it; all others are plain values.

    Returns:
      Pure functions. Data are ``(x, y)`` or ``(x, y, weights)``, with the examples
      on the leading axis.

    Raises:
      TypeError: when called, if ``build`` returns no Task, or one whose model or
        optimizer is something else.
    """

    def init(
        hypers: Hypers, key: PRNGKey, data: Batch, start: Start = AFRESH
    ) -> TrainState:
        task = checked(build(hypers))
        example = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct((1, *a.shape[1:]), a.dtype), unpack(data)[0]
        )
        params, model_state = task.model.init(key, example)
        params = replaced(params, start.params, "params")
        model_state = replaced(model_state, start.model_state, "model_state")
        step = jnp.zeros((), jnp.int32)
        return TrainState(step, params, model_state, task.optimizer.init(params))

    def step(
        hypers: Hypers, state: TrainState, batch: Batch, key: PRNGKey
    ) -> tuple[TrainState, Metrics]:
        return _step(checked(build(hypers)), state, batch, key)

    def epoch(
        hypers: Hypers,
        state: TrainState,
        data: Batch,
        key: PRNGKey,
        rows: Rows | None = None,
        number: int = 0,
    ) -> tuple[TrainState, Metrics]:
        task = checked(build(hypers))
        stages = stages_of(task.batch_size)
        steps = epoch_of(
            data, key, batch_size=stages[stage_at(stages, number)][1], rows=rows
        )
        return run_epoch(functools.partial(_step, task), state, steps)

    def evaluate(
        hypers: Hypers, state: TrainState, data: Batch, rows: Rows | None = None
    ) -> Metrics:
        task = checked(build(hypers))

        def of_batch(batch: Batch) -> Metrics:
            x, *rest = unpack(batch)
            outputs, _ = task.model.apply(state.params, state.model_state, x)
            return _metrics(task, task.loss(outputs, *rest), outputs, rest)

        def of_rows(rows: Rows) -> Metrics:
            return of_batch(take_rows(data, rows))

        chunk = evaluation_rows(task)
        if rows is None:
            parts = in_chunks(of_batch, data, chunk)
        else:
            parts = in_chunks(of_rows, rows, chunk)
        totals = [jax.tree.map(lambda a: a.sum(axis=0), part) for part in parts]
        return functools.reduce(merge, totals)

    def predict(hypers: Hypers, state: TrainState, inputs: Inputs) -> Any:
        task = checked(build(hypers))

        def of_chunk(x: Inputs) -> Any:
            return task.model.apply(state.params, state.model_state, x)[0]

        def in_rows(*chunks: Array) -> Array:
            return jnp.concatenate([a.reshape(-1, *a.shape[2:]) for a in chunks])

        parts = in_chunks(of_chunk, inputs, evaluation_rows(task))
        return jax.tree.map(in_rows, *parts)

    return Recipe(init, step, epoch, evaluate, predict)


def checked(task: Task) -> Task:
    """The task itself, if its fields are what they should be.

    Raises:
      TypeError: if it is no Task, or a field is of the wrong kind.
      ValueError: if a batch size is not an int of at least 1.
    """
    if not isinstance(task, Task):
        raise TypeError(
            f"build should return a jaxnet.Task, got {type(task).__name__}. Is the "
            "return missing?"
        )
    if not isinstance(task.model, Layer):
        hint = "Wrap flax modules with from_linen or from_nnx."
        raise TypeError(f"Task: model should be a Layer, got {task.model!r}. {hint}")
    if not isinstance(task.optimizer, optax.GradientTransformation):
        hint = "Use jaxnet.optimizer('adam', 1e-3), or optax.adam(1e-3)."
        raise TypeError(
            f"Task: optimizer should be an optax transformation, got "
            f"{task.optimizer!r}. {hint}"
        )
    for name, fn in {"loss": task.loss, **task.metrics}.items():
        if not callable(fn):
            raise TypeError(
                f"Task: {name} should be a function (outputs, targets) -> scalar, got "
                f"{fn!r}. Use jaxnet.mean_squared_error, for instance."
            )
    check_batch_size("Task: batch_size", task.batch_size)
    return task


def evaluation_rows(task: Task) -> int:
    """How many examples are evaluated at a time."""
    sizes = [size or 0 for _, size in stages_of(task.batch_size)]
    return max(*sizes, EVALUATION_ROWS)


def _step(
    task: Task, state: TrainState, batch: Batch, key: PRNGKey
) -> tuple[TrainState, Metrics]:
    x, *rest = unpack(batch)

    def objective(params: Params) -> tuple[Array, tuple[Array, Any, ModelState]]:
        outputs, model_state = task.model.apply(
            params, state.model_state, x, train=True, key=key
        )
        loss = task.loss(outputs, *rest)
        if jnp.shape(loss) != ():
            raise ValueError(
                f"Task: loss should return a scalar, got shape {jnp.shape(loss)}. "
                "Take the mean over the examples."
            )
        penalty = 0.0 if task.penalty is None else task.penalty(params)
        return loss + penalty, (loss, outputs, model_state)

    (value, (loss, outputs, model_state)), grads = jax.value_and_grad(
        objective, has_aux=True
    )(state.params)
    # Plateau schedules read the value, line searches the function as well.
    updates, opt_state = optax.with_extra_args_support(task.optimizer).update(
        grads,
        state.opt_state,
        state.params,
        value=value,
        grad=grads,
        value_fn=lambda params: objective(params)[0],
    )
    new_state = replace(
        state,
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        model_state=model_state,
        opt_state=opt_state,
    )
    return new_state, _metrics(task, loss, outputs, rest)


def _metrics(task: Task, loss: Array, outputs: Any, rest: list[Any]) -> Metrics:
    """Loss and metrics of a batch, whose targets and weights are the rest."""
    if len(rest) == 2:
        count = rest[1].sum()
    else:
        count = jnp.asarray(float(jax.tree.leaves(rest[0])[0].shape[0]))
    values = {"loss": loss}
    for name, metric in task.metrics.items():
        values[name] = metric(outputs, *rest)
    return {name: mean_of(value, count) for name, value in values.items()}
