"""What holds for every layer; see ``tests/cases/every_layer.py``."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases.every_layer import LAYERS
from cases.layers import LayerCase
from helpers import counting_traces

every_layer = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)


def is_floating(leaf):
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def run(case: LayerCase, hypers, params, state, x, key):
    """A training-mode call: outputs and new state."""
    return case.make(hypers).apply(params, state, x, train=True, key=key)


def start(case: LayerCase, key):
    """Initial params, none of which is left at zero, and state."""
    params, state = case.make(case.hypers).init(key, case.x)
    return jax.tree.map(lambda p: p + 0.1 * jnp.ones_like(p), params), state


def gradients(case: LayerCase, hypers, params, state, x, key):
    """Gradients of a scalar that every output has a part in, by every float."""
    x_leaves, structure = jax.tree.flatten(x)
    floats = [leaf for leaf in x_leaves if is_floating(leaf)]

    def objective(params, floats):
        left = iter(floats)
        leaves = [next(left) if is_floating(leaf) else leaf for leaf in x_leaves]
        y, _ = run(case, hypers, params, state, structure.unflatten(leaves), key)
        return sum(
            jnp.mean(jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape) * leaf)
            for leaf in jax.tree.leaves(y)
        )

    return jax.grad(objective, argnums=(0, 1))(params, floats)


@every_layer
def test_compiled_equals_uncompiled(case, key):
    init_key, run_key = jax.random.split(key)
    params, state = start(case, init_key)

    def both(params, state, x, key):
        forward_key = jax.random.clone(key)
        y = run(case, case.hypers, params, state, x, forward_key)
        return y, gradients(case, case.hypers, params, state, x, key)

    eager = both(params, state, case.x, jax.random.clone(run_key))
    compiled = jax.jit(both)(params, state, case.x, run_key)
    # Fused operations round differently; values here are of order 1.
    chex.assert_trees_all_close(compiled, eager, rtol=1e-5, atol=1e-6)


@every_layer
def test_vmapped_equals_looped(case, key):
    init_keys, run_keys = jax.random.split(key, (2, 3))
    members = [start(case, init_key) for init_key in init_keys]
    params, state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    hypers = {name: value * jnp.arange(1, 4) / 3 for name, value in case.hypers.items()}

    def one(hypers, params, state, key):
        return run(case, hypers, params, state, case.x, key)

    together = jax.vmap(one)(hypers, params, state, jax.random.clone(run_keys))
    for i in range(3):
        member = jax.tree.map(lambda a, i=i: a[i], (hypers, params, state))
        alone = one(*member, run_keys[i])
        # Batched matrix products add up in another order.
        chex.assert_trees_all_close(
            jax.tree.map(lambda a, i=i: a[i], together), alone, rtol=1e-5, atol=1e-6
        )


@every_layer
def test_a_new_value_of_a_hyperparameter_compiles_nothing(case, key):
    init_key, run_key = jax.random.split(key)
    params, state = start(case, init_key)
    counted, traces = counting_traces(functools.partial(run, case))
    compiled = jax.jit(counted)
    for share in (1.0, 0.5, 0.0):
        hypers = {
            name: jnp.float32(value * share) for name, value in case.hypers.items()
        }
        compiled(hypers, params, state, case.x, jax.random.clone(run_key))
    assert len(traces) == 1


@every_layer
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_gradients_are_finite_at_zero_and_at_large_inputs(case, key, scale):
    init_key, run_key = jax.random.split(key)
    params, state = start(case, init_key)
    x = jax.tree.map(lambda a: scale * a if is_floating(a) else a, case.x)
    grads = gradients(case, case.hypers, params, state, x, run_key)
    chex.assert_tree_all_finite(grads)


@every_layer
def test_the_state_that_comes_out_can_go_in_again(case, key):
    init_key, run_key = jax.random.split(key)
    params, state = start(case, init_key)

    def body(state, i):
        step_key = jax.random.fold_in(run_key, i)
        _, state = run(case, case.hypers, params, state, case.x, step_key)
        return state, None

    scanned, _ = jax.lax.scan(body, state, jnp.arange(3))
    chex.assert_trees_all_equal_shapes_and_dtypes(scanned, state)


@every_layer
def test_evaluation_needs_no_key_and_changes_no_state(case, key):
    params, state = start(case, key)
    layer = case.make(case.hypers)
    y, after = layer.apply(params, state, case.x)
    again, _ = layer.apply(params, state, case.x)
    chex.assert_trees_all_equal(y, again)
    chex.assert_trees_all_equal(after, state)


@every_layer
def test_init_reads_shapes_alone_and_depends_on_the_key(case, key):
    layer = case.make(case.hypers)
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), case.x)
    from_array = layer.init(key, case.x)
    from_shapes = layer.init(jax.random.clone(key), shapes)
    chex.assert_trees_all_equal(from_array, from_shapes)
    other, _ = layer.init(jax.random.fold_in(jax.random.clone(key), 1), case.x)
    matrices = [np.asarray(p) for p in jax.tree.leaves(from_array[0]) if p.ndim > 1]
    others = [np.asarray(p) for p in jax.tree.leaves(other) if p.ndim > 1]
    for one, another in zip(matrices, others, strict=True):
        assert not np.allclose(one, another)
