"""jaxnet.data: splits, standardization, and the one check on load."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from jaxnet.data.batching import take_rows
from jaxnet.data.checking import check_data
from jaxnet.data.splitting import split
from jaxnet.data.standardizing import standardizer_of
from jaxnet.data.streaming import stream_arrays


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    n=st.integers(10, 60),
    share=st.floats(0.2, 0.8),
    classes=st.integers(1, 3),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_example_is_in_just_one_part(n, share, classes, seed):
    labels = np.arange(n) % classes
    parts = split(
        (np.arange(n), labels),
        jax.random.key(seed),
        (share, 1 - share),
        stratify=labels,
    )
    rows = np.concatenate([part[0] for part in parts])
    np.testing.assert_array_equal(np.sort(rows), np.arange(n))
    for part, fraction in zip(parts, (share, 1 - share), strict=True):
        np.testing.assert_array_equal(part[1], labels[part[0]])
        for label in range(classes):
            due = fraction * np.sum(labels == label)
            assert abs(np.sum(part[1] == label) - due) <= 0.5 + 1e-9


def test_a_split_is_a_function_of_its_key():
    rows = np.arange(100)
    one, again, other = (
        split(rows, jax.random.key(seed), (0.5, 0.5))[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert set(one) != set(other)
    # A part is shuffled, so its first rows are a sample too.
    assert not np.array_equal(one, np.sort(one))


def test_three_parts_have_their_sizes():
    parts = split(np.arange(50), jax.random.key(0), (0.6, 0.2, 0.2))
    assert [len(part) for part in parts] == [30, 10, 10]


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    x=hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 8), st.integers(1, 4)),
        elements=st.floats(-1e3, 1e3),
    )
)
def test_standardization_is_that_of_scikit_learn(x):
    standardizer = standardizer_of(x)
    due = StandardScaler().fit(x)
    # Where a column is constant up to rounding, both divide by 1.
    np.testing.assert_allclose(standardizer.std, due.scale_, rtol=1e-9)
    np.testing.assert_allclose(
        standardizer.apply(x), due.transform(x), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(
        standardizer.invert(standardizer.apply(x)), x, rtol=1e-9, atol=1e-9
    )


def test_standardization_uses_the_training_set_alone():
    train, test = np.array([[0.0], [2.0]]), np.array([[5.0]])
    np.testing.assert_allclose(standardizer_of(train).apply(test), [[4.0]])


def test_rows_are_taken_from_every_array_alike():
    data = {"a": np.arange(10), "b": np.arange(20).reshape(10, 2)}
    rows = np.array([7, 0, 3])
    taken = take_rows(jax.tree.map(jax.numpy.asarray, data), jax.numpy.asarray(rows))
    np.testing.assert_array_equal(taken["a"], data["a"][rows])
    np.testing.assert_array_equal(taken["b"], data["b"][rows])


def test_a_stream_reads_every_row_in_order_and_shuffles_by_key():
    data = (np.arange(10), np.arange(10) * 2)
    stream = stream_arrays(data)
    in_order = np.concatenate([x for x, _ in stream.in_order(4)])
    np.testing.assert_array_equal(in_order, data[0])
    one, again, other = (
        np.stack([x for x, _ in stream.shuffled(jax.random.key(seed), 3)])
        for seed in (0, 0, 1)
    )
    assert one.shape == (3, 3)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_found(bad):
    x = {"features": np.zeros((5, 2), np.float32)}
    x["features"][3, 1] = bad
    with pytest.raises(ValueError, match=rf"x/features\[3, 1\]={bad}"):
        check_data((x, np.zeros(5)))
