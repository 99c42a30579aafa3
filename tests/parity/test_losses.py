"""Losses and penalties against PyTorch: values and gradients, with weights."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from cases.losses import LOSSES, LossCase

import jaxnet.losses
from jaxnet.losses import multiclass_margin, soft_margin, softmax_cross_entropy
from jaxnet.regularization import l1, l2

# Both sides add up at most some tens of float32 terms of the same size; the
# absolute part is for gradients that cancel to near zero.
close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)

WEIGHTS = jnp.array([1.0, 0.0, 2.5, 0.5, 3.0])


def indices_padded(many_hot):
    """Rows of class numbers padded with -1, as MultiLabelMarginLoss takes them."""
    rows = torch.full(many_hot.shape, -1)
    for row, holds in zip(rows, many_hot, strict=True):
        numbers = torch.nonzero(holds)[:, 0]
        row[: len(numbers)] = numbers
    return rows


def torch_losses(case: LossCase, outputs, targets, **reduction):
    """The loss of PyTorch for a case, which reduces it as ``reduction`` says."""
    hypers = case.hypers
    match case.name.split()[0]:
        case "mean_squared_error":
            return F.mse_loss(outputs, targets, **reduction)
        case "half_mean_squared_error":
            return 0.5 * F.mse_loss(outputs, targets, **reduction)
        case "mean_absolute_error":
            return F.l1_loss(outputs, targets, **reduction)
        case "huber":
            return F.huber_loss(outputs, targets, delta=hypers["delta"], **reduction)
        case "softmax_cross_entropy":
            # PyTorch has the classes on the second axis.
            if outputs.ndim == 3:
                outputs = outputs.movedim(-1, 1)
            return F.cross_entropy(outputs, targets, **hypers, **reduction)
        case "binary_cross_entropy":
            return F.binary_cross_entropy_with_logits(
                outputs, targets.to(outputs.dtype), **reduction
            )
        case "soft_margin":
            return F.soft_margin_loss(outputs, targets, **reduction)
        case "hinge":  # PyTorch has none: its tensors and the formula.
            losses = (1 - targets * outputs).clamp(min=0)
            return losses if reduction["reduction"] == "none" else losses.mean()
        case "multiclass_margin":
            p = 2 if "squared" in case.name else 1
            return F.multi_margin_loss(
                outputs, targets, p=p, margin=hypers["margin"], **reduction
            )
        case "multilabel_margin":
            return F.multilabel_margin_loss(
                outputs, indices_padded(targets), **reduction
            )
        case name:
            raise AssertionError(f"{name} has no counterpart here.")


def to_torch(x, requires_grad=False):
    tensor = torch.tensor(np.asarray(x))
    if tensor.dtype == torch.int32:
        tensor = tensor.long()
    return tensor.requires_grad_(requires_grad)


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_the_plain_mean_is_that_of_torch(case):
    theirs_at = to_torch(case.outputs, requires_grad=True)
    theirs = torch_losses(case, theirs_at, to_torch(case.targets), reduction="mean")
    theirs.backward()

    loss = functools.partial(case.loss, **case.hypers)
    value, gradient = jax.jit(jax.value_and_grad(loss))(case.outputs, case.targets)

    close(value, theirs.item())
    close(gradient, theirs_at.grad)


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_the_weighted_mean_is_that_of_torch_weighted_by_hand(case):
    weights = WEIGHTS[: len(case.outputs)]
    theirs_at, by_hand = to_torch(case.outputs, requires_grad=True), to_torch(weights)
    each = torch_losses(case, theirs_at, to_torch(case.targets), reduction="none")
    each = each.reshape(len(each), -1).mean(dim=1)
    theirs = (by_hand * each).sum() / by_hand.sum()
    theirs.backward()

    loss = functools.partial(case.loss, **case.hypers)
    value, gradient = jax.jit(jax.value_and_grad(loss))(
        case.outputs, case.targets, weights
    )

    close(value, theirs.item())
    close(gradient, theirs_at.grad)


@pytest.mark.parametrize(
    "case",
    # PyTorch has no gradient in the targets of its margin losses.
    [case for case in LOSSES if jnp.issubdtype(case.targets.dtype, jnp.floating)],
    ids=lambda case: case.name,
)
def test_the_gradient_in_floating_targets_is_that_of_torch(case):
    theirs_at = to_torch(case.targets, requires_grad=True)
    torch_losses(case, to_torch(case.outputs), theirs_at, reduction="mean").backward()

    loss = functools.partial(case.loss, **case.hypers)
    gradient = jax.jit(jax.grad(loss, argnums=1))(case.outputs, case.targets)

    close(gradient, theirs_at.grad)


def test_every_loss_is_compared():
    compared = {case.name.split()[0] for case in LOSSES}
    assert compared == set(jaxnet.losses.__all__) - {"weighted_mean"}


@pytest.mark.parametrize(
    "name",
    [case.name for case in LOSSES if not case.name.startswith("hinge")],
)
def test_the_gradient_at_a_kink_is_that_of_torch(name):
    # Errors of 0 and delta, and scores a margin apart, which the other tests miss.
    (case,) = (case for case in LOSSES if case.name == name)
    if jnp.issubdtype(case.targets.dtype, jnp.floating):
        steps = jnp.tile(jnp.array([0.0, 0.7, -0.7]), case.outputs.size)
        steps = steps[: case.outputs.size].reshape(case.outputs.shape)
        outputs = case.targets + steps
    else:
        outputs = (jnp.arange(case.outputs.size) % 3.0).reshape(case.outputs.shape)
    hypers = {"margin": 1.0} if "margin" in case.hypers else case.hypers
    case = case._replace(hypers=hypers)

    theirs_at = to_torch(outputs, requires_grad=True)
    torch_losses(case, theirs_at, to_torch(case.targets), reduction="mean").backward()
    loss = functools.partial(case.loss, **hypers)
    gradient = jax.jit(jax.grad(loss))(outputs, case.targets)

    close(gradient, theirs_at.grad)


def test_class_weights_of_torch_are_weights_of_the_examples(key):
    logits = 3.0 * jax.random.normal(key, (6, 4))
    labels = jnp.array([0, 3, 1, 1, 2, 0])
    class_weights = jnp.array([0.2, 1.0, 3.0, 0.5])

    theirs = F.cross_entropy(
        to_torch(logits), to_torch(labels), weight=to_torch(class_weights)
    )

    close(softmax_cross_entropy(logits, labels, class_weights[labels]), theirs.item())


def test_one_hot_rows_of_bools_or_ints_are_class_numbers(key):
    logits = 3.0 * jax.random.normal(key, (5, 4))
    labels = jnp.array([0, 3, 1, 1, 2])
    theirs = F.cross_entropy(to_torch(logits), to_torch(labels)).item()

    one_hot = jax.nn.one_hot(labels, 4, dtype=jnp.int32)
    close(softmax_cross_entropy(logits, one_hot), theirs)
    close(softmax_cross_entropy(logits, labels.astype(jnp.uint8)), theirs)


def test_soft_margin_is_exact_where_that_of_torch_overflows():
    outputs, targets = jnp.array([-1e4, -100.0, 50.0]), jnp.ones(3)
    theirs = F.soft_margin_loss(to_torch(outputs), to_torch(targets), reduction="none")
    assert theirs.isinf().tolist() == [True, True, False]

    # In float64 PyTorch overflows later: -100 is exact there, and -1e4 by hand.
    exact = F.soft_margin_loss(
        to_torch(outputs[1:]).double(), to_torch(targets[1:]).double(), reduction="none"
    )
    close(soft_margin(outputs, targets), (1e4 + exact.sum().item()) / 3)


def test_multiclass_margin_adds_up_what_optax_takes_the_largest_of():
    # One class too high by 0.5, one by 2.0, of four.
    outputs, labels = jnp.array([[1.0, 0.5, 2.0, -3.0]]), jnp.array([0])
    close(multiclass_margin(outputs, labels), (0.5 + 2.0) / 4)
    close(optax.losses.multiclass_hinge_loss(outputs, labels), [2.0])


PARAMS = {
    "dense_1": {
        "kernel": jnp.array([[1.0, -2.0, 0.0], [0.5, 0.25, -0.0]]),
        "bias": jnp.array([3.0, 0.0, -1.0]),
    },
    "dense_2": {"kernel": jnp.array([[-4.0], [0.125], [1e4]]), "bias": jnp.ones(1)},
}


def penalty_in_torch(name, strength, tensors):
    if name == "l1":
        return strength * sum(tensor.abs().sum() for tensor in tensors)
    return 0.5 * strength * sum((tensor**2).sum() for tensor in tensors)


@pytest.mark.parametrize("pattern", ["*kernel", "*"])
@pytest.mark.parametrize("penalty", [l1, l2])
def test_penalties_are_those_of_torch_at_zero_too(penalty, pattern):
    theirs_at = jax.tree.map(lambda w: to_torch(w, requires_grad=True), PARAMS)
    kernels = [layer["kernel"] for layer in theirs_at.values()]
    biases = [layer["bias"] for layer in theirs_at.values()]
    chosen = kernels + biases if pattern == "*" else kernels
    theirs = penalty_in_torch(penalty.__name__, 0.3, chosen)
    theirs.backward()

    value, gradients = jax.value_and_grad(penalty(0.3, pattern))(PARAMS)

    close(value, theirs.item())
    for layer, tensors in theirs_at.items():
        close(gradients[layer]["kernel"], tensors["kernel"].grad)
        due = tensors["bias"].grad if pattern == "*" else torch.zeros(1)
        close(gradients[layer]["bias"], due.expand_as(tensors["bias"]))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_l2_of_everything_is_the_weight_decay_of_torch(optimizer):
    params = {"w": jnp.array([1.0, -2.0, 0.5])}
    theirs_at = to_torch(params["w"], requires_grad=True)
    if optimizer == "sgd":
        ours = optax.sgd(0.1)
        theirs = torch.optim.SGD([theirs_at], lr=0.1, weight_decay=0.4)
    else:
        ours = optax.adam(0.1)
        theirs = torch.optim.Adam([theirs_at], lr=0.1, weight_decay=0.4)
    slope = jnp.array([0.3, 0.1, -2.0])
    penalty = l2(0.4, "*")

    state = ours.init(params)
    for _ in range(3):
        theirs.zero_grad()
        (to_torch(slope) * theirs_at).sum().backward()
        theirs.step()
        gradients = jax.grad(lambda p: jnp.sum(slope * p["w"]) + penalty(p))(params)
        updates, state = ours.update(gradients, state, params)
        params = optax.apply_updates(params, updates)

    close(params["w"], theirs_at.detach())
