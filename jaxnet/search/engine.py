"""The compiled part of a sweep: epochs of all members of a group as one program.

Members differ in what is traced, so they are one program: inside a ``shard_map``
over the devices a loop over chunks of members, and inside that a ``vmap`` of the
epochs that `fit` runs. No device waits for another: there is no collective.

A member whose loss or parameters stop being finite keeps its last finite state, and
one that was stopped keeps its own. Active members are at the front, and the loop
ends after the last chunk that has one, so chunks of the others cost nothing.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, Int

from jaxnet.devices import AXIS
from jaxnet.epochs import epoch_of
from jaxnet.hypers import join_hypers
from jaxnet.metrics import compute
from jaxnet.programs import MANY, Program
from jaxnet.search.members import Data, Layout, Members, run_keys
from jaxnet.search.watching import choose, watched_by
from jaxnet.stopping import EarlyStopping, monitored, observe
from jaxnet.training import supervised
from jaxnet.types import PRNGKey

SEGMENT = 32
"""The most blocks of epochs in one call."""

MEMBERS = "members"
"""The axis of the members that a device trains at a time."""


@functools.partial(
    jax.jit,
    static_argnames=("program", "layout"),
    donate_argnames="members",
    compiler_options=MANY,
)
def train_members(
    program: Program,
    layout: Layout,
    members: Members,
    data: Data,
    key: PRNGKey,
    first: Int[Array, ""],
    blocks: Int[Array, ""],
    chunks: Int[Array, ""],
) -> tuple[Members, dict[str, Float[Array, "members segment"]]]:
    """Trains members for some blocks of epochs, evaluating them after each.

    Args:
      program: what the members have in common.
      layout: of the program.
      members: used up: its buffers hold the new ones afterwards.
      data: to train on, and to validate on.
      key: of all runs.
      first: epochs done before.
      blocks: how many, at most `SEGMENT`.
      chunks: how many chunks of each device have an active member; the others are
        left as they are.

    Returns:
      The members, and their metrics after each block by the names of `fit`'s
      history. What was not trained, or is not finite, is NaN.
    """
    run = functools.partial(_train_member, program, layout)
    if layout.chunk > 1:
        run = jax.vmap(run, in_axes=(0, None, None, None, None), axis_name=MEMBERS)
    else:
        run = _unstacked(run)

    def on_device(
        members: Members,
        data: Data,
        key: PRNGKey,
        first: Array,
        blocks: Array,
        chunks: Array,
    ) -> Any:
        def of_chunk(i: Array, carry: tuple[Members, Any]) -> tuple[Members, Any]:
            start = i * layout.chunk
            part = jax.tree.map(
                lambda a: jax.lax.dynamic_slice_in_dim(a, start, layout.chunk), carry[0]
            )
            new = run(part, data, key, first, blocks)
            return jax.tree.map(
                lambda a, b: jax.lax.dynamic_update_slice_in_dim(a, b, start, axis=0),
                carry,
                new,
            )

        part = jax.tree.map(lambda a: a[: layout.chunk], members)
        _, curves = jax.eval_shape(run, part, data, key, first, blocks)
        count = len(members.active)
        blank = jax.tree.map(
            lambda a: jnp.full((count, SEGMENT), jnp.nan, a.dtype), curves
        )
        return jax.lax.fori_loop(0, chunks, of_chunk, (members, blank))

    stacked, same = PartitionSpec(AXIS), PartitionSpec()
    on_devices = jax.shard_map(
        on_device,
        mesh=layout.mesh,
        in_specs=(stacked, same, same, same, same, same),
        out_specs=stacked,
        check_vma=False,
    )
    return on_devices(members, data, key, first, blocks, chunks)


@functools.partial(jax.jit, static_argnames="layout", donate_argnames="members")
def swap_members(
    layout: Layout, members: Members, places: Int[Array, "2 pairs"]
) -> Members:
    """Lets members change places, across devices as well.

    Args:
      layout: of the devices.
      members: used up: its buffers hold the new ones afterwards.
      places: the slots of each pair, each in one pair only; -1 for no slot.
    """

    def on_device(members: Members, places: Array) -> Members:
        count = len(members.active)
        local = places - jax.lax.axis_index(AXIS) * count
        here = (local >= 0) & (local < count)
        # Out of range, and so left out, for members of other devices.
        at = jnp.where(here, local, count)

        def swap(a: Array) -> Array:
            shape = (*here.shape, *(1,) * (a.ndim - 1))
            mine = jnp.where(here.reshape(shape), a[jnp.minimum(at, count - 1)], 0)
            rows = jax.lax.psum(mine, AXIS).astype(a.dtype)
            return a.at[at].set(rows[::-1], mode="drop")

        return jax.tree.map(swap, members)

    stacked, same = PartitionSpec(AXIS), PartitionSpec()
    on_devices = jax.shard_map(
        on_device,
        mesh=layout.mesh,
        in_specs=(stacked, same),
        out_specs=stacked,
        check_vma=False,
    )
    return on_devices(members, places)


def _train_member(
    program: Program,
    layout: Layout,
    member: Members,
    data: Data,
    key: PRNGKey,
    first: Array,
    blocks: Array,
) -> tuple[Members, dict[str, Array]]:
    """Some blocks of one member, and its curves."""
    _, train_key = run_keys(key, member.seed)
    one = functools.partial(_train_block, program, layout, train_key)
    _, metrics = jax.eval_shape(one, member, data, first)
    curves = {k: jnp.full((SEGMENT,), jnp.nan, v.dtype) for k, v in metrics.items()}

    def block(i: Array, carry: Any) -> Any:
        member, curves = carry
        member, metrics = one(member, data, first + i * layout.every)
        return member, {k: curves[k].at[i].set(v) for k, v in metrics.items()}

    return jax.lax.fori_loop(0, blocks, block, (member, curves))


@functools.partial(jax.jit, static_argnames=("program", "layout"), inline=True)
def _train_block(
    program: Program,
    layout: Layout,
    train_key: PRNGKey,
    member: Members,
    data: Data,
    first: Array,
) -> tuple[Members, dict[str, Array]]:
    """One block of one member, with an evaluation at its end.

    It is jitted so that it is traced once, however often shapes are asked for.
    """
    hypers = join_hypers(member.traced, program.static)
    recipe = supervised(program.build)
    rows = None if data.train_rows is None else data.train_rows[member.fold]

    step = functools.partial(recipe.step, hypers)
    watched = watched_by(layout.mesh.devices.flat[0].platform)

    def epoch(carry: Any, i: Array) -> Any:
        key = jax.random.fold_in(train_key, i)
        steps = epoch_of(data.train, key, batch_size=program.batch_size, rows=rows)
        *carry, sums = watched(
            step, *carry, steps, active=member.active, for_all=_for_all(layout)
        )
        return tuple(carry), sums

    (state, bad_step), each = jax.lax.scan(
        epoch, (member.state, member.bad_step), first + jnp.arange(layout.every)
    )
    means = {"train": jax.tree.map(lambda a: a.sum(axis=0), each)}
    if data.held_rows is not None:
        held = data.held_rows[member.fold]
        means["validation"] = recipe.evaluate(hypers, state, data.train, held)
    elif data.validation is not None:
        means["validation"] = recipe.evaluate(hypers, state, data.validation)
    # Of a frozen member the steps' metrics are those of steps not taken.
    alive = member.active & (bad_step == 0)
    metrics = {
        f"{part}_{name}": jnp.where(alive, value, jnp.nan)
        for part, totals in means.items()
        for name, value in compute(totals).items()
    }
    epochs = jnp.where(alive, first + layout.every, member.epochs)
    member = replace(member, state=state, bad_step=bad_step, epochs=epochs)
    return _observed(layout.early_stopping, member, metrics, alive), metrics


def _observed(
    rule: EarlyStopping | None, member: Members, metrics: dict[str, Array], alive: Array
) -> Members:
    """The member after early stopping has seen its metrics."""
    if rule is None:
        return member
    assert member.best is not None, "init_members knows the rule too"
    seen = observe(rule, member.best, monitored(rule, metrics), member.epochs)
    best = choose(alive, seen, member.best)
    better = alive & (best.stale == 0)
    return replace(
        member,
        best=best,
        best_state=choose(better, member.state, member.best_state),
        active=member.active & (best.stale < rule.patience),
    )


def _for_all(layout: Layout) -> Callable[[Array], Array]:
    """Whether something is so for all members that a device trains at a time."""
    if layout.chunk == 1:
        return lambda so: so
    return lambda so: jax.lax.pmin(so.astype(jnp.int32), MEMBERS) == 1


def _unstacked(one: Any) -> Any:
    """Like ``vmap`` for a single member, with no axis of 1 left for the compiler."""

    def run(members: Members, *rest: Any) -> Any:
        member = jax.tree.map(lambda a: a[0], members)
        return jax.tree.map(lambda a: a[None], one(member, *rest))

    return run
