"""jaxnet.layers.normalization: flax, closed forms, invariants and errors."""

import functools

import chex
import flax.linen as nn
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.checks import LayerError
from jaxnet.layers.combining import sequential
from jaxnet.layers.convolution import conv
from jaxnet.layers.dense import dense
from jaxnet.layers.normalization import batch_norm, layer_norm

PARAMS = {"scale": jnp.asarray([0.5, -1.0, 2.0]), "bias": jnp.asarray([1.0, 0.0, -3.0])}
STATE = {"mean": jnp.asarray([0.3, -1.0, 2.0]), "var": jnp.asarray([0.5, 1.0, 4.0])}


def draw(*shape):
    """Standard normal values, without a compilation for every shape."""
    rng = np.random.default_rng(sum(shape))
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def train(layer, x, params=PARAMS, state=STATE):
    return jax.jit(layer.apply, static_argnames="train")(params, state, x, train=True)


@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 5, 3)], ids=str)
def test_batch_norm_is_that_of_flax_but_for_the_kept_variance(shape):
    x = draw(*shape) + 2.0
    count = x.size // 3
    flax_norm = nn.BatchNorm(
        use_running_average=False, momentum=0.8, epsilon=1e-3, use_fast_variance=False
    )
    apply = jax.jit(functools.partial(flax_norm.apply, mutable=["batch_stats"]))
    expected, updated = apply({"params": PARAMS, "batch_stats": STATE}, x)
    y, state = train(batch_norm(decay=0.8, epsilon=1e-3), x)

    # Means of up to 40 values around two; where x is near its mean, one digit cancels.
    chex.assert_trees_all_close(y, expected, rtol=1e-5, atol=2e-6)
    chex.assert_trees_all_close(
        state["mean"], updated["batch_stats"]["mean"], rtol=1e-5
    )
    biased = (updated["batch_stats"]["var"] - 0.8 * STATE["var"]) / 0.2
    unbiased = (state["var"] - 0.8 * STATE["var"]) / 0.2
    chex.assert_trees_all_close(unbiased, biased * count / (count - 1), rtol=2e-5)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)], ids=str)
def test_layer_norm_is_that_of_flax(shape):
    x = draw(*shape)
    flax_norm = nn.LayerNorm(epsilon=1e-3, use_fast_variance=False)
    expected = jax.jit(flax_norm.apply)({"params": PARAMS}, x)
    y, state = train(layer_norm(epsilon=1e-3), x, state=())
    assert state == ()
    chex.assert_trees_all_close(y, expected, rtol=1e-5, atol=1e-6)


@functools.cache
def without_epsilon(make):
    """The training output of a layer whose epsilon does not spoil its invariance."""
    layer = make(epsilon=1e-12)
    return jax.jit(lambda x: layer.apply(PARAMS, STATE, x, train=True)[0])


@hypothesis.settings(deadline=None, max_examples=20)
@hypothesis.given(
    scale=st.floats(0.5, 20, width=32),
    shift=st.floats(-20, 20, width=32),
    seed=st.integers(0, 99),
)
def test_scaling_and_shifting_the_input_changes_neither_normalization(
    scale, shift, seed
):
    x = jnp.asarray(np.random.default_rng(seed).normal(size=(8, 3)), jnp.float32)
    moved = scale * x + shift
    # Rounding moves an entry of up to 80 by up to 4e-6, which is 1e-5 of the spread at
    # scale 0.5, but up to a hundred times as much of the spread of three close values.
    for make in (batch_norm, layer_norm):
        apply = without_epsilon(make)
        np.testing.assert_allclose(apply(moved), apply(x), atol=5e-3)


def test_in_training_each_feature_gets_the_mean_and_variance_of_the_params():
    x = 5.0 * draw(4, 6, 3) + 1.0
    y, _ = train(batch_norm(epsilon=1e-12), x)
    # Means of 24 values of order one.
    np.testing.assert_allclose(jnp.mean(y, (0, 1)), PARAMS["bias"], atol=1e-6)
    np.testing.assert_allclose(jnp.var(y, (0, 1)), PARAMS["scale"] ** 2, rtol=1e-5)


@pytest.mark.parametrize("make", [batch_norm, layer_norm])
def test_a_mean_far_from_zero_costs_no_accuracy(make):
    # E[x^2] - E[x]^2 would be lost here: float32 has seven digits, 4096^2 has eight.
    x = jnp.round(64 * draw(50, 50)) / 64  # So that adding 4096 is exact.
    layer = make()
    params, state = layer.init(jax.random.key(0), x)
    near, _ = train(layer, x, params, state)
    far, _ = train(layer, x + 4096.0, params, state)
    # The mean near 4096 is rounded to 2e-4 of the spread.
    np.testing.assert_allclose(far, near, atol=1e-3)


def test_in_evaluation_the_state_is_used_and_stays():
    x = draw(4, 3)
    y, state = batch_norm(epsilon=0.5).apply(PARAMS, STATE, x)
    mean, var = np.asarray(STATE["mean"]), np.asarray(STATE["var"])
    expected = (x - mean[None]) / np.sqrt(var + 0.5)[None]
    expected = expected * PARAMS["scale"][None] + PARAMS["bias"][None]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_equal(state, STATE)


def test_in_evaluation_no_example_sees_another():
    layer = batch_norm()
    x = draw(4, 5, 3)
    apply = jax.jit(lambda x: layer.apply(PARAMS, STATE, x)[0])
    alone = np.stack([apply(example) for example in x])
    chex.assert_trees_all_close(apply(x), alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_the_share_of_the_first_state_after_ten_steps_is_the_decay_to_the_tenth(decay):
    x = draw(6, 3) + 4.0
    layer, state = batch_norm(decay=decay), STATE
    apply = jax.jit(lambda state: layer.apply(PARAMS, state, x, train=True)[1])
    for _ in range(10):
        state = apply(state)
    kept = decay**10
    expected = {
        "mean": kept * STATE["mean"] + (1 - kept) * jnp.mean(x, 0),
        "var": kept * STATE["var"] + (1 - kept) * jnp.var(x, 0, ddof=1),
    }
    # Ten roundings of 6e-8 each.
    chex.assert_trees_all_close(state, expected, rtol=1e-5)


def test_the_kept_variance_is_unbiased():
    # The mean over many batches of two, where biased would be half as large.
    x = 3.0 * draw(20_000, 2, 3)
    layer = batch_norm(decay=0.0)
    new = jax.vmap(lambda x: train(layer, x)[1]["var"])(x)
    # Such a variance has itself the standard deviation sqrt(2) * 9: of the mean of
    # 20,000, four standard errors are 0.36.
    np.testing.assert_allclose(jnp.mean(new, 0), 9.0, atol=0.36)


def test_decay_and_epsilon_may_be_traced_and_differentiated():
    x = draw(6, 3)

    @chex.assert_max_traces(n=1)
    def loss(decay, epsilon):
        y, state = train(batch_norm(decay=decay, epsilon=epsilon), x)
        return jnp.sum(y**3) + jnp.sum(state["var"])

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    for decay, epsilon in ((0.9, 1e-3), (0.5, 0.2)):
        value, (for_decay, for_epsilon) = compiled(decay, epsilon)
        y, state = train(batch_norm(decay=decay, epsilon=epsilon), x)
        np.testing.assert_allclose(
            value, jnp.sum(y**3) + jnp.sum(state["var"]), rtol=1e-5
        )
        # The kept variance is linear in the decay: its slope is old minus new.
        slope = jnp.sum(STATE["var"] - jnp.var(x, 0, ddof=1))
        np.testing.assert_allclose(for_decay, slope, rtol=1e-5)
        assert jnp.isfinite(for_epsilon)
        assert for_epsilon != 0


def test_the_state_keeps_its_dtype_in_a_scan_with_a_traced_decay():
    x = draw(4, 6, 3).astype(jnp.bfloat16)

    @jax.jit
    def run(decay, epsilon):
        layer = batch_norm(decay=decay, epsilon=epsilon)
        params, state = layer.init(jax.random.key(0), x[0])

        def step(state, x):
            return layer.apply(params, state, x, train=True)[::-1]

        return jax.lax.scan(step, state, x)

    state, y = run(jnp.float32(0.5), jnp.float32(1e-3))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state)} == {"bfloat16"}
    assert y.dtype == jnp.bfloat16


def test_each_member_of_a_vmap_has_its_own_statistics():
    x = draw(3, 6, 3) + jnp.arange(3.0)[:, None, None]
    layer = batch_norm(decay=0.5)
    y, state = jax.vmap(lambda x: train(layer, x))(x)
    for member in range(3):
        alone, alone_state = train(layer, x[member])
        chex.assert_trees_all_close(y[member], alone, rtol=1e-5, atol=1e-6)
        of_member = {name: leaf[member] for name, leaf in state.items()}
        chex.assert_trees_all_close(of_member, alone_state, rtol=1e-5)


@pytest.mark.parametrize("linear", [dense(3), conv(3, (3,))], ids=lambda one: one.name)
def test_a_bias_in_front_of_batch_norm_has_only_noise_for_a_gradient(key, linear):
    model = sequential(linear, batch_norm())
    x = draw(4, 5, 2)
    params, state = jax.jit(model.init)(key, x)
    slopes = draw(4, 5, 3)

    @jax.jit
    @jax.grad
    def gradient(params):
        return jnp.sum(slopes * model.apply(params, state, x, train=True)[0])

    gradients = gradient(params)
    front = gradients[f"{linear.name}_1"]
    # The true value is zero; 20 terms of order one are summed. The kernel has one.
    assert float(jnp.max(jnp.abs(front["bias"]))) < 1e-5
    assert float(jnp.min(jnp.abs(front["kernel"]))) > 1e-3


def test_init_makes_ones_and_zeros(key):
    spec = jax.ShapeDtypeStruct((2, 5, 3), jnp.float32)
    ones, zeros = jnp.ones(3), jnp.zeros(3)
    params, state = batch_norm().init(key, spec)
    chex.assert_trees_all_equal(params, {"scale": ones, "bias": zeros})
    chex.assert_trees_all_equal(state, {"mean": zeros, "var": ones})
    params, state = layer_norm().init(key, spec)
    chex.assert_trees_all_equal(params, {"scale": ones, "bias": zeros})
    assert state == ()


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 1, 3)], ids=str)
def test_training_on_a_single_value_per_feature_is_refused(shape):
    with pytest.raises(LayerError, match=r"at least two values .* or layer_norm"):
        train(batch_norm(), jnp.zeros(shape))
    y, _ = batch_norm().apply(PARAMS, STATE, jnp.zeros(shape))
    assert y.shape == shape


def test_a_single_image_is_enough_to_train_on():
    y, _ = train(batch_norm(), draw(1, 4, 5, 3))
    np.testing.assert_allclose(jnp.mean(y, (0, 1, 2)), PARAMS["bias"], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (
            batch_norm,
            {"decay": 1.0},
            r"batch_norm: decay .* got 1\.0\. .* 1 - momentum",
        ),
        (batch_norm, {"decay": -0.1}, r"batch_norm: decay .* at least 0 .* got -0\.1"),
        (batch_norm, {"epsilon": 0.0}, r"batch_norm: epsilon .* above 0, got 0\.0"),
        (layer_norm, {"epsilon": -1e-5}, r"layer_norm: epsilon .* above 0, got -1e-05"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_layer_is_made(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("make", [batch_norm, layer_norm])
def test_what_cannot_be_normalized_is_refused(key, make):
    layer = make()
    with pytest.raises(LayerError, match=r"needs .*floating-point numbers, got int32"):
        layer.init(key, jnp.zeros((4, 3), jnp.int32))
    with pytest.raises(LayerError, match=r"needs x of shape .* got a scalar"):
        layer.init(key, jnp.zeros(()))
    with pytest.raises(LayerError, match=r"initialised for 3 .* shape \(4, 5\)"):
        layer.apply(PARAMS, STATE, jnp.zeros((4, 5)))
    with pytest.raises(LayerError, match=r"names \['bias', 'scale'\], got \['scale'\]"):
        layer.apply({"scale": jnp.ones(3)}, STATE, jnp.zeros((4, 3)))


@pytest.mark.parametrize(
    ("state", "got"), [((), r"\(\)"), ({"mean": jnp.zeros(3)}, r"\['mean'\]")], ids=str
)
def test_batch_norm_without_its_state_is_refused(state, got):
    message = rf"running statistics, .* \['mean', 'var'\], got {got}\. Pass"
    with pytest.raises(LayerError, match=message):
        batch_norm().apply(PARAMS, state, jnp.zeros((4, 3)))
