"""jaxnet.schedules against optax's, and what a trained optimizer makes of them.

PyTorch's schedulers are compared with in tests/parity/test_optimizers.py.
"""

import chex
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnet import schedules
from jaxnet.optimizers import optimizer

T = jnp.arange(30)

# Name, the schedule as a function of its traced numbers, these, and optax's.
CASES = [
    (
        "constant",
        lambda rate: schedules.constant(rate),
        (0.3,),
        lambda rate: optax.constant_schedule(rate),
    ),
    (
        "steps",
        lambda rate, factor: schedules.steps(rate, [4, 5, 20], factor),
        (0.3, 0.2),
        lambda rate, factor: optax.piecewise_constant_schedule(
            rate, {4: factor, 5: factor, 20: factor}
        ),
    ),
    (
        "exponential",
        lambda rate, factor: schedules.exponential(rate, factor, 7),
        (0.3, 0.2),
        lambda rate, factor: optax.exponential_decay(rate, 7, factor),
    ),
    (
        "cosine",
        lambda rate, final: schedules.cosine(rate, 20, final=final),
        (0.3, 0.06),
        lambda rate, final: optax.cosine_decay_schedule(rate, 20, alpha=final / rate),
    ),
    (
        "warm_up to a rate",
        lambda rate: schedules.warm_up(rate, 9),
        (0.3,),
        lambda rate: optax.linear_schedule(rate / 10, rate, 9),
    ),
    (
        "warm_up to a schedule",
        lambda rate, final: schedules.warm_up(
            schedules.cosine(rate, 10, final=final), 9
        ),
        (0.3, 0.06),
        lambda rate, final: optax.warmup_cosine_decay_schedule(
            rate / 10, rate, 9, 19, end_value=final
        ),
    ),
]
every_schedule = pytest.mark.parametrize(
    ("make", "numbers", "make_optax"),
    [pytest.param(*case, id=name) for name, *case in CASES],
)


def rates(schedule):
    return jnp.broadcast_to(schedule(T), T.shape)


@every_schedule
def test_schedules_are_those_of_optax(make, numbers, make_optax):
    ours, theirs = make(*numbers), make_optax(*numbers)
    for step in map(int, T):
        # Powers and cosines in float32, and a difference of them: a few roundings.
        np.testing.assert_allclose(ours(step), theirs(step), rtol=2e-6, atol=1e-8)


@every_schedule
def test_a_schedule_of_all_steps_at_once_is_the_same(make, numbers, make_optax):
    schedule = make(*numbers)
    one_by_one = jnp.stack([jnp.asarray(schedule(step)) for step in T])
    chex.assert_trees_all_close(rates(schedule), one_by_one, rtol=1e-6)


@every_schedule
def test_swept_numbers_give_each_member_its_own_schedule(make, numbers, make_optax):
    members = [np.float32(n) * np.array([1.0, 0.5, 0.1], "f4") for n in numbers]
    together = jax.jit(jax.vmap(lambda *n: rates(make(*n))))(*members)
    for i in range(3):
        alone = make_optax(*(float(n[i]) for n in members))
        np.testing.assert_allclose(together[i], rates(alone), rtol=1e-5, atol=1e-8)


@every_schedule
def test_a_rate_has_the_gradient_in_its_numbers_that_differences_give(
    make, numbers, make_optax
):
    del make_optax
    numbers = jnp.array(numbers)

    def rate_sum(numbers):
        return jnp.sum(rates(make(*numbers)))

    got = jax.grad(rate_sum)(numbers)
    h = 1e-2 * numbers
    for i, direction in enumerate(jnp.diag(h)):
        due = (rate_sum(numbers + direction) - rate_sum(numbers - direction)) / (
            2 * h[i]
        )
        # Sums of order 1 in float32, over 2 h of order 1e-3: 1e-4; and h^2 f'''.
        np.testing.assert_allclose(got[i], due, rtol=2e-3)


def test_the_gradient_is_finite_where_the_later_part_overflows_before_it_begins():
    """0.1**-60 is infinite in float32, and 0 * inf is not a number."""

    def rate(base):
        return schedules.warm_up(schedules.exponential(base, 0.1, 1), 60)(3)

    np.testing.assert_allclose(jax.grad(rate)(0.5), 4 / 61, rtol=1e-6)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    rate=st.floats(1e-4, 10.0),
    factor=st.floats(0.01, 1.0),
    length=st.integers(1, 25),
    climb=st.integers(1, 12),
)
def test_rates_start_where_they_should_fall_and_stay_positive(
    rate, factor, length, climb
):
    falling = [
        schedules.steps(rate, [length, length + 2], factor),
        schedules.exponential(rate, factor, length),
        schedules.cosine(rate, length, final=factor * rate),
    ]
    for schedule in falling:
        values = np.asarray(rates(schedule))
        np.testing.assert_allclose(values[0], rate, rtol=1e-6)
        assert np.all(np.diff(values) <= 1e-6 * values[:-1])  # Rounding.
        warm = np.asarray(rates(schedules.warm_up(schedule, climb)))
        assert warm[0] > 0
        assert np.all(np.diff(warm[: climb + 1]) > 0)
        np.testing.assert_allclose(warm[climb:], values[:-climb], rtol=1e-6)


def test_cosine_stays_at_its_end():
    values = rates(schedules.cosine(0.3, 10, final=0.1))
    np.testing.assert_allclose(values[10:], 0.1, rtol=1e-6)
    assert values[9] > 0.1001


def test_an_optimizer_with_a_schedule_takes_steps_of_its_sizes():
    schedule = schedules.warm_up(schedules.steps(0.3, [2], 0.5), 2)
    sgd = optimizer("sgd", schedule)
    params = jnp.ones(())
    state = sgd.init(params)
    sizes = []
    for _ in range(6):
        updates, state = sgd.update(jnp.ones(()), state, params)
        sizes.append(-updates)
    np.testing.assert_allclose(sizes, [0.1, 0.2, 0.3, 0.3, 0.15, 0.15], rtol=1e-6)


def plateau(losses, **kwargs):
    """The scale in each step."""
    lowering = schedules.on_plateau(**kwargs)

    def body(state, loss):
        updates, state = lowering.update(jnp.ones(()), state, value=loss)
        return state, updates

    return jax.lax.scan(body, lowering.init(jnp.ones(())), losses)[1]


def test_on_plateau_waits_for_its_patience_and_multiplies_by_its_factor():
    losses = jnp.array([3.0, 2.0, 2.1, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5])
    scales = plateau(losses, factor=0.5, patience=2)
    due = [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125]
    np.testing.assert_allclose(scales, due)


def test_on_plateau_judges_the_mean_of_an_epoch():
    """Single losses fall and rise, the epochs' means are 3, 2, 2, 2, 2."""
    losses = jnp.array([4.0, 2.0, 1.0, 3.0, 0.0, 4.0, 3.5, 0.5, 2.0, 2.0])
    scales = plateau(losses, factor=0.5, patience=2, steps_per_epoch=2)
    np.testing.assert_allclose(scales, [1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5])


def test_on_plateau_stops_at_its_least_scale_and_counts_small_falls_as_none():
    losses = 1.0 - 0.01 * jnp.arange(8.0)
    scales = plateau(losses, factor=0.1, patience=1, threshold=0.05, min_scale=0.05)
    # 0.94 is the first below 0.95; all others are bad ones.
    np.testing.assert_allclose(scales, [1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    falling = plateau(losses, factor=0.1, patience=1, threshold=0.005)
    np.testing.assert_allclose(falling, jnp.ones(8))


def test_swept_members_have_plateaus_of_their_own():
    losses = jnp.array([[2.0, 1.0, 0.5, 0.2], [1.0, 1.0, 1.0, 1.0]])
    together = jax.jit(jax.vmap(lambda x: plateau(x, patience=1, factor=0.5)))(losses)
    np.testing.assert_allclose(together, [[1, 1, 1, 1], [1, 0.5, 0.25, 0.125]])


def test_on_plateau_behind_an_optimizer_lowers_its_steps():
    chain = optax.chain(optimizer("sgd", 0.2), schedules.on_plateau(patience=1))
    params = jnp.ones(())
    state, steps = chain.init(params), []
    for _ in range(3):
        updates, state = chain.update(
            jnp.ones(()), state, params, value=jnp.ones(()), grad=None, value_fn=None
        )
        steps.append(updates)
    np.testing.assert_allclose(steps, [-0.2, -0.02, -0.002], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.constant(-0.1), "constant: learning_rate .* at least 0"),
        (lambda: schedules.steps(-0.1, [3]), "steps: learning_rate .* got -0.1"),
        (lambda: schedules.steps(0.1, [3], -1.0), "steps: factor .* got -1.0"),
        (lambda: schedules.steps(0.1, [0]), "each of boundaries .* at least 1, got 0"),
        (lambda: schedules.steps(0.1, [5, 5]), r"increase, got \[5, 5\]. Sort them"),
        (lambda: schedules.exponential(0.1, 0.0, 5), "factor should be above 0, got 0"),
        (lambda: schedules.exponential(0.1, 0.5, 0), "exponential: steps .* got 0"),
        (lambda: schedules.cosine(0.1, 0), "cosine: steps .* got 0"),
        (lambda: schedules.cosine(0.1, 5, final=-1.0), "cosine: final .* got -1.0"),
        (lambda: schedules.warm_up(0.1, 0), "warm_up: steps .* at least 1, got 0"),
        (lambda: schedules.warm_up(-0.1, 5), "learning_rate .* got -0.1"),
        (
            lambda: schedules.on_plateau(factor=1.0),
            "factor should be above 0 and below",
        ),
        (lambda: schedules.on_plateau(threshold=0.0), "threshold should be above 0"),
        (lambda: schedules.on_plateau(patience=0), "patience .* at least 1, got 0"),
        (lambda: schedules.on_plateau(cooldown=-1), "cooldown .* at least 0, got -1"),
        (lambda: schedules.on_plateau(min_scale=-0.1), "min_scale .* got -0.1"),
        (lambda: schedules.on_plateau(steps_per_epoch=0), "steps_per_epoch .* got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_swept_factor_of_a_plateau_is_refused_with_the_reason():
    # Bypasses the annotations, as a user without the import hook does.
    on_plateau = schedules.on_plateau.__wrapped__
    with pytest.raises(ValueError, match="factor has to be a plain number"):
        jax.vmap(lambda factor: on_plateau(factor=factor).init(1.0))(jnp.array([0.5]))
