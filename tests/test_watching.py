"""jaxnet.search.watching: what windows of steps give is what single steps would."""

import functools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.epochs import Epoch, epoch_of, run_epoch
from jaxnet.metrics import mean_of
from jaxnet.search.watching import WINDOW, in_windows, step_by_step
from jaxnet.training import TrainState

AXIS = "together"


def state_of(weight):
    return TrainState(jnp.zeros((), jnp.int32), {"w": weight}, (), ())


def step(state, batch, key):
    """Adds the batch to the weight; its loss is what is in its second column."""
    del key
    w = state.params["w"] + batch[0]
    new = TrainState(state.step + 1, {"w": w}, (), ())
    return new, {"loss": mean_of(batch[1] + 0 * w, 1.0)}


def epoch_over(batches):
    key = jax.random.key(0)
    return Epoch(len(batches), lambda i: (batches[i], jax.random.fold_in(key, i)))


@functools.partial(jax.jit, static_argnames=("how", "alone"))
def watched(how, weights, bad_steps, batches, active, *, alone=False):
    """All members together, each with batches of its own, (members, steps, 2)."""

    def one(weight, bad_step, batches, active):
        def for_all(so):
            return so if alone else jax.lax.pmin(so.astype(jnp.int32), AXIS) == 1

        return how(
            step,
            state_of(weight),
            bad_step,
            epoch_over(batches),
            active=active,
            for_all=for_all,
        )

    if alone:
        arguments = jax.tree.map(lambda a: a[0], (weights, bad_steps, batches, active))
        return jax.tree.map(lambda a: a[None], one(*arguments))
    return jax.vmap(one, axis_name=AXIS)(weights, bad_steps, batches, active)


def by_hand(weight, bad_step, batches, active):
    """One member, step after step, in NumPy."""
    steps, total = 0, np.float32(0)
    for add, loss in batches:
        if not active or bad_step:
            break
        with np.errstate(over="ignore", invalid="ignore"):
            new, new_total = weight + add, total + loss
            good = np.isfinite(new * new + new_total)
        if not good:
            bad_step = steps + 1
            break
        weight, total, steps = new, new_total, steps + 1
    return weight, total, steps, bad_step


# Sums of these are exact, in any order.
numbers = st.integers(-3, 3).map(np.float32)
bad = st.sampled_from([np.nan, np.inf, -np.inf, 1e20]).map(np.float32)


@st.composite
def members(draw):
    """Some members, of which some go wrong somewhere, or are out of it already."""
    count, steps = draw(st.sampled_from([(1, 1), (1, 40), (2, 1), (3, 16), (5, 37)]))
    batches = np.ones((count, steps, 2), np.float32)
    for member in range(count):
        batches[member] = draw(numbers)
        for _ in range(draw(st.integers(0, 2))):
            where = draw(st.integers(0, steps - 1)), draw(st.integers(0, 1))
            batches[member][where] = draw(bad)
    weights = np.array([draw(numbers) for _ in range(count)])
    active = np.array([draw(st.integers(0, 4)) > 0 for _ in range(count)])
    before = np.array([draw(st.sampled_from([0, 0, 0, 7])) for _ in range(count)])
    return weights, before.astype(np.int32), batches, active


either = pytest.mark.parametrize("how", [in_windows, step_by_step])


@either
@hypothesis.settings(deadline=None, max_examples=100)
@hypothesis.given(members=members())
def test_each_member_has_the_last_good_state_and_the_first_bad_step(how, members):
    # 1e20 is finite, and its square is not: as `finite` has it.
    alone = len(members[0]) == 1
    state, bad_step, sums = watched(how, *members, alone=alone)
    for i, member in enumerate(zip(*members, strict=True)):
        weight, total, steps, first_bad = by_hand(*member)
        assert state.params["w"][i] == weight
        assert state.step[i] == steps
        assert bad_step[i] == first_bad
        if member[-1] and not first_bad:
            assert sums["loss"].total[i] == total
            assert sums["loss"].count[i] == len(member[2])


@either
def test_neighbours_of_a_bad_member_do_not_change_by_a_bit(how):
    rng = np.random.default_rng(0)
    batches = rng.normal(size=(4, 50, 2)).astype(np.float32)
    weights = rng.normal(size=4).astype(np.float32)
    start = weights, np.zeros(4, np.int32)
    calm = watched(how, *start, batches, np.ones(4, bool))
    batches[2, 23] = np.nan
    hit = watched(how, *start, batches, np.ones(4, bool))
    others = np.array([0, 1, 3])
    for a, b in zip(jax.tree.leaves(calm), jax.tree.leaves(hit), strict=True):
        np.testing.assert_array_equal(np.asarray(a)[others], np.asarray(b)[others])
    assert hit[1].tolist() == [0, 0, 24, 0]


@pytest.mark.parametrize(
    ("steps", "bad_at", "most"),
    [
        (50, (), 50),
        (1, (0,), 1),
        # A window, and its steps again one by one.
        (50, (20,), 50 + WINDOW),
        (50, (20, 21), 50 + WINDOW),
        (50, (0, 20, 45), 50 + 3 * WINDOW),
    ],
    ids=str,
)
def test_what_diverges_costs_a_window_of_steps(steps, bad_at, most):
    taken = []

    def counted(state, batch, key):
        jax.debug.callback(lambda: taken.append(1))
        return step(state, batch, key)

    batches = np.zeros((max(1, len(bad_at)), steps, 2), np.float32)
    for member, at in enumerate(bad_at):
        batches[member, at:] = np.nan

    def one(batches):
        return in_windows(
            counted,
            state_of(jnp.zeros(())),
            jnp.zeros((), jnp.int32),
            epoch_over(batches),
            active=jnp.ones((), bool),
            for_all=lambda so: jax.lax.pmin(so.astype(jnp.int32), AXIS) == 1,
        )

    run = jax.jit(jax.vmap(one, axis_name=AXIS))
    lowered = run.lower(jnp.asarray(batches))
    # A loop that members leave one by one would choose between states in each turn.
    assert "applies stablehlo.minimum" in lowered.as_text()
    assert "applies stablehlo.or" not in lowered.as_text()
    jax.block_until_ready(lowered.compile()(jnp.asarray(batches)))
    jax.effects_barrier()
    # Once for all members together.
    assert steps <= len(taken) <= most


@either
def test_an_epoch_is_that_of_fit_where_nothing_goes_wrong(how):
    data = jnp.asarray(np.random.default_rng(1).normal(size=(70, 2)), jnp.float32)
    key = jax.random.key(5)

    def summed(state, batch, key):
        return step(state, batch.mean(axis=0), key)

    for batch_size in (4, 16, 70, None):
        epoch = epoch_of(data, jax.random.clone(key), batch_size=batch_size)
        start = state_of(jnp.float32(1.0))
        plain, sums = run_epoch(summed, start, epoch)
        zero, active = jnp.zeros((), jnp.int32), jnp.ones((), bool)
        state, bad_step, totals = how(
            summed, start, zero, epoch, active=active, for_all=lambda so: so
        )
        assert bad_step == 0
        assert state.step == plain.step == (70 // batch_size if batch_size else 1)
        for a, b in zip(
            jax.tree.leaves((plain.params, sums)),
            jax.tree.leaves((state.params, totals)),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-5)
