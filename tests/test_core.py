"""jaxnet.layers.core and dense, dropout, mlp: against flax and closed forms."""

import chex
import flax.linen as nn
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.checks import LayerError
from jaxnet.layers.activations import activation, identity, relu, tanh
from jaxnet.layers.combining import residual, sequential
from jaxnet.layers.dense import dense
from jaxnet.layers.dropout import dropout
from jaxnet.layers.mlp import mlp


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 4, 5)], ids=str)
def test_dense_matches_linen_in_value_and_gradient(key, shape):
    init_key, x_key = jax.random.split(key)
    x = jax.random.normal(x_key, shape)
    layer = dense(3)
    params, state = layer.init(init_key, x)
    params["bias"] += jnp.arange(3.0)  # Zeros would hide a forgotten bias.

    def ours(params, x):
        return jnp.sum(layer.apply(params, state, x)[0] ** 2)

    def theirs(params, x):
        return jnp.sum(nn.Dense(3).apply({"params": params}, x) ** 2)

    got = jax.value_and_grad(ours, argnums=(0, 1))(params, x)
    due = jax.value_and_grad(theirs, argnums=(0, 1))(params, x)
    # Float32 sums of at most 40 terms: only rounding can differ.
    chex.assert_trees_all_close(got, due, rtol=1e-5, atol=1e-6)


def test_sequential_names_its_children_by_kind_and_by_keyword(key):
    model = sequential(dense(4), tanh, dense(3), dropout(0.1), head=dense(2))
    params, state = model.init(key, jnp.zeros((1, 5)))
    assert {name: leaf["kernel"].shape for name, leaf in params.items()} == {
        "dense_1": (5, 4),
        "dense_2": (4, 3),
        "head": (3, 2),
    }
    assert state == ()


def test_sequential_composes(key):
    first, second = dense(4), dense(2)
    model = sequential(first, tanh, second)
    x = jax.random.normal(jax.random.key(1), (3, 5))
    params, state = model.init(key, x)
    by_hand = jnp.tanh(x @ params["dense_1"]["kernel"]) @ params["dense_2"]["kernel"]
    chex.assert_trees_all_close(model.apply(params, state, x)[0], by_hand, rtol=1e-6)


@hypothesis.settings(deadline=None, max_examples=10)
@hypothesis.given(cut=st.integers(1, 3), seed=st.integers(0, 2**31 - 1))
def test_grouping_layers_changes_nothing(cut, seed):
    layers = [dense(4), tanh, dense(3), relu]
    x = jax.random.normal(jax.random.key(seed), (2, 5))
    flat = sequential(*layers)
    nested = sequential(first=sequential(*layers[:cut]), rest=sequential(*layers[cut:]))
    params, state = flat.init(jax.random.key(seed), x)
    names = ["dense_1", "tanh_1", "dense_2", "relu_1"]
    first = {name: params[name] for name in names[:cut] if name in params}
    rest = {
        "dense_1" if cut > 1 else name: params[name]
        for name in names[cut:]
        if name in params
    }
    if cut == 1:  # Both groups count their own layers from 1.
        rest = {"dense_1": params["dense_2"]}
    nested_params = {"first": first, "rest": rest} if rest else {"first": first}
    chex.assert_trees_all_equal(
        nested.apply(nested_params, state, x)[0], flat.apply(params, state, x)[0]
    )


def test_children_get_different_parameters_and_different_noise(key):
    model = sequential(dense(5), dense(5))
    params, _ = model.init(key, jnp.zeros((1, 5)))
    assert not jnp.allclose(params["dense_1"]["kernel"], params["dense_2"]["kernel"])

    noisy = sequential(dropout(0.5), activation(lambda x: x + 1.0), dropout(0.5))
    y, _ = noisy.apply((), (), jnp.ones(1000), train=True, key=key)
    # With one mask for both, dropped units would be 2 or 0 and kept ones 0 or 6.
    # With two, the four outcomes 0, 2 (dropped, then kept) and 6 all are there.
    values, counts = np.unique(np.asarray(y), return_counts=True)
    np.testing.assert_array_equal(values, [0.0, 2.0, 6.0])
    # 4 standard errors of a share of 1/2 or 1/4 in 1000 draws: 0.063 and 0.055.
    np.testing.assert_allclose(counts / 1000, [0.5, 0.25, 0.25], atol=0.063)


def test_residual_adds_its_input(key):
    x = jax.random.normal(key, (3, 4))
    block = dense(4)
    model = residual(block)
    params, state = model.init(jax.random.key(1), x)
    chex.assert_trees_all_close(
        model.apply(params, state, x)[0], x + x @ params["block"]["kernel"], rtol=1e-6
    )
    doubled, _ = residual(identity).apply((), (), x)
    chex.assert_trees_all_equal(doubled, 2 * x)


def test_a_residual_with_a_shortcut_adds_the_shortcut(key):
    x = jax.random.normal(key, (3, 4))
    model = residual(dense(2), dense(2, bias=False))
    params, state = model.init(jax.random.key(1), x)
    due = x @ params["block"]["kernel"] + x @ params["shortcut"]["kernel"]
    chex.assert_trees_all_close(model.apply(params, state, x)[0], due, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_dropout_drops_the_stated_share_and_keeps_the_mean(key, rate):
    y, _ = dropout(rate).apply((), (), jnp.ones(100_000), train=True, key=key)
    # 4 standard errors of a share in n draws.
    error = 4 * np.sqrt(rate * (1 - rate) / 100_000)
    assert abs(jnp.mean(y == 0) - rate) <= error
    np.testing.assert_allclose(np.max(y), 1 / (1 - rate), rtol=1e-6)


def test_dropout_is_the_identity_in_evaluation(key):
    x = jax.random.normal(key, (5,))
    y, _ = dropout(0.5).apply((), (), x)
    chex.assert_trees_all_equal(y, x)


def test_dropout_draws_anew_for_each_key(key):
    ones = jnp.ones(64)
    draws = [
        dropout(0.5).apply((), (), ones, train=True, key=jax.random.fold_in(key, i))[0]
        for i in range(3)
    ]
    assert not jnp.array_equal(draws[0], draws[1])
    assert not jnp.array_equal(draws[1], draws[2])


def test_mlp_is_its_sequential(key):
    x = jax.random.normal(jax.random.key(1), (4, 3))
    short, long = mlp(8, 2, activation=tanh), sequential(dense(8), tanh, dense(2))
    params, state = short.init(key, x)
    chex.assert_trees_all_equal(params, long.init(jax.random.clone(key), x)[0])
    chex.assert_trees_all_equal(
        short.apply(params, state, x), long.apply(params, state, x)
    )


def test_an_error_names_the_layer_it_comes_from(key):
    model = sequential(dense(4), residual(sequential(relu, dense(3), dense(4))))
    params, state = model.init(key, jnp.zeros((1, 2)))
    del params["residual_1"]["block"]["dense_2"]["bias"]
    with pytest.raises(
        LayerError, match=r"^residual_1/block/dense_2: dense\(4\) needs"
    ):
        model.apply(params, state, jnp.zeros((1, 2)))


def test_an_error_of_a_user_function_gets_a_note(key):
    def broken(x):
        raise RuntimeError("mine")

    model = sequential(dense(4), activation(broken))
    with pytest.raises(RuntimeError, match="mine") as caught:
        model.init(key, jnp.zeros((1, 2)))
    assert "in layer 'broken_1'" in caught.value.__notes__
