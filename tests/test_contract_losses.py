"""What holds for every loss; see ``tests/cases/losses.py``."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases.losses import LOSSES, LossCase
from helpers import counting_traces

every_loss = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)


def value_and_grad(case: LossCase, outputs, targets, weights, hypers):
    return jax.value_and_grad(functools.partial(case.loss, **hypers))(
        outputs, targets, weights
    )


def weights_for(case: LossCase):
    return jnp.linspace(0.2, 1.7, case.outputs.shape[0])


@every_loss
def test_compiled_equals_uncompiled(case):
    args = (case.outputs, case.targets, weights_for(case), case.hypers)
    chex.assert_trees_all_close(
        jax.jit(functools.partial(value_and_grad, case))(*args),
        value_and_grad(case, *args),
        rtol=1e-5,
        atol=1e-7,
    )


@every_loss
def test_vmapped_equals_looped(case):
    shares = jnp.array([1.0, 0.5, 0.25])
    outputs = case.outputs[None] * shares.reshape(-1, *(1,) * case.outputs.ndim)
    hypers = {name: value * shares for name, value in case.hypers.items()}

    def one(outputs, hypers):
        return value_and_grad(case, outputs, case.targets, weights_for(case), hypers)

    together = jax.vmap(one)(outputs, hypers)
    for i in range(3):
        alone = one(outputs[i], {name: value[i] for name, value in hypers.items()})
        member = jax.tree.map(lambda a, i=i: a[i], together)
        chex.assert_trees_all_close(member, alone, rtol=1e-5, atol=1e-7)


@every_loss
def test_a_new_value_of_a_hyperparameter_compiles_nothing(case):
    counted, traces = counting_traces(functools.partial(value_and_grad, case))
    compiled = jax.jit(counted)
    for share in (1.0, 0.7, 0.1):
        hypers = {name: jnp.float32(v * share) for name, v in case.hypers.items()}
        compiled(case.outputs, case.targets, weights_for(case), hypers)
    assert len(traces) == 1


@every_loss
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_values_and_gradients_are_finite(case, scale):
    result = value_and_grad(case, scale * case.outputs, case.targets, None, case.hypers)
    chex.assert_tree_all_finite(result)


@every_loss
def test_examples_of_weight_zero_have_no_part(case):
    n = case.outputs.shape[0]
    weights = jnp.where(jnp.arange(n) < n - 1, 1.0, 0.0)
    wild = case.outputs.at[-1].set(1e3)
    value, grad = value_and_grad(case, wild, case.targets, weights, case.hypers)
    due = value_and_grad(case, case.outputs[:-1], case.targets[:-1], None, case.hypers)
    chex.assert_trees_all_close((value, grad[:-1]), due, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(grad[-1], 0.0)


@every_loss
def test_the_scale_of_the_weights_does_not_matter(case):
    one, ten = (
        value_and_grad(
            case, case.outputs, case.targets, scale * weights_for(case), case.hypers
        )
        for scale in (1.0, 10.0)
    )
    chex.assert_trees_all_close(one, ten, rtol=1e-5, atol=1e-7)


@every_loss
@pytest.mark.usefixtures("as_users_have_it")
def test_shapes_that_would_broadcast_are_refused(case):
    loss = functools.partial(case.loss, **case.hypers)
    with pytest.raises(ValueError, match="should have shape"):
        jax.eval_shape(loss, case.outputs[:1], case.targets)
    with pytest.raises(ValueError, match="should have shape"):
        jax.eval_shape(loss, case.outputs, case.targets[:1])
    with pytest.raises(ValueError, match="weights should have shape"):
        jax.eval_shape(loss, case.outputs, case.targets, jnp.ones(1))
