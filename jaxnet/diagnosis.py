"""What went wrong in a training that diverged: which step, batch and leaves."""

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from jaxnet.data.batching import epoch_order, example_count, take_rows
from jaxnet.data.streaming import Stream
from jaxnet.hypers import join_hypers
from jaxnet.metrics import compute
from jaxnet.paths import leaf_paths
from jaxnet.programs import Program, Traced
from jaxnet.training import TrainState, supervised
from jaxnet.types import Batch, Params, PRNGKey

SHOWN = 8
"""Row numbers, or paths, that the text has at most."""


class Diagnosis(NamedTuple):
    """The first step whose loss or new parameters are not finite.

    Attributes:
      step: its number, counted from 1.
      epoch: that it was in, counted from 1.
      rows: the rows of the training data that were its batch, (batch,); None for a
        stream, of which only the batches are known.
      loss: of the step.
      gradients: the paths of the parameters whose gradients are not finite. Where
        the loss is finite, the operation that failed is in their layers or above.
      params: the paths of the parameters that the step made not finite.
    """

    step: int
    epoch: int
    rows: np.ndarray | None
    loss: float
    gradients: tuple[str, ...]
    params: tuple[str, ...]

    def __str__(self) -> str:
        batch = "" if self.rows is None else f", with the rows {_some(self.rows)},"
        text = f"step {self.step} (epoch {self.epoch}){batch} had the loss {self.loss}"
        for what, paths in (("gradients", self.gradients), ("parameters", self.params)):
            if paths:
                text += f"; not finite are the {what} {_some(paths)}"
        return text


def diagnose(
    program: Program,
    traced: Traced,
    state: TrainState,
    data: Batch | Stream,
    key: PRNGKey,
    first: int,
    last: int,
) -> tuple[TrainState, Diagnosis | None]:
    """Takes the steps of some epochs again, one by one, up to the first bad one.

    Args:
      program: as in `jaxnet.programs.train_block`, like all that follow.
      traced: likewise.
      state: before the epochs, and finite; it is not used up.
      data: likewise.
      key: likewise.
      first: likewise.
      last: likewise.

    Returns:
      The last good state, and what was wrong with the step after it. None if all
      steps are good now, which rounding can bring about: a step alone is another
      program than a whole epoch.
    """
    for epoch in range(first, last):
        part = program.at(epoch)
        of_epoch = jax.random.fold_in(key, epoch)
        for i, (rows, batch) in enumerate(_batches(part, data, of_epoch)):
            new, good = _step(part, traced, state, batch, key, epoch, i)
            if bool(good):
                state = new
                continue
            loss, grads, params = _examined(part, traced, state, batch, key, epoch, i)
            return state, Diagnosis(
                step=int(state.step) + 1,
                epoch=epoch + 1,
                rows=rows,
                loss=float(loss),
                gradients=_bad_paths(grads),
                params=_bad_paths(params),
            )
    return state, None


def finite(loss: Any, params: Params) -> Array:
    """Whether a loss is finite, and the sum of the squares of all parameters.

    A dot product is several times faster than looking at every number, and larger
    than 1e19 no parameter is when training goes well.
    """
    squares = [
        jnp.vdot(leaf, leaf, preferred_element_type=jnp.float32)
        for leaf in jax.tree.leaves(params)
    ]
    return jnp.isfinite(sum(squares, start=loss))


is_finite = jax.jit(finite)
"""`finite` on its own, for a caller on the host."""


def _batches(
    program: Program, data: Batch | Stream, key: PRNGKey
) -> Iterator[tuple[np.ndarray | None, Batch]]:
    """The batches of an epoch in their order, with their rows."""
    size = program.batch_size
    order_key, _ = jax.random.split(key)
    if isinstance(data, Stream):
        for batch in data.shuffled(order_key, size):
            yield None, batch
        return
    count = example_count(data)
    if size is None:
        yield np.arange(count), data
        return
    order = epoch_order(order_key, count, size)
    for rows in order:
        yield np.asarray(rows), _take(data, rows)


_take = jax.jit(take_rows)


@functools.partial(jax.jit, static_argnames="program")
def _step(
    program: Program,
    traced: Traced,
    state: TrainState,
    batch: Batch,
    key: PRNGKey,
    epoch: int | Int[Array, ""],
    i: int | Int[Array, ""],
) -> tuple[TrainState, Array]:
    hypers, step_key = join_hypers(traced, program.static), _step_key(key, epoch, i)
    new, metrics = supervised(program.build).step(hypers, state, batch, step_key)
    return new, finite(compute(metrics)["loss"], new.params)


@functools.partial(jax.jit, static_argnames="program")
def _examined(
    program: Program,
    traced: Traced,
    state: TrainState,
    batch: Batch,
    key: PRNGKey,
    epoch: int | Int[Array, ""],
    i: int | Int[Array, ""],
) -> tuple[Array, Params, Params]:
    """The loss of a step, and by leaf which gradients and new parameters are finite."""

    # Adds the gradients as they are, so that these are all there is to be seen.
    def bare(hypers: Any) -> Any:
        return program.build(hypers)._replace(optimizer=optax.identity())

    hypers, step_key = join_hypers(traced, program.static), _step_key(key, epoch, i)
    new, metrics = supervised(program.build).step(hypers, state, batch, step_key)
    zero = replace(state, opt_state=optax.EmptyState())
    # The same step again, with a copy of its key.
    again = _step_key(key, epoch, i)
    moved, _ = supervised(bare).step(hypers, zero, batch, again)

    def all_finite(leaf: Array) -> Array:
        return jnp.isfinite(leaf).all()

    flags = [jax.tree.map(all_finite, tree.params) for tree in (moved, new)]
    return compute(metrics)["loss"], flags[0], flags[1]


def _step_key(key: PRNGKey, epoch: Any, i: Any) -> PRNGKey:
    """The key of a step, as `run_epoch` has it."""
    _, noise_key = jax.random.split(jax.random.fold_in(key, epoch))
    return jax.random.fold_in(noise_key, i)


def _bad_paths(flags: Params) -> tuple[str, ...]:
    good = [bool(flag) for flag in jax.tree.leaves(flags)]
    pairs = zip(leaf_paths(flags), good, strict=True)
    return tuple(path for path, fine in pairs if not fine)


def _some(items: Any) -> str:
    texts = [str(item) for item in items[:SHOWN]]
    more = len(items) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")
