"""The members of a sweep: training runs that one program trains, stacked."""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Int

from jaxnet.devices import AXIS
from jaxnet.hypers import join_hypers
from jaxnet.programs import ONCE, Program, Traced
from jaxnet.starting import AFRESH, Start
from jaxnet.stopping import Best, EarlyStopping
from jaxnet.training import TrainState, supervised
from jaxnet.types import Batch, Leaf, PRNGKey


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Members:
    """Training runs, stacked on a leading axis.

    Attributes:
      traced: the hyperparameters that differ, each (members,).
      seed: from 0, (members,).
      fold: which fold is held out, (members,).
      state: each leaf with a leading axis of members.
      active: whether to train on, (members,).
      bad_step: the first step whose loss or parameters were not finite, counted
        from 1; 0 if there was none, (members,).
      epochs: how many were trained, all of them finite, (members,).
      best: of the metric that early stopping watches; None without.
      best_state: the state that it was measured with; None without.
    """

    traced: Any
    seed: Leaf
    fold: Leaf
    state: TrainState
    active: Leaf
    bad_step: Leaf
    epochs: Leaf
    best: Best | None
    best_state: TrainState | None


class Data(NamedTuple):
    """What members start and learn from, the same for all.

    Attributes:
      train: examples.
      validation: examples, or None.
      train_rows: for each fold which of ``train`` to learn from; None for all.
      held_rows: for each fold which of ``train`` to validate on; None for none.
      start: what is given of their first states.
    """

    train: Batch
    validation: Batch | None = None
    train_rows: Int[Array, "folds rows"] | None = None
    held_rows: Int[Array, "folds held"] | None = None
    start: Start = AFRESH


class Layout(NamedTuple):
    """What the compiled program depends on, beside the task and the shapes.

    Attributes:
      mesh: the devices, on one axis.
      chunk: members that a device trains at a time.
      every: epochs in a block, after which members are evaluated.
      early_stopping: when a member stops; None for never.
    """

    mesh: Mesh
    chunk: int
    every: int
    early_stopping: EarlyStopping | None


def run_keys(key: PRNGKey, seed: Int[Array, ""]) -> tuple[PRNGKey, PRNGKey]:
    """The keys of a run's initial state and of its epochs, as `fit` splits them.

    Args:
      key: of all runs. That of one, as `fit` takes it, is ``fold_in(key, seed)``.
      seed: of the run.
    """
    init_key, train_key = jax.random.split(jax.random.fold_in(key, seed))
    return init_key, train_key


@functools.partial(
    jax.jit, static_argnames=("program", "layout"), compiler_options=ONCE
)
def init_members(
    program: Program,
    layout: Layout,
    traced: Traced,
    seed: Int[Array, " members"],
    fold: Int[Array, " members"],
    key: PRNGKey,
    train: Batch,
    start: Start,
) -> Members:
    """Members before their first step.

    Args:
      program: what they have in common.
      layout: of the program.
      traced: hyperparameters, each (members,), a multiple of devices times chunk.
      seed: (members,).
      fold: (members,).
      key: of all runs.
      train: only its shapes are read.
      start: what is given of their states, the same for all.
    """

    def one(inputs: tuple[Traced, Array, Array], key: PRNGKey, start: Start) -> Members:
        traced, seed, fold = inputs
        init_key, _ = run_keys(key, seed)
        hypers = join_hypers(traced, program.static)
        state = supervised(program.build).init(hypers, init_key, train, start)
        # With a weak type it would have another one after the first call.
        state = jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), state)
        stops = layout.early_stopping is not None
        none, zero = jnp.full((), jnp.nan), jnp.zeros((), jnp.int32)
        return Members(
            traced=traced,
            seed=seed,
            fold=fold,
            state=state,
            active=jnp.ones((), bool),
            bad_step=zero,
            epochs=zero,
            best=Best(none, zero, zero) if stops else None,
            best_state=state if stops else None,
        )

    def on_device(inputs: Any, key: PRNGKey, start: Start) -> Members:
        def of_member(inputs: Any) -> Members:
            return one(inputs, key, start)

        return jax.lax.map(of_member, inputs, batch_size=layout.chunk)

    stacked, same = PartitionSpec(AXIS), PartitionSpec()
    on_devices = jax.shard_map(
        on_device,
        mesh=layout.mesh,
        in_specs=(stacked, same, same),
        out_specs=stacked,
        check_vma=False,
    )
    return on_devices((traced, seed, fold), key, start)
