"""What the members of a sweep do on other data."""

import jax
import jax.numpy as jnp
import numpy as np

import jaxnet
from jaxnet.hypers import join_hypers
from jaxnet.programs import Traced
from jaxnet.search import Sweep
from jaxnet.training import TrainState
from jaxnet.types import Batch


def evaluate(result: Sweep, trials: np.ndarray, data: Batch) -> dict[str, np.ndarray]:
    """Loss and metrics of some trials' last states, as one program for each shape.

    Args:
      result: a sweep without early stopping.
      trials: their numbers.
      data: ``(x, y)``.

    Returns:
      By name, each (trials, seeds).
    """
    recipe, plan = jaxnet.supervised(result.plan.build), result.plan
    each = plan.seeds * plan.folds
    members = (trials[:, None] * each + np.arange(each)).ravel()
    stacks, slots = result.runs.place[members].T
    data = jax.tree.map(jnp.asarray, data)
    found: dict[str, np.ndarray] = {}
    for i, stack in enumerate(result.runs.stacks):
        mine = np.flatnonzero(stacks == i)
        if not len(mine):
            continue
        static = plan.groups[i].group.program.static

        def one(traced: Traced, state: TrainState, static=static) -> dict:
            hypers = join_hypers(traced, static)
            return jaxnet.metrics.compute(recipe.evaluate(hypers, state, data))

        traced, state = jax.tree.map(
            lambda a, mine=mine: jnp.asarray(np.asarray(a)[slots[mine]]),
            (stack.traced, stack.state),
        )
        for name, values in jax.jit(jax.vmap(one))(traced, state).items():
            rows = found.setdefault(name, np.full(len(members), np.nan))
            rows[mine] = np.asarray(values)
    return {name: rows.reshape(len(trials), each) for name, rows in found.items()}
