"""Steps that are watched: what is not finite is found, and gone back from.

Looking at every number of a member after every step, and choosing between its old and
its new state, took up to a fifth of a sweep. Here a few steps are taken unwatched: a
loss or a parameter that is not finite stays so, as sums with it are not finite either,
and is found at their end. Then they are taken again one by one.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxnet.diagnosis import finite
from jaxnet.epochs import Epoch, Step
from jaxnet.metrics import merge
from jaxnet.training import TrainState

WINDOW = 16
"""Steps at a time. What diverges costs all members of a chunk twice as many again."""


def watched_epoch(
    step: Step,
    state: TrainState,
    bad_step: Int[Array, ""],
    epoch: Epoch,
    *,
    active: Bool[Array, ""],
    for_all: Callable[[Any], Any],
) -> tuple[TrainState, Int[Array, ""], Any]:
    """Takes all steps of an epoch, up to the first whose outcome is not finite.

    Args:
      step: of one member.
      state: likewise.
      bad_step: 0 if all steps before were good.
      epoch: of `epoch_of`.
      active: whether the member trains.
      for_all: whether something is so for all members that are trained together.

    Returns:
      The last good state; the number of the step after it, counted from 1, if that
      was bad; and the sums of the metrics over the steps, which mean nothing then.
    """
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
        state, sums = jax.tree.map(
            lambda a, b: jnp.where(taken, a, b), (new, new_sums), (state, sums)
        )
        bad_step = jnp.where(running & ~good & known, state.step + 1, bad_step)
        slow_until = jnp.where(known, slow_until, done + size)
        return jnp.where(known, done + size, done), slow_until, state, sums, bad_step

    zero = jnp.zeros((), jnp.int32)
    _, _, state, sums, bad_step = jax.lax.while_loop(
        lambda carry: carry[0] < epoch.steps,
        window,
        (zero, zero, state, sums, bad_step),
    )
    return state, bad_step, sums
