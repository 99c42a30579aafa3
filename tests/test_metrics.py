"""jaxnet.metrics against scikit-learn, and means that add up over batches."""

import functools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxnet.metrics import (
    Mean,
    accuracy,
    binary_accuracy,
    compute,
    mean_of,
    merge,
    top_k_accuracy,
)

# Ratios of sums of a few float32 numbers.
close = functools.partial(np.testing.assert_allclose, rtol=1e-6)

LABELS = jnp.array([0, 3, 1, 1, 2, 0, 3, 2])
WEIGHTS = jnp.array([1.0, 2.0, 0.5, 0.0, 3.0, 1.0, 0.25, 4.0])

both_weightings = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "w"])


@pytest.fixture
def logits(key):
    # The right class is ahead by so little that some are right and some wrong.
    return jax.random.normal(key, (8, 4)) + 0.7 * jax.nn.one_hot(LABELS, 4)


@both_weightings
def test_accuracy_is_that_of_sklearn(logits, weights):
    due = sklearn.metrics.accuracy_score(
        LABELS, jnp.argmax(logits, axis=-1), sample_weight=weights
    )
    assert 0 < due < 1
    close(accuracy(logits, LABELS, weights), due)
    soft = 0.6 * jax.nn.one_hot(LABELS, 4) + 0.1
    close(accuracy(logits, soft, weights), due)


@both_weightings
@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_accuracy_is_that_of_sklearn(logits, weights, k):
    due = sklearn.metrics.top_k_accuracy_score(
        LABELS, logits, k=k, sample_weight=weights
    )
    assert 0 < due < 1
    close(top_k_accuracy(k)(logits, LABELS, weights), due)


@both_weightings
@pytest.mark.parametrize("no", [0, -1])
def test_binary_accuracy_is_that_of_sklearn(logits, weights, no):
    targets = jnp.where(LABELS > 1, 1, no)
    due = sklearn.metrics.accuracy_score(
        targets, np.where(logits[:, 0] > 0, 1, no), sample_weight=weights
    )
    assert 0 < due < 1
    close(binary_accuracy(logits[:, 0], targets, weights), due)


def test_binary_accuracy_takes_bools_and_probabilities():
    logits = jnp.array([-1.0, 2.0, 3.0, -0.1])
    close(binary_accuracy(logits, jnp.array([False, True, False, True])), 0.5)
    close(binary_accuracy(logits, jnp.array([0.2, 0.7, 0.4, 0.1])), 0.75)


def test_accuracies_of_sequences_are_averaged_over_all_steps():
    logits = jax.nn.one_hot(jnp.array([[0, 1, 2], [2, 2, 2]]), 3)
    labels = jnp.array([[0, 1, 1], [2, 0, 1]])
    close(accuracy(logits, labels), 3 / 6)
    close(accuracy(logits, labels, jnp.array([3.0, 1.0])), (3 * 2 / 3 + 1 / 3) / 4)
    close(top_k_accuracy(1)(logits, labels), 3 / 6)


def test_a_net_that_cannot_decide_is_not_right():
    logits, labels = jnp.zeros((4, 4)), jnp.arange(4)
    assert accuracy(logits, labels) == 0.25
    assert top_k_accuracy(2)(logits, labels) == 0.5
    assert binary_accuracy(jnp.zeros(2), jnp.array([0, 1])) == 0.5


@pytest.mark.parametrize("metric", [accuracy, top_k_accuracy(2)])
def test_metrics_refuse_what_losses_refuse(metric, as_users_have_it):
    logits = jnp.zeros((3, 4))
    with pytest.raises(ValueError, match=r"labels\[\.\.\., 0\]"):
        metric(logits, jnp.zeros((3, 1), int))
    with pytest.raises(ValueError, match=r"labels\.astype\(int\)"):
        metric(logits, jnp.zeros(3))
    with pytest.raises(ValueError, match=r"weights should have shape \(3,\)"):
        metric(logits, jnp.zeros(3, int), jnp.ones((3, 1)))
    with pytest.raises(ValueError, match="at least 2 classes"):
        metric(jnp.zeros((3, 1)), jnp.zeros(3, int))


def test_binary_accuracy_refuses_to_broadcast(as_users_have_it):
    with pytest.raises(ValueError, match=r"targets\[\.\.\., 0\]"):
        binary_accuracy(jnp.zeros(3), jnp.zeros((3, 1)))


def test_top_k_accuracy_says_what_is_wrong_with_k_and_labels(as_users_have_it):
    with pytest.raises(ValueError, match="k should be an int of at least 1, got 0"):
        top_k_accuracy(0)
    with pytest.raises(ValueError, match="k=5 is larger than the 4 classes"):
        top_k_accuracy(5)(jnp.zeros((3, 4)), jnp.zeros(3, int))
    with pytest.raises(ValueError, match=r"class numbers.* labels\.argmax\(-1\)"):
        top_k_accuracy(2)(jnp.zeros((3, 4)), jnp.zeros((3, 4)))


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    values=st.lists(st.floats(-10, 10, width=32), min_size=2, max_size=12),
    data=st.data(),
)
def test_batches_of_any_size_add_up_to_the_mean_of_all(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    weights = data.draw(
        st.lists(
            st.floats(0.125, 4, width=32), min_size=len(values), max_size=len(values)
        )
    )
    values, weights = np.array(values, np.float32), np.array(weights, np.float32)
    means = [
        {"loss": mean_of(np.average(v, weights=w), w.sum())}
        for v, w in [(values[:cut], weights[:cut]), (values[cut:], weights[cut:])]
    ]

    whole = compute(merge(*means))["loss"]

    # Values up to 10 in size that may cancel: float32 rounding of the sums.
    np.testing.assert_allclose(whole, np.average(values, weights=weights), atol=1e-5)


def test_a_batch_without_weight_adds_nothing_even_if_its_mean_is_nan():
    nothing = {"loss": mean_of(jnp.nan, 0)}
    assert jnp.isnan(compute(nothing)["loss"])
    close(compute(merge(nothing, {"loss": mean_of(2.5, 4)}))["loss"], 2.5)


def test_merge_takes_any_pytree_and_keeps_counts_apart():
    a = {"loss": mean_of(1.0, 3), "more": [mean_of(4.0, 1)]}
    b = {"loss": mean_of(5.0, 1), "more": [mean_of(1.0, 2)]}
    merged = merge(a, b)
    assert merged == {"loss": Mean(8.0, 4.0), "more": [Mean(6.0, 3.0)]}


def test_sums_are_kept_in_float32():
    # In float16 the sum of a thousand means of 64.1 over 64 would be infinite.
    mean = mean_of(jnp.asarray(64.1, jnp.float16), jnp.asarray(64))
    assert mean.total.dtype == mean.count.dtype == jnp.float32
    total = functools.reduce(merge, [mean] * 1000)
    np.testing.assert_allclose(compute({"m": total})["m"], 64.1, rtol=1e-3)


def test_means_of_many_members_are_computed_at_once():
    totals = jax.vmap(mean_of)(jnp.array([1.0, 2.0]), jnp.array([2.0, 0.0]))
    values = jax.jit(compute)({"loss": merge(totals, totals)})["loss"]
    np.testing.assert_array_equal(values, [1.0, np.nan])
