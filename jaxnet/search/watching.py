"""Steps of members that are watched: what is not finite is found, and not taken.

In each step there is little to it, but on a CPU it shows: to look at every number of a
member, and to choose between its old and its new state, took up to a fifth of a sweep.
There a window of steps is taken unwatched. What is not finite stays so, in parameters
as in sums of losses, and is found at the end of the window, whose steps are then taken
again one by one. An accelerator would have to ask the host how often such a loop turns,
and the choice is part of the kernels that it runs anyhow.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxnet.diagnosis import finite
from jaxnet.epochs import Epoch, Step, run_epoch
from jaxnet.metrics import merge
from jaxnet.training import TrainState
from jaxnet.types import Batch, PRNGKey

WINDOW = 16
"""Steps at a time. What diverges costs its chunk twice as many again, at most."""


Watched = Callable[..., tuple[TrainState, Int[Array, ""], Any]]
"""Takes all steps of an epoch, up to the first whose outcome is not finite.

``(step, state, bad_step, epoch, *, active, for_all) -> (state, bad_step, sums)``, all
of one member: ``bad_step`` is 0 as long as all steps were good, and then the number of
the first that was not, counted from 1, before which the state is; ``active`` says
whether it trains, ``for_all`` whether something is so for all members that train
together. The sums of the metrics over the steps mean nothing if one was bad.
"""


def watched_by(platform: str) -> Watched:
    """How to watch members on devices of a platform."""
    return in_windows if platform == "cpu" else step_by_step


def step_by_step(
    step: Step,
    state: TrainState,
    bad_step: Int[Array, ""],
    epoch: Epoch,
    *,
    active: Bool[Array, ""],
    for_all: Callable[[Any], Any],
) -> tuple[TrainState, Int[Array, ""], Any]:
    """`Watched`, with a look at each step."""
    del for_all

    def one(
        carry: tuple[TrainState, Array], batch: Batch, key: PRNGKey
    ) -> tuple[tuple[TrainState, Array], Any]:
        state, bad_step = carry
        new, metrics = step(state, batch, key)
        good = finite(metrics["loss"].total, new.params)
        running = active & (bad_step == 0)
        bad_step = jnp.where(running & ~good, state.step + 1, bad_step)
        return (choose(running & good, new, state), bad_step), metrics

    (state, bad_step), sums = run_epoch(one, (state, bad_step), epoch)
    return state, bad_step, sums


def in_windows(
    step: Step,
    state: TrainState,
    bad_step: Int[Array, ""],
    epoch: Epoch,
    *,
    active: Bool[Array, ""],
    for_all: Callable[[Any], Any],
) -> tuple[TrainState, Int[Array, ""], Any]:
    """`Watched`, with a look at the end of each window."""
    _, metrics = jax.eval_shape(step, state, *epoch.given(0))
    sums = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), metrics)

    def one(i: Array, carry: Any) -> Any:
        state, sums = carry
        state, metrics = step(state, *epoch.given(i))
        return state, merge(sums, metrics)

    def window(carry: Any) -> Any:
        done, slow_until, state, sums, bad_step = carry
        size = jnp.where(done < slow_until, 1, jnp.minimum(WINDOW, epoch.steps - done))
        new, new_sums = jax.lax.fori_loop(done, done + size, one, (state, sums))
        running = active & (bad_step == 0)
        good = finite(new_sums["loss"].total, new.params)
        known = for_all(good | ~running) | (size == 1)
        taken = running & good & known
        bad_step = jnp.where(running & ~good & known, state.step + 1, bad_step)
        state, sums = choose(taken, (new, new_sums), (state, sums))
        slow_until = jnp.where(known, slow_until, done + size)
        return jnp.where(known, done + size, done), slow_until, state, sums, bad_step

    zero = jnp.zeros((), jnp.int32)
    _, _, state, sums, bad_step = jax.lax.while_loop(
        lambda carry: carry[0] < epoch.steps,
        window,
        (zero, zero, state, sums, bad_step),
    )
    return state, bad_step, sums


def choose(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    """One of two PyTrees."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
