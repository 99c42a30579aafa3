"""jaxnet.losses: closed forms and scikit-learn, weights, invariances, refusals.

PyTorch is asked in ``parity/test_losses.py``; what holds for all of them is in
``test_contract_losses.py``.
"""

import functools

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import sklearn.metrics
from cases.losses import LOSSES, REGRESSION

from jaxnet.losses import (
    binary_cross_entropy,
    half_mean_squared_error,
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    multiclass_margin,
    multilabel_margin,
    soft_margin,
    softmax_cross_entropy,
    weighted_mean,
)

# Sums of a few float32 terms of the same size on both sides; the absolute part is
# for gradients, and losses of a confident net, that cancel to near zero.
close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)

every_loss = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)


def loss_of(case):
    return functools.partial(case.loss, **case.hypers)


# ``(outputs, targets, weights=None) -> (value, gradient)``, compiled once a shape.
COMPILED = {case.name: jax.jit(jax.value_and_grad(loss_of(case))) for case in LOSSES}


def case_of(name):
    """Outputs and targets of a case, as NumPy arrays."""
    (case,) = (case for case in LOSSES if case.name == name)
    return np.asarray(case.outputs), np.asarray(case.targets)


# Values and gradients


@pytest.mark.parametrize("weighted", [False, True])
def test_softmax_cross_entropy_is_the_log_loss_of_sklearn(weighted):
    logits, labels = case_of("softmax_cross_entropy")
    weights = np.array([1.0, 2.0, 0.5, 0.0, 3.0], np.float32)
    weights = weights if weighted else None

    due = sklearn.metrics.log_loss(
        labels,
        scipy.special.softmax(logits, -1),
        labels=range(4),
        sample_weight=weights,
    )

    close(COMPILED["softmax_cross_entropy"](logits, labels, weights)[0], due)


def test_the_gradients_of_cross_entropies_are_probability_minus_target():
    logits, labels = case_of("softmax_cross_entropy")
    _, gradient = COMPILED["softmax_cross_entropy"](logits, labels)
    close(gradient, (scipy.special.softmax(logits, -1) - np.eye(4)[labels]) / 5)

    logits, targets = case_of("binary_cross_entropy")
    _, gradient = COMPILED["binary_cross_entropy"](logits, targets)
    close(gradient, (scipy.special.expit(logits) - targets) / 20)


def test_smoothing_is_that_of_optax():
    logits, labels = case_of("softmax_cross_entropy smoothed")
    smooth = optax.losses.smooth_labels(jnp.eye(4)[labels], 0.2)

    loss, gradient = COMPILED["softmax_cross_entropy smoothed"](logits, labels)
    due, its_gradient = COMPILED["softmax_cross_entropy soft"](logits, smooth)

    close(loss, due)
    close(gradient, its_gradient)


def test_a_class_ruled_out_by_an_infinite_logit_does_no_harm():
    logits = jnp.array([[0.0, -jnp.inf, 0.0]])
    loss, gradient = jax.value_and_grad(softmax_cross_entropy)(logits, jnp.array([0]))
    close(loss, np.log(2))
    close(gradient, [[-0.5, 0.0, 0.5]])


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_numbers_are_those_of_sklearn(weighted):
    (case, *_) = REGRESSION
    weights = jnp.array([1.0, 2.0, 0.5, 0.0, 3.0]) if weighted else None
    squared = sklearn.metrics.mean_squared_error(
        case.targets, case.outputs, sample_weight=weights
    )
    absolute = sklearn.metrics.mean_absolute_error(
        case.targets, case.outputs, sample_weight=weights
    )

    close(mean_squared_error(case.outputs, case.targets, weights), squared)
    close(half_mean_squared_error(case.outputs, case.targets, weights), squared / 2)
    close(mean_absolute_error(case.outputs, case.targets, weights), absolute)


def test_hinge_is_that_of_sklearn_and_has_half_a_slope_at_the_kink():
    outputs, targets = jnp.array([0.3, -2.0, 1.0, 4.0]), jnp.array([1, 1, 1, -1])
    loss, gradient = jax.value_and_grad(hinge)(outputs, targets)
    close(loss, sklearn.metrics.hinge_loss(targets, outputs))
    close(gradient, jnp.array([-1.0, -1.0, -0.5, 1.0]) / 4)


def test_the_gradient_of_huber_is_the_clipped_error():
    errors = jnp.array([-5.0, -0.7, -0.2, 0.0, 0.2, 0.7, 5.0])
    gradient = jax.grad(huber)(errors, jnp.zeros(7), delta=0.7)
    close(gradient, jnp.clip(errors, -0.7, 0.7) / 7)


def test_a_traced_delta_has_its_own_gradient():
    errors = jnp.array([-5.0, -0.2, 3.0])
    slope = jax.grad(lambda d: huber(errors, jnp.zeros(3), delta=d))(0.7)
    # d/dd of d (|e| - d / 2) is |e| - d beyond d, and 0 within.
    close(slope, ((5.0 - 0.7) + (3.0 - 0.7)) / 3)


def test_the_absolute_error_has_no_gradient_at_zero():
    # That of jnp.abs would be 1.
    gradient = jax.grad(mean_absolute_error)(jnp.zeros(3), jnp.array([0.0, 1.0, -1.0]))
    close(gradient, jnp.array([0.0, -1.0, 1.0]) / 3)


def test_soft_margin_is_binary_cross_entropy_with_other_names_for_the_targets():
    outputs, targets = case_of("soft_margin")
    due, its_gradient = COMPILED["binary_cross_entropy"](outputs, (targets + 1) / 2)
    loss, gradient = COMPILED["soft_margin"](outputs, targets)
    close(loss, due)
    close(gradient, its_gradient)


def test_margin_losses_are_zero_once_the_margin_is_met():
    outputs = jnp.array([[3.0, 1.5, 1.9], [0.0, 1.2, -4.0]])
    close(multiclass_margin(outputs, jnp.array([0, 1])), 0.0)
    close(multiclass_margin(outputs, jnp.array([0, 1]), margin=1.3), (0.2 + 0.1) / 6)
    squared = multiclass_margin(outputs, jnp.array([0, 1]), margin=1.3, p=2)
    close(squared, (0.2**2 + 0.1**2) / 6)
    close(multilabel_margin(outputs, jnp.array([[1, 0, 0], [0, 1, 0]])), 0.0)
    # In the first row 1.5 is to beat 3.0 by 1; in the second 0.0 is to beat 1.2.
    both = multilabel_margin(outputs, jnp.array([[0, 1, 1], [1, 0, 1]]))
    close(both, ((2.5 + 2.1) + (2.2 + 6.2)) / 6)


def test_integer_targets_are_numbers():
    outputs = jnp.array([1.5, 2.0])
    close(mean_squared_error(outputs, jnp.array([1, 4])), (0.25 + 4.0) / 2)
    close(huber(outputs, jnp.array([1, 4])), (0.125 + 1.5) / 2)


@pytest.mark.parametrize("label", [4, -1, 255])
@pytest.mark.parametrize("loss", [softmax_cross_entropy, multiclass_margin])
def test_a_label_out_of_range_is_loud(loss, label):
    assert jnp.isnan(loss(jnp.ones((2, 4)), jnp.array([0, label])))


def test_labels_may_be_of_a_type_too_small_for_the_classes(key):
    logits = jax.random.normal(key, (2, 300))
    labels = jnp.array([255, 7])
    for loss in (softmax_cross_entropy, multiclass_margin):
        close(loss(logits, labels.astype(jnp.uint8)), loss(logits, labels))


def test_confident_and_wrong_costs_the_logit_itself():
    close(soft_margin(jnp.array([1e4]), jnp.array([-1])), 1e4)
    close(binary_cross_entropy(jnp.array([-1e4]), jnp.array([1])), 1e4)
    close(softmax_cross_entropy(jnp.array([[1e4, 0.0]]), jnp.array([1])), 1e4)


# Weights


@every_loss
def test_all_weights_zero_give_zero_and_no_gradient(case):
    zeros = np.zeros(len(case.outputs), np.float32)
    loss, gradient = COMPILED[case.name](*case[2:4], zeros)
    assert loss == 0
    assert (gradient == 0).all()


few_losses = pytest.mark.parametrize(
    "name",
    [
        *("mean_squared_error", "huber", "softmax_cross_entropy smoothed"),
        *("softmax_cross_entropy soft", "multiclass_margin", "multilabel_margin"),
    ],
)
some_outputs = hnp.arrays(np.float32, (5, 4), elements=st.floats(-50, 50, width=32))


def arguments(name, outputs):
    """The drawn outputs in the case's shape, and its targets."""
    theirs, targets = case_of(name)
    return outputs[:, : theirs.shape[1]], targets


@few_losses
@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(outputs=some_outputs, row=st.integers(0, 4))
def test_an_example_twice_is_an_example_of_weight_two(name, outputs, row):
    once = arguments(name, outputs)
    twice = [np.concatenate([a, a[row : row + 1]]) for a in once]
    weights = np.ones(5, np.float32)
    weights[row] = 2

    (value, gradient), (due, its_gradient) = (
        COMPILED[name](*once, weights),
        COMPILED[name](*twice),
    )

    close(value, due, atol=1e-6)
    close(gradient[row], 2 * its_gradient[row], atol=1e-6)


@few_losses
@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(outputs=some_outputs, row=st.integers(0, 4))
def test_an_example_of_weight_zero_is_no_example(name, outputs, row):
    all_of_them = arguments(name, outputs)
    without = [np.delete(a, row, axis=0) for a in all_of_them]
    weights = np.ones(5, np.float32)
    weights[row] = 0

    (value, gradient), (due, its_gradient) = (
        COMPILED[name](*all_of_them, weights),
        COMPILED[name](*without),
    )

    close(value, due, atol=1e-6)
    close(np.delete(gradient, row, axis=0), its_gradient, atol=1e-6)
    assert (gradient[row] == 0).all()


def test_a_padded_row_has_no_influence_whatever_its_label():
    logits, labels = case_of("softmax_cross_entropy")
    padded, weights = labels.copy(), np.ones(5, np.float32)
    padded[1], weights[1] = -1, 0
    run, kept = COMPILED["softmax_cross_entropy"], np.array([0, 2, 3, 4])

    value, gradient = run(logits, padded, weights)
    due, its_gradient = run(logits[kept], labels[kept])

    close(value, due)
    close(gradient[kept], its_gradient)
    close(gradient[1], np.zeros(4))


def test_bool_and_integer_weights_are_counts():
    values = jnp.array([1.0, 2.0, 6.0])
    close(weighted_mean(values, jnp.array([True, False, True])), 3.5)
    close(weighted_mean(values, jnp.array([1, 3, 0])), 7 / 4)


def test_the_elements_of_one_example_are_averaged_first():
    values = jnp.array([[1.0, 3.0], [10.0, 20.0]])
    close(weighted_mean(values, jnp.array([3.0, 1.0])), (3 * 2.0 + 15.0) / 4)
    close(weighted_mean(values), 8.5)


def test_the_gradient_in_the_weights_counts_those_of_zero_too():
    values, weights = jnp.array([1.0, 2.0, 6.0]), jnp.array([1.0, 3.0, 0.0])
    gradient = jax.grad(weighted_mean, argnums=1)(values, weights)
    # d/dw_i of sum w v / sum w is (v_i - mean) / sum w.
    close(gradient, (values - 7 / 4) / 4)


def test_a_large_batch_in_float16_does_not_overflow():
    # The sums are 70,000 and 140,000; the largest float16 is 65,504.
    weights = jnp.ones(70_000, jnp.float16)
    mean = weighted_mean(2 * weights, weights)
    assert mean == 2
    assert mean.dtype == jnp.float16


# Invariances


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    shift=st.floats(-50, 50, width=32), smoothing=st.floats(0, 0.875, width=32)
)
def test_adding_a_constant_to_the_logits_changes_nothing(shift, smoothing):
    logits = jnp.array([[1.0, -2.0, 0.5], [30.0, -50.0, 2.0]])
    labels = jnp.array([2, 0])
    loss = functools.partial(softmax_cross_entropy, label_smoothing=smoothing)
    # Rounding logits + shift, at most 100 in size, moves each by up to 4e-6.
    np.testing.assert_allclose(
        loss(logits + shift, labels), loss(logits, labels), rtol=1e-5, atol=1e-5
    )


def test_a_batch_of_sequences_is_a_batch_of_their_steps():
    logits, labels = case_of("softmax_cross_entropy of sequences")
    weights = np.array([1.0, 3.0, 0.5, 2.0], np.float32)
    run = COMPILED["softmax_cross_entropy of sequences"]

    loss, gradient = run(logits, labels, weights)
    flat, its_gradient = run(
        logits.reshape(12, 3), labels.reshape(12), np.repeat(weights, 3)
    )

    close(loss, flat)
    close(gradient, its_gradient.reshape(4, 3, 3))


# What is refused


@every_loss
def test_shapes_that_would_broadcast_are_refused(case, as_users_have_it):
    loss = loss_of(case)
    for targets in (case.targets[..., None], case.targets[:1], case.targets[:-1]):
        with pytest.raises(ValueError, match=r"should have shape \(.*, got \("):
            loss(case.outputs, targets)
    for weights in (jnp.ones((len(case.outputs), 1)), jnp.ones(1), jnp.ones(())):
        with pytest.raises(ValueError, match=r"weights should have shape \(\d,\), got"):
            loss(case.outputs, case.targets, weights)


@every_loss
def test_outputs_that_are_no_floating_array_are_refused(case, as_users_have_it):
    with pytest.raises(ValueError, match="should be floating-point numbers, got int32"):
        loss_of(case)(case.outputs.astype(int), case.targets)
    with pytest.raises(TypeError, match="should be an array, got list"):
        loss_of(case)(case.outputs.tolist(), case.targets)
    with pytest.raises(TypeError, match="should be an array, got dict"):
        loss_of(case)(case.outputs, {"y": case.targets})


@pytest.mark.parametrize(
    ("outputs", "targets", "cure"),
    [
        ((4,), (4, 1), r"shape \(4,\), got \(4, 1\)\. .* targets\[\.\.\., 0\]"),
        ((4, 1), (4,), r"shape \(4, 1\), got \(4,\)\. .* targets\[\.\.\., None\]"),
    ],
)
def test_the_cure_for_a_column_is_named(outputs, targets, cure, as_users_have_it):
    with pytest.raises(ValueError, match=cure):
        mean_squared_error(jnp.zeros(outputs), jnp.zeros(targets))


def test_a_column_of_labels_is_refused(as_users_have_it):
    for loss in (softmax_cross_entropy, multiclass_margin):
        with pytest.raises(ValueError, match=r"got \(3, 1\).* labels\[\.\.\., 0\]"):
            loss(jnp.zeros((3, 2)), jnp.zeros((3, 1), int))


def test_floating_class_numbers_are_refused(as_users_have_it):
    for loss in (softmax_cross_entropy, multiclass_margin):
        with pytest.raises(ValueError, match=r"integers.* got float32.*astype\(int\)"):
            loss(jnp.zeros((3, 2)), jnp.zeros(3))


def test_distributions_over_another_number_of_classes_are_refused(as_users_have_it):
    with pytest.raises(ValueError, match=r"shape \(3, 4\), got \(3, 5\)"):
        softmax_cross_entropy(jnp.zeros((3, 4)), jnp.full((3, 5), 0.2))


def test_multiclass_margin_takes_no_distributions(as_users_have_it):
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(3, 4\)"):
        multiclass_margin(jnp.zeros((3, 4)), jnp.full((3, 4), 0.25))


@pytest.mark.parametrize("loss", [multiclass_margin, multilabel_margin])
def test_margins_over_classes_take_no_sequences(loss, as_users_have_it):
    targets = jnp.zeros((2, 3, 4) if loss is multilabel_margin else (2, 3), int)
    with pytest.raises(ValueError, match=r"outputs should have shape \(any, any\)"):
        loss(jnp.zeros((2, 3, 4)), targets)


@pytest.mark.parametrize("shape", [(3, 1), (3,), ()])
def test_a_softmax_over_one_output_is_refused(shape, as_users_have_it):
    # It would be 1 whatever the output, and the loss 0.
    with pytest.raises(ValueError, match=r"at least 2 classes.*binary_cross_entropy"):
        softmax_cross_entropy(jnp.zeros(shape), jnp.zeros(3, int))


def test_an_example_without_its_axis_is_refused(as_users_have_it):
    with pytest.raises(ValueError, match=r"outputs\[None\]"):
        mean_squared_error(jnp.array(1.0), jnp.array(2.0))


@pytest.mark.parametrize("dtype", [bool, jnp.uint8])
@pytest.mark.parametrize("loss", [hinge, soft_margin])
def test_targets_that_cannot_be_minus_one_are_refused(loss, dtype, as_users_have_it):
    targets = jnp.array([0, 1, 1], dtype)
    with pytest.raises(ValueError, match=r"jnp\.where\(targets, 1, -1\)"):
        loss(jnp.zeros(3), targets)
    assert loss(jnp.zeros(3), jnp.where(targets, 1, -1)) > 0


@pytest.mark.parametrize(
    ("loss", "targets", "options", "message"),
    [
        (huber, jnp.zeros((2, 3)), {"delta": 0.0}, "delta should be above 0, got 0.0"),
        (huber, jnp.zeros((2, 3)), {"delta": jnp.array(-1.0)}, "should be above 0"),
        (
            softmax_cross_entropy,
            jnp.zeros(2, int),
            {"label_smoothing": 1.0},
            "label_smoothing should be at least 0 and below 1, got 1.0",
        ),
        (
            multiclass_margin,
            jnp.zeros(2, int),
            {"margin": -1.0},
            "margin should be at least 0, got -1.0",
        ),
        (multiclass_margin, jnp.zeros(2, int), {"p": 3}, "p should be 1 or 2, got 3"),
    ],
    ids=["delta", "delta of an array", "label_smoothing", "margin", "p"],
)
def test_options_out_of_range_are_refused(loss, targets, options, message):
    with pytest.raises(ValueError, match=message):
        loss(jnp.zeros((2, 3)), targets, **options)
