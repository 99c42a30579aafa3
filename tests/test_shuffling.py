"""jaxnet.data.shuffling: a permutation for every key, and every one as likely."""

import itertools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxnet.data.shuffling import permutation


def draws(n, count, seed=0):
    keys = jax.random.split(jax.random.key(seed), count)
    return np.asarray(jax.jit(jax.vmap(lambda key: permutation(key, n)))(keys))


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(n=st.integers(1, 300), seed=st.integers(0, 2**31 - 1))
def test_each_number_comes_once(n, seed):
    order = permutation(jax.random.key(seed), n)
    assert sorted(order.tolist()) == list(range(n))


def test_a_large_order_too():
    order = np.asarray(permutation(jax.random.key(1), 1_000_003))
    assert len(np.unique(order)) == 1_000_003
    assert (order.min(), order.max()) == (0, 1_000_002)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_all_orders_of_a_few_are_equally_likely(n):
    orders = draws(n, 24_000)
    counts = [
        int((orders == np.array(order)).all(axis=1).sum())
        for order in itertools.permutations(range(n))
    ]
    assert sum(counts) == len(orders)
    # With a fixed seed; a false alarm once in a thousand seeds.
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("n", [37, 64, 1024])
def test_every_place_is_as_likely_and_neighbours_part(n):
    orders = draws(n, 20_000)
    for number in (0, 1, n // 2, n - 1):
        places = np.argmax(orders == number, axis=1)
        counts = np.bincount(places * 32 // n, minlength=32)
        shares = np.bincount(np.arange(n) * 32 // n, minlength=32) / n
        assert stats.chisquare(counts, shares * len(orders)).pvalue > 1e-3
    # The distance of two neighbours, around the circle, is uniform on 1 .. n - 1.
    apart = (orders[:, 0] - orders[:, 1]) % n
    counts = np.bincount(apart, minlength=n)[1:]
    bins = np.add.reduceat(counts, np.arange(0, n - 1, max(1, (n - 1) // 32)))
    sizes = np.diff([*np.arange(0, n - 1, max(1, (n - 1) // 32)), n - 1])
    expected = sizes / (n - 1) * len(orders)
    assert stats.chisquare(bins, expected).pvalue > 1e-3


def test_orders_of_different_keys_have_nothing_in_common():
    orders = draws(1024, 2000)
    # Fixed points of a random permutation are Poisson with mean 1.
    fixed = (orders == np.arange(1024)).sum(axis=1)
    agree = (orders[1:] == orders[:-1]).sum(axis=1)
    for counts in (fixed, agree):
        # 4 standard errors of the mean of 2000 draws with variance 1.
        assert abs(counts.mean() - 1) < 4 / np.sqrt(2000)


def test_the_order_is_a_function_of_the_key(key):
    other = jax.random.fold_in(key, 1)
    first, again = permutation(key, 100), jax.jit(permutation, static_argnums=1)
    np.testing.assert_array_equal(first, again(jax.random.clone(key), 100))
    assert (np.asarray(first) != np.asarray(permutation(other, 100))).any()
    assert first.dtype == jnp.int32
