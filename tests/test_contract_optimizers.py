"""What holds for every optimizer; see ``tests/cases/optimizers.py``."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest
from cases.optimizers import OPTIMIZERS, OptimizerCase
from helpers import counting_traces

every_optimizer = pytest.mark.parametrize(
    "case", OPTIMIZERS, ids=lambda case: case.name
)

PARAMS = {
    "dense_1": {"kernel": jnp.array([[0.5, -1.0], [2.0, 0.1]]), "bias": jnp.ones(2)},
    "dense_2": {"kernel": jnp.array([[1.0], [-0.3]]), "bias": jnp.zeros(1)},
}


def loss(params):
    x = jnp.array([[1.0, 2.0], [-0.5, 0.7], [0.1, -1.1]])
    hidden = x @ params["dense_1"]["kernel"] + params["dense_1"]["bias"][None]
    y = jnp.tanh(hidden) @ params["dense_2"]["kernel"] + params["dense_2"]["bias"][None]
    return jnp.mean((y - 1.0) ** 2)


def descend(case: OptimizerCase, hypers, params, steps=10):
    """Parameters after some steps."""
    tx = optax.with_extra_args_support(case.make(hypers))

    def body(carry, _):
        params, opt_state = carry
        value, grads = jax.value_and_grad(loss)(params)
        updates, opt_state = tx.update(grads, opt_state, params, value=value)
        return (optax.apply_updates(params, updates), opt_state), value

    (params, _), _ = jax.lax.scan(body, (params, tx.init(params)), None, steps)
    return params


@every_optimizer
def test_it_descends(case):
    after = descend(case, case.hypers, PARAMS, steps=30)
    assert loss(after) < loss(PARAMS)


@every_optimizer
def test_traced_hyperparameters_give_what_plain_ones_give(case):
    traced = {name: jnp.float32(value) for name, value in case.hypers.items()}
    # Python computes 1 - b1 in float64, JAX in float32.
    chex.assert_trees_all_close(
        jax.jit(lambda h: descend(case, h, PARAMS))(traced),
        descend(case, case.hypers, PARAMS),
        rtol=1e-4,
        atol=1e-6,
    )


@every_optimizer
def test_vmapped_equals_looped(case):
    shares = jnp.array([1.0, 0.9, 0.5])
    hypers = {name: value * shares for name, value in case.hypers.items()}
    scales = jnp.array([1.0, -0.5, 2.0])

    def one(hypers, scale):
        return descend(case, hypers, jax.tree.map(lambda p: p * scale, PARAMS))

    together = jax.jit(jax.vmap(one))(hypers, scales)
    for i in range(3):
        alone = jax.jit(one)({k: v[i] for k, v in hypers.items()}, scales[i])
        member = jax.tree.map(lambda a, i=i: a[i], together)
        # Batched products add up in another order; ten steps carry that on.
        chex.assert_trees_all_close(member, alone, rtol=1e-4, atol=1e-6)


@every_optimizer
def test_a_new_value_of_a_hyperparameter_compiles_nothing(case):
    counted, traces = counting_traces(lambda h: descend(case, h, PARAMS))
    compiled = jax.jit(counted)
    for share in (1.0, 0.9, 0.5):
        hypers = {name: jnp.float32(v * share) for name, v in case.hypers.items()}
        compiled(hypers)
    assert len(traces) == 1


@every_optimizer
def test_no_gradient_leaves_finite_parameters(case):
    tx = optax.with_extra_args_support(case.make(case.hypers))
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    updates, _ = tx.update(zeros, tx.init(PARAMS), PARAMS, value=jnp.float32(1.0))
    chex.assert_tree_all_finite(updates)
    # Without a gradient only decay can move a weight, and that towards zero.
    after = optax.apply_updates(PARAMS, updates)
    for new, old in zip(jax.tree.leaves(after), jax.tree.leaves(PARAMS), strict=True):
        assert jnp.all(jnp.abs(new) <= jnp.abs(old))
