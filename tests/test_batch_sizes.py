"""Batch sizes that change with the epoch, against steps taken by hand."""

import itertools
import re

import chex
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnet
from jaxnet.batch_sizes import stage_at, stages_of
from jaxnet.data.batching import epoch_order
from jaxnet.training import supervised

SIZES = {0: 4, 2: 10, 3: None, 4: 5}
RATE = 0.1


def build(h):
    return jaxnet.Task(
        jaxnet.sequential(jaxnet.dense(1)),
        jaxnet.mean_squared_error,
        optax.sgd(h["learning_rate"], momentum=0.9),
        batch_size=SIZES,
    )


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(23, 3)).astype(np.float32)
    y = (x @ [[1.0], [-2.0], [0.5]] + 0.1 * rng.normal(size=(23, 1))).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(y)


def by_hand(params, data, key, epochs):
    """Gradient descent with momentum of a linear model, in NumPy."""
    x, y = (np.asarray(a, np.float64) for a in data)
    w, b = (np.asarray(params["dense_1"][k], np.float64) for k in ("kernel", "bias"))
    v, c = np.zeros_like(w), np.zeros_like(b)
    steps = 0
    sizes = [4, 4, 10, None, 5, 5, 5]
    for epoch in range(epochs):
        order_key, _ = jax.random.split(jax.random.fold_in(key, epoch))
        size = sizes[epoch]
        order = epoch_order(order_key, len(x), size) if size else [np.arange(len(x))]
        for rows in np.asarray(order):
            error = x[rows] @ w + b - y[rows]
            v = 0.9 * v + 2 * x[rows].T @ error / len(rows)
            c = 0.9 * c + 2 * error.mean(axis=0)
            w, b, steps = w - RATE * v, b - RATE * c, steps + 1
    return {"dense_1": {"kernel": w, "bias": b}}, steps


@pytest.mark.parametrize("every", [1, 4, 7])
def test_fit_takes_the_steps_of_each_size_in_its_epochs(data, every):
    hypers = {"learning_rate": RATE}
    init_key, train_key = jax.random.split(jax.random.key(3))
    start = supervised(build).init(hypers, init_key, data)
    result = jaxnet.fit(
        build, hypers, data, key=jax.random.key(3), epochs=7, every=every
    )
    expected, steps = by_hand(start.params, data, train_key, 7)
    # 23 examples: two epochs of 5 steps, one of 2, one of 1, three of 4.
    assert steps == int(result.state.step) == 25
    chex.assert_trees_all_close(result.params, expected, rtol=1e-5, atol=1e-6)
    assert len(result.history["epoch"]) == -(-7 // every)


def test_a_stream_is_cut_into_the_same_batches(data):
    def trained(data):
        key = jax.random.key(0)
        return jaxnet.fit(build, {"learning_rate": RATE}, data, key=key, epochs=5)

    whole, parts = trained(data), trained(jaxnet.data.stream_arrays(data))
    assert int(parts.state.step) == 5 + 5 + 2 + 1 + 4
    chex.assert_trees_all_close(whole.params, parts.params, rtol=1e-6)


@pytest.mark.parametrize("devices", [1, 4])
def test_a_member_of_a_sweep_is_the_run_alone(data, devices):
    result = jaxnet.sweep(
        build,
        {"learning_rate": jaxnet.log_uniform(1e-3, 0.1)},
        data,
        data,
        key=jax.random.key(1),
        trials=5,
        seeds=2,
        epochs=7,
        devices=devices,
        progress=False,
    )
    for i in range(10):
        alone = result.replay(i)
        assert alone.difference < 1e-4
        chex.assert_trees_all_close(
            alone.fit.params, result.member(i).params, rtol=1e-4, atol=1e-6
        )


def test_an_epoch_alone_has_the_size_of_its_number(data, key):
    recipe = supervised(build)
    hypers = {"learning_rate": RATE}
    state = recipe.init(hypers, key, data)

    def steps(number):
        key = jax.random.key(number)
        return int(recipe.epoch(hypers, state, data, key, number=number)[0].step)

    assert [steps(number) for number in range(6)] == [5, 5, 2, 1, 4, 4]


@hypothesis.settings(deadline=None, max_examples=100)
@hypothesis.given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 5) | st.none(), max_size=6),
    st.integers(1, 5),
    st.integers(0, 40),
)
def test_the_stage_of_an_epoch_is_the_last_that_has_begun(sizes, first, epoch):
    sizes = {**sizes, 0: first}
    stages = stages_of(sizes)
    due = sizes[max(begin for begin in sizes if begin <= epoch)]
    assert stages[stage_at(stages, epoch)][1] == due
    assert all(a[1] != b[1] for a, b in itertools.pairwise(stages))


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({}, ("with which size training begins", "{}")),
        ({3: 8}, ("Task: batch_size", "{3: 8}", "Add the epoch 0")),
        ({0: 8, 2: 0}, ("from epoch 2 on", "at least 1", "got 0")),
        ({0: 8, -1: 4}, ("an epoch", "at least 0", "-1")),
        ({0: 8, 1.5: 4}, ("an epoch", "1.5")),
        ({0: 24}, ("batch_size=24", "23 examples")),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(data, sizes, words):
    def bad(h):
        return build(h)._replace(batch_size=sizes)

    match = ".*".join(map(re.escape, words))
    with pytest.raises(ValueError, match=match):
        jaxnet.fit(bad, {"learning_rate": RATE}, data, key=jax.random.key(0), epochs=2)


def test_a_size_that_would_change_within_a_block_of_a_sweep_is_refused(data):
    with pytest.raises(ValueError, match="after epoch 3, within a block of every=2"):
        jaxnet.sweep(
            build,
            [{"learning_rate": 0.1}],
            data,
            key=jax.random.key(0),
            epochs=8,
            every=2,
            progress=False,
        )


def test_another_learning_rate_compiles_nothing_and_a_size_only_once(data, caplog):
    def compiled(rate):
        caplog.clear()
        with jax.log_compiles(), caplog.at_level("WARNING", logger="jax"):
            arguments = {"key": jax.random.key(0), "epochs": 9, "every": 1}
            jaxnet.fit(build, {"learning_rate": rate}, data, **arguments)
        return [text for text in caplog.messages if "Compiling jit(_epochs)" in text]

    jax.clear_caches()
    assert len(compiled(0.05)) == 4
    assert not compiled(0.06)
