"""jaxnet.layers.pooling: flax, closed forms, invariants and errors."""

import chex
import flax.linen as nn
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.checks import LayerError
from jaxnet.layers.combining import sequential
from jaxnet.layers.pooling import (
    average_pool,
    flatten,
    global_average_pool,
    global_max_pool,
    max_pool,
)

POOLS = pytest.mark.parametrize(
    "pool", [max_pool, average_pool], ids=["max", "average"]
)
GLOBAL = pytest.mark.parametrize(
    "layer", [global_average_pool, global_max_pool], ids=lambda layer: layer.name
)


def draw(*shape):
    """Standard normal values, without a compilation for every shape."""
    rng = np.random.default_rng(sum(shape))
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def run(layer, x):
    y, state = jax.jit(layer.apply)((), (), x)
    assert state == ()
    return y


@pytest.mark.parametrize(
    ("padding", "flax_padding"),
    [("SAME", "SAME"), (((2, 0), (0, 1)), ((2, 0), (0, 1)))],
    ids=["SAME", "pairs"],
)
@POOLS
def test_an_uneven_padding_gives_the_values_of_flax(pool, padding, flax_padding):
    x = draw(2, 7, 6, 3) - 3.0  # Below zero: padded zeros would be the largest.
    y = run(pool((3, 2), stride=2, padding=padding), x)
    if pool is max_pool:
        expected = nn.max_pool(x, (3, 2), (2, 2), flax_padding)
    else:
        expected = nn.avg_pool(x, (3, 2), (2, 2), flax_padding, count_include_pad=False)
    chex.assert_trees_all_close(y, expected, rtol=1e-6)


@POOLS
def test_windows_that_do_not_overlap_are_an_axis_to_reduce(pool):
    x = draw(2, 6, 8, 3)
    reduce = jnp.max if pool is max_pool else jnp.mean
    expected = reduce(x.reshape(2, 3, 2, 2, 4, 3), axis=(2, 4))
    # A mean of eight values of order one, summed in another order.
    chex.assert_trees_all_close(run(pool((2, 4)), x), expected, rtol=1e-5, atol=1e-6)


@POOLS
@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(
    size=st.integers(1, 7),
    window=st.integers(1, 4),
    stride=st.integers(1, 3),
    pads=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_each_window_is_reduced_over_the_cells_it_has_inside(
    pool, size, window, stride, pads
):
    hypothesis.assume(max(pads) < window <= size + sum(pads))
    x = np.random.default_rng(size).normal(-3, 1, (size, 2)).astype(np.float32)
    starts = range(-pads[0], size + pads[1] - window + 1, stride)
    reduce = np.max if pool is max_pool else np.mean
    expected = [reduce(x[max(s, 0) : max(s + window, 0)], axis=0) for s in starts]
    y = run(pool((window,), stride=stride, padding=(pads,)), jnp.asarray(x))
    # Means of at most four values of one sign.
    np.testing.assert_allclose(y, np.stack(expected), rtol=1e-6)


@POOLS
def test_constant_inputs_stay_what_they_are(pool):
    x = jnp.full((2, 5, 6, 3), -1.5)
    y = run(pool((3, 3), stride=2, padding=2), x)
    np.testing.assert_array_equal(y, np.full((2, 4, 4, 3), -1.5, np.float32))


@POOLS
@pytest.mark.parametrize("leading", [(), (4,), (2, 3)], ids=str)
def test_any_number_of_leading_axes_is_kept(pool, leading):
    layer = pool((2, 3), stride=2, padding=1)
    x = draw(*leading, 5, 6, 2)
    alone = [run(layer, image) for image in x.reshape(-1, 5, 6, 2)]
    expected = jnp.stack(alone).reshape(*leading, 3, 3, 2)
    chex.assert_trees_all_close(run(layer, x), expected, rtol=1e-6)


def test_among_equals_the_first_cell_of_the_window_gets_the_gradient():
    x = jnp.asarray([[1.0, 7.0, 2.0], [7.0, 7.0, 0.0]])[..., None]
    gradient = jax.grad(lambda x: jnp.sum(run(max_pool((2, 3)), x)))(x)
    np.testing.assert_array_equal(gradient[..., 0], [[0, 1, 0], [0, 0, 0]])


def test_among_equals_a_global_max_pool_shares_the_gradient():
    x = jnp.asarray([1.0, 7.0, 7.0, 0.0])[None, :, None]
    gradient = jax.grad(lambda x: jnp.sum(run(global_max_pool, x)))(x)
    np.testing.assert_array_equal(gradient[0, :, 0], [0, 0.5, 0.5, 0])


@POOLS
def test_a_pool_can_be_differentiated_twice(pool):
    # sum(pool(x)**2) is quadratic near x, so its gradient is its Hessian times x.
    x = draw(7, 2)
    layer = pool((3,), stride=2, padding=1)

    def loss(x):
        return jnp.sum(run(layer, x) ** 2)

    gradient, product = jax.jvp(jax.grad(loss), (x,), (x,))
    chex.assert_trees_all_close(product, gradient, rtol=1e-5, atol=1e-6)


def test_a_value_that_is_not_a_number_stays_visible():
    x = jnp.asarray([1.0, jnp.nan, 3.0, 2.0])[:, None]
    np.testing.assert_array_equal(run(max_pool((2,)), x)[:, 0], [np.nan, 3.0])


@GLOBAL
@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 4, 5, 3)], ids=str)
def test_a_global_pool_is_a_pool_of_the_whole_input(layer, shape):
    x = draw(*shape)
    pool = max_pool if layer is global_max_pool else average_pool
    expected = run(pool(shape[1:-1]), x).reshape(2, 3)
    # A mean of 20 values of order one, summed in another order.
    chex.assert_trees_all_close(run(layer, x), expected, rtol=1e-5, atol=1e-6)


@GLOBAL
@pytest.mark.parametrize("shape", [(5,), (4, 5)], ids=str)
def test_a_global_pool_of_nothing_spatial_is_refused(layer, shape):
    message = rf"{layer.name} needs x of shape \(examples, \*spatial.*x\[None\]"
    with pytest.raises(LayerError, match=message):
        run(layer, jnp.zeros(shape))


def test_flatten_keeps_the_examples_and_the_order_of_the_rest():
    x = jnp.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(run(flatten, x), np.arange(24.0).reshape(2, 12))
    ids = jnp.arange(6).reshape(6, 1, 1)
    np.testing.assert_array_equal(run(flatten, ids), np.arange(6)[:, None])
    assert run(flatten, jnp.zeros((0, 3, 4))).shape == (0, 12)
    assert run(flatten, jnp.zeros(5)).shape == (5, 1)


def test_flatten_refuses_a_scalar():
    with pytest.raises(LayerError, match=r"flatten needs x of shape .* got a scalar"):
        run(flatten, jnp.zeros(()))


@POOLS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 2}, r"window should be .* got 2\. Write \(2,\) or \(2, 2\)\."),
        ({"window": (2, 2, 2)}, r"window .* got \(2, 2, 2\)"),
        ({"window": (2, 0)}, r"window should be an int of at least 1, got 0"),
        ({"stride": 0}, r"stride should be an int of at least 1, got 0"),
        ({"stride": (1,)}, r"stride .* each of the 2 axes of the window, got \(1,\)"),
        ({"padding": "FULL"}, r"padding='FULL' is not one of \['SAME', 'VALID'\]"),
        ({"padding": (0, -1)}, r"padding should be an int of at least 0, got -1"),
        ({"padding": 3}, r"padding should be less .* padding=\(3, 3\) for window=3"),
        ({"padding": (0, (0, 2))}, r"padding should be less .*=\(0, 2\) for window=2"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_layer_is_made(pool, arguments, message):
    with pytest.raises(ValueError, match=f"^{pool.__name__}: {message}"):
        pool.__wrapped__(**{"window": (3, 2)} | arguments)


@POOLS
def test_what_cannot_be_pooled_is_refused(pool):
    layer = pool((2, 3))
    with pytest.raises(LayerError, match=r"\(2, 3\)\) needs x of .* got \(4, 5\)"):
        run(layer, jnp.zeros((4, 5)))
    with pytest.raises(
        LayerError, match=r"leaves nothing of x of shape \(1, 4, 2, 5\)"
    ):
        run(layer, jnp.zeros((1, 4, 2, 5)))


def test_an_error_in_a_model_names_the_layer(key):
    model = sequential(max_pool((2, 2)), max_pool((2, 2)), max_pool((2, 2)))
    with pytest.raises(LayerError, match=r"^max_pool_3: max_pool\(\(2, 2\)\) leaves"):
        jax.eval_shape(model.init, key, jnp.zeros((1, 6, 6, 1)))
