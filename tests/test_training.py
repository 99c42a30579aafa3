"""jaxnet.training: the direction of a step, what an epoch visits, evaluation."""

import functools

import chex
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnet.data.batching import epoch_order, in_chunks
from jaxnet.layers.activations import tanh
from jaxnet.layers.combining import sequential
from jaxnet.layers.core import Layer
from jaxnet.layers.dense import dense
from jaxnet.losses import mean_squared_error
from jaxnet.metrics import compute
from jaxnet.regularization import l2
from jaxnet.training import Task, supervised


def linear(h):
    return Task(
        model=dense(1),
        loss=mean_squared_error,
        optimizer=optax.sgd(h["learning_rate"]),
        batch_size=4,
    )


def regression_data(key, examples=12, inputs=3):
    x = jax.random.normal(key, (examples, inputs))
    y = x @ jnp.arange(1.0, inputs + 1)[:, None] + 0.5
    return x, y


HYPERS = {"learning_rate": jnp.asarray(0.1)}


def test_a_step_is_gradient_descent(key):
    recipe = supervised(linear)
    x, y = regression_data(key, examples=4)
    state = recipe.init(HYPERS, jax.random.key(1), (x, y))
    new, metrics = recipe.step(HYPERS, state, (x, y), jax.random.key(2))

    error = x @ state.params["kernel"] + state.params["bias"][None] - y
    # d/dw mean(error^2) = 2 x^T error / n.
    gradient = {"kernel": 2 * x.T @ error / 4, "bias": 2 * error.mean(axis=0)}
    due = jax.tree.map(lambda w, g: w - 0.1 * g, state.params, gradient)
    chex.assert_trees_all_close(new.params, due, rtol=1e-5)
    np.testing.assert_allclose(
        compute(metrics)["loss"], np.mean(np.square(error)), rtol=1e-6
    )
    assert new.step == 1


def test_an_epoch_is_its_steps_one_by_one(key):
    recipe = supervised(linear)
    data = regression_data(key)
    start = recipe.init(HYPERS, jax.random.key(1), data)
    epoch_key = jax.random.key(2)
    together, totals = recipe.epoch(HYPERS, start, data, jax.random.clone(epoch_key))

    order_key, noise_key = jax.random.split(epoch_key)
    state, losses = start, []
    for i, rows in enumerate(epoch_order(order_key, 12, 4)):
        batch = jax.tree.map(lambda a, rows=rows: a[rows], data)
        step_key = jax.random.fold_in(noise_key, i)
        state, metrics = recipe.step(HYPERS, state, batch, step_key)
        losses.append(compute(metrics)["loss"])
    # Same operations in another program: rounding only.
    chex.assert_trees_all_close(together, state, rtol=1e-5)
    np.testing.assert_allclose(compute(totals)["loss"], np.mean(losses), rtol=1e-5)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    n=st.integers(1, 40), batch_size=st.integers(1, 40), seed=st.integers(0, 2**31 - 1)
)
def test_an_epoch_visits_every_example_at_most_once(n, batch_size, seed):
    hypothesis.assume(batch_size <= n)
    order = np.asarray(epoch_order(jax.random.key(seed), n, batch_size))
    assert order.shape == (n // batch_size, batch_size)
    assert len(np.unique(order)) == order.size
    assert order.min() >= 0
    assert order.max() < n


def test_epochs_are_shuffled_differently(key):
    orders = [epoch_order(jax.random.fold_in(key, i), 50, 5) for i in range(2)]
    assert not jnp.array_equal(orders[0], orders[1])


def test_without_a_batch_size_an_epoch_is_one_step_on_all_examples(key):
    data = regression_data(key)
    whole = supervised(lambda h: linear(h)._replace(batch_size=None))
    state = whole.init(HYPERS, jax.random.key(1), data)
    epoch, _ = whole.epoch(HYPERS, state, data, jax.random.key(2))
    step, _ = whole.step(HYPERS, state, data, jax.random.key(3))
    chex.assert_trees_all_equal(epoch, step)


def test_weights_choose_the_examples(key):
    x, y = regression_data(key)
    weights = jnp.where(jnp.arange(12) < 4, 2.0, 0.0)
    recipe = supervised(lambda h: linear(h)._replace(batch_size=None))
    state = recipe.init(HYPERS, jax.random.key(1), (x, y))
    weighted, totals = recipe.epoch(HYPERS, state, (x, y, weights), jax.random.key(2))
    alone, few = recipe.epoch(HYPERS, state, (x[:4], y[:4]), jax.random.key(2))
    chex.assert_trees_all_close(weighted.params, alone.params, rtol=1e-5)
    np.testing.assert_allclose(compute(totals)["loss"], compute(few)["loss"], rtol=1e-5)
    assert totals["loss"].count == 8.0


def test_a_penalty_changes_the_step_but_not_the_reported_loss(key):
    data = regression_data(key, examples=4)
    plain = supervised(linear)
    penalized = supervised(lambda h: linear(h)._replace(penalty=l2(0.5)))
    state = plain.init(HYPERS, jax.random.key(1), data)
    without, reported = plain.step(HYPERS, state, data, jax.random.key(2))
    with_penalty, also = penalized.step(HYPERS, state, data, jax.random.key(2))
    # The gradient of 0.5 * strength * sum(w^2) is strength * w, for kernels.
    due = without.params["kernel"] - 0.1 * 0.5 * state.params["kernel"]
    chex.assert_trees_all_close(with_penalty.params["kernel"], due, rtol=1e-5)
    chex.assert_trees_all_equal(with_penalty.params["bias"], without.params["bias"])
    chex.assert_trees_all_equal(reported, also)


@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(n=st.integers(1, 30), rows=st.integers(1, 12))
def test_chunks_cover_every_example_once_and_in_order(n, rows):
    data = jnp.arange(n)
    parts = [np.ravel(a) for a in in_chunks(lambda a: a * 10, data, rows)]
    np.testing.assert_array_equal(np.concatenate(parts), 10 * np.arange(n))


@pytest.mark.parametrize("examples", [3, 512, 700, 1024])
def test_evaluation_and_prediction_see_every_example(key, examples):
    recipe = supervised(linear)
    x, y = regression_data(key, examples)
    state = recipe.init(HYPERS, jax.random.key(1), (x, y))
    outputs = x @ state.params["kernel"] + state.params["bias"][None]
    metrics = recipe.evaluate(HYPERS, state, (x, y))
    # Chunks add up in another order than one mean of all.
    np.testing.assert_allclose(
        compute(metrics)["loss"], np.mean((outputs - y) ** 2), rtol=1e-5
    )
    assert metrics["loss"].count == examples
    np.testing.assert_allclose(
        recipe.predict(HYPERS, state, x), outputs, rtol=1e-5, atol=1e-6
    )


def test_evaluation_trains_nothing_and_draws_nothing(key):
    modes = []

    def spy(params, state, x, *, train=False, key=None):
        modes.append((train, key))
        return dense(1).apply(params, state, x)

    model = Layer(dense(1).init, spy, "spy")
    recipe = supervised(lambda h: linear(h)._replace(model=model))
    data = regression_data(key)
    state = recipe.init(HYPERS, jax.random.key(1), data)
    modes.clear()
    recipe.evaluate(HYPERS, state, data)
    recipe.predict(HYPERS, state, data[0])
    assert modes == [(False, None)] * len(modes)
    assert modes
    recipe.step(HYPERS, state, data, jax.random.key(2))
    assert modes[-1][0] is True
    assert modes[-1][1] is not None


def test_the_optimizer_is_given_what_plateaus_and_line_searches_read(key):
    data = regression_data(key)

    def build(h):
        return linear(HYPERS)._replace(optimizer=optax.lbfgs(), batch_size=None)

    recipe = supervised(build)
    state = recipe.init({}, jax.random.key(1), data)
    epoch = jax.jit(functools.partial(recipe.epoch, {}))
    for i in range(15):
        state, metrics = epoch(state, data, jax.random.key(i))
    # Least squares with a bias has the exact solution: quasi-Newton finds it.
    assert compute(metrics)["loss"] < 1e-8


def test_vmapped_runs_equal_runs_alone(key):
    recipe = supervised(
        lambda h: linear(h)._replace(model=sequential(dense(5), tanh, dense(1)))
    )
    data = regression_data(key)
    rates = jnp.array([0.01, 0.1, 0.3])
    keys = jax.random.split(jax.random.key(1), 3)

    def run(rate, key):
        init_key, train_key = jax.random.split(key)
        hypers = {"learning_rate": rate}
        state = recipe.init(hypers, init_key, data)
        for i in range(3):
            epoch_key = jax.random.fold_in(train_key, i)
            state, metrics = recipe.epoch(hypers, state, data, epoch_key)
        return state.params, compute(metrics)

    together = jax.jit(jax.vmap(run))(rates, jax.random.clone(keys))
    for i in range(3):
        alone = jax.jit(run)(rates[i], keys[i])
        member = jax.tree.map(lambda a, i=i: a[i], together)
        # Batched matrix products add in another order.
        chex.assert_trees_all_close(member, alone, rtol=1e-4, atol=1e-6)
