"""jaxnet.regularization: which leaves count, and what a penalty does to a step.

PyTorch is asked in ``parity/test_losses.py``.
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

from jaxnet.layers.activations import relu
from jaxnet.layers.combining import sequential
from jaxnet.layers.dense import dense
from jaxnet.regularization import l1, l2

# Sums of at most some tens of float32 terms of one sign.
close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)

both = pytest.mark.parametrize("penalty", [l1, l2])


@pytest.fixture
def params(key):
    model = sequential(dense(4), relu, head=dense(2))
    params, _ = model.init(key, jnp.zeros((1, 3)))
    return jax.tree.map(lambda leaf: leaf + 0.25, params)  # No bias is zero.


def flat(*leaves):
    return np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float64)


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("*kernel", ["dense_1/kernel", "head/kernel"]),
        ("head/*", ["head/kernel", "head/bias"]),
        (("head/kernel", "*bias"), ["head/kernel", "head/bias", "dense_1/bias"]),
        ("*", ["dense_1/kernel", "head/kernel", "head/bias", "dense_1/bias"]),
    ],
)
def test_penalties_are_norms_of_the_leaves_that_fit(params, pattern, chosen):
    paths = [path.split("/") for path in chosen]
    vector = flat(*(params[layer][leaf] for layer, leaf in paths))

    close(l1(0.3, pattern)(params), 0.3 * np.linalg.norm(vector, 1))
    close(l2(0.3, pattern)(params), 0.15 * np.linalg.norm(vector, 2) ** 2)


@both
def test_by_default_biases_are_left_alone(params, penalty):
    gradients = jax.grad(penalty(0.3))(params)
    for layer in gradients.values():
        assert (layer["bias"] == 0).all()
        assert (layer["kernel"] != 0).all()


def test_a_single_layer_has_a_kernel_too():
    params = {"kernel": jnp.array([[3.0, -4.0]]), "bias": jnp.ones(2)}
    close(l1(2.0)(params), 14.0)
    close(l2(2.0)(params), 25.0)


@both
def test_a_weight_of_zero_stays_where_it_is(penalty):
    # The gradient of jnp.abs there is 1.
    params = {"kernel": jnp.array([0.0, -0.0, 2.0, -2.0])}
    gradient = jax.grad(penalty(0.5))(params)["kernel"]
    close(jnp.abs(gradient[:2]), 0.0)
    assert gradient[2] == -gradient[3] > 0


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    kernel=hnp.arrays(np.float32, (2, 3), elements=st.floats(-100, 100, width=32)),
    strength=st.floats(0, 4, width=32),
    factor=st.floats(0.125, 8, width=32),
)
def test_penalties_scale_as_a_norm_and_as_a_square(kernel, strength, factor):
    params, scaled = {"kernel": jnp.array(kernel)}, {"kernel": factor * kernel}
    for penalty, power in ((l1, 1), (l2, 2)):
        once = penalty(strength)(params)
        # Products of subnormal numbers lose their last digits: hence the atol.
        np.testing.assert_allclose(
            penalty(strength)(scaled), factor**power * once, rtol=1e-5, atol=1e-30
        )


@both
def test_the_strength_may_be_traced_and_swept(params, penalty):
    strengths = jnp.array([0.0, 0.1, 2.0])
    swept = jax.vmap(lambda strength: penalty(strength)(params))(strengths)
    close(swept, strengths * penalty(1.0)(params))


def test_l2_is_weight_decay_for_gradient_descent_but_not_for_adam(params):
    def objective(p):  # Has a gradient of its own, and unequal ones.
        return sum(
            jnp.sum((leaf - 1.0) ** 2 * (i + 1))
            for i, leaf in enumerate(jax.tree.leaves(p))
        )

    def trained(optimizer, loss):
        p, state = params, optimizer.init(params)
        for _ in range(3):
            updates, state = optimizer.update(jax.grad(loss)(p), state, p)
            p = optax.apply_updates(p, updates)
        return flat(*jax.tree.leaves(p))

    def penalised(p):
        return objective(p) + l2(0.4, "*")(p)

    decay = optax.add_decayed_weights(0.4)
    close(
        trained(optax.sgd(0.05), penalised),
        trained(optax.chain(decay, optax.sgd(0.05)), objective),
    )
    coupled = trained(optax.adam(0.05), penalised)
    decoupled = trained(optax.adamw(0.05, weight_decay=0.4), objective)
    assert np.abs(coupled - decoupled).max() > 0.01


@both
def test_a_pattern_that_fits_nothing_is_refused(params, penalty):
    with pytest.raises(
        ValueError, match=r"pattern='\*/weight' fits no parameter.*bias"
    ):
        jax.jit(penalty(0.1, "*/weight"))(params)


@both
def test_a_negative_strength_is_refused(penalty):
    name = penalty.__name__
    with pytest.raises(ValueError, match=f"{name}: strength should be at least 0"):
        penalty(-0.1)
