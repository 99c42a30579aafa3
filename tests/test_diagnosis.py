"""What `fit` says of a training that diverges, against steps taken by hand."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnet
from jaxnet.data.batching import epoch_order

ROWS, SIZE, RATE, POISONED = 40, 8, 0.05, 7


def linear(h):
    return jaxnet.Task(
        jaxnet.dense(1, bias=False),
        jaxnet.mean_squared_error,
        optax.sgd(h["learning_rate"]),
        batch_size=SIZE,
    )


def points(poisoned=True):
    """Of which one row is finite, but its square is not."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True)
    if poisoned:
        y[POISONED] = 1e30
    return jnp.asarray(x), jnp.asarray(y)


def by_hand(data, key, first_params):
    """Descends until a batch has the poisoned row: the step, its rows, the weights."""
    x, y = (np.asarray(a, np.float64) for a in data)
    w = np.asarray(first_params["kernel"], np.float64)
    order_key, _ = jax.random.split(jax.random.fold_in(key, 0))
    order = np.asarray(epoch_order(order_key, ROWS, SIZE))
    for step, rows in enumerate(order, start=1):
        if POISONED in rows:
            return step, rows, w
        w = w - RATE * 2 * x[rows].T @ (x[rows] @ w - y[rows]) / SIZE
    raise AssertionError("40 rows are 5 whole batches")


@pytest.mark.parametrize("seed", [0, 1, 4])
@pytest.mark.parametrize("every", [1, 3])
def test_the_step_the_rows_and_the_last_good_state_are_those_by_hand(seed, every):
    data = points()
    init_key, train_key = jax.random.split(jax.random.key(seed))
    start = jaxnet.training.supervised(linear).init(
        {"learning_rate": RATE}, init_key, data
    )
    step, rows, weights = by_hand(data, train_key, start.params)
    result = jaxnet.fit(
        linear,
        {"learning_rate": RATE},
        data,
        key=jax.random.key(seed),
        epochs=6,
        every=every,
    )
    assert result.status == f"diverged at step {step}"
    found = result.diagnosis
    assert (found.step, found.epoch) == (step, 1)
    np.testing.assert_array_equal(found.rows, rows)
    assert found.loss == np.inf
    # The square overflows, and its derivative does not.
    assert found.gradients == found.params == ()
    assert int(result.state.step) == step - 1
    np.testing.assert_allclose(result.params["kernel"], weights, rtol=1e-5)
    for word in (f"step {step} (epoch 1)", str(rows[0]), "loss inf"):
        assert word in repr(result)


def test_the_layer_whose_derivative_fails_is_named_where_the_loss_is_finite():
    # The derivative of the norm is 0/0 at 0, where `left` starts.
    def norm(y, t):
        return jnp.linalg.norm(y[0]) + jnp.mean((y[1] - t) ** 2)

    model = jaxnet.layers.Layer(
        lambda key, x: (
            {"left": {"w": jnp.zeros(3)}, "right": {"w": jnp.ones(3)}},
            (),
        ),
        lambda p, s, x, *, train=False, key=None: (
            (x * p["left"]["w"][None], (x * p["right"]["w"][None]).sum(1)),
            s,
        ),
        "norm",
    )

    def build(h):
        return jaxnet.Task(model, norm, optax.sgd(h["learning_rate"]), batch_size=SIZE)

    x, y = points(poisoned=False)
    result = jaxnet.fit(
        build, {"learning_rate": RATE}, (x, y[:, 0]), key=jax.random.key(0), epochs=2
    )
    assert result.diagnosis.step == 1
    assert np.isfinite(result.diagnosis.loss)
    assert result.diagnosis.gradients == result.diagnosis.params == ("left/w",)
    np.testing.assert_array_equal(result.params["right"]["w"], np.ones(3))


@pytest.mark.parametrize("every", [1, 2, 5, 20])
def test_a_last_step_of_a_block_that_spoils_the_weights_is_found_in_it(every):
    """Parameters can leave the finite numbers a step before the loss does."""

    def build(h):
        return linear(h)._replace(batch_size=None)

    data, hypers = points(poisoned=False), {"learning_rate": 2000.0}
    many = jaxnet.sweep(
        build, [hypers], data, key=jax.random.key(0), epochs=20, progress=False
    )
    result = many.replay(every=every).fit
    again = many.replay().fit
    assert again.status == many.status[0] == many.member().status
    assert result.status.startswith("diverged at step")
    assert int(result.state.step) == result.diagnosis.step - 1
    assert np.isfinite(result.params["kernel"]).all()
    # How large the weights are when they overflow does not depend on the blocks.
    assert result.diagnosis.step == result.diagnosis.epoch
    assert np.abs(result.params["kernel"]).max() > 1e10


def test_a_stream_gives_the_step_but_no_rows():
    def trained(data):
        hypers, key = {"learning_rate": RATE}, jax.random.key(1)
        return jaxnet.fit(linear, hypers, data, key=key, epochs=2)

    one, other = trained(points()), trained(jaxnet.data.stream_arrays(points()))
    assert one.status == other.status
    assert other.diagnosis.rows is None
    assert other.diagnosis[3:] == one.diagnosis[3:]
    chex.assert_trees_all_close(one.params, other.params, rtol=1e-6)


def test_a_run_that_is_well_has_no_diagnosis():
    data = points(poisoned=False)
    hypers = {"learning_rate": RATE}
    result = jaxnet.fit(linear, hypers, data, key=jax.random.key(0), epochs=3)
    assert result.diagnosis is None
    assert result.status == "done"
