"""jaxnet.layers.recurrent: the equations as a loop in NumPy, invariants, errors."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.checks import LayerError
from jaxnet.initializers import constant
from jaxnet.layers.combining import sequential
from jaxnet.layers.dense import dense
from jaxnet.layers.embedding import embedding
from jaxnet.layers.recurrent import last_step, lstm

INPUTS, FEATURES, GATES = 2, 3, "ifco"


def draw(*shape):
    rng = np.random.default_rng(sum(shape))
    return rng.normal(size=shape).astype(np.float32)


def draw_params(inputs=INPUTS, features=FEATURES):
    """Params with a bias: zeros would hide it."""
    return {
        "kernel": jnp.asarray(draw(inputs, 4 * features)),
        "recurrent_kernel": jnp.asarray(draw(features, 4 * features)) / 2,
        "bias": jnp.asarray(draw(4 * features)),
    }


def lecture_weights(params):
    """W and b of each gate, so that W @ [x; h] + b, in float64."""
    both = np.concatenate([params["kernel"], params["recurrent_kernel"]])
    blocks = np.split(both.astype(np.float64), 4, axis=1)
    biases = np.split(np.asarray(params["bias"], np.float64), 4)
    weights = {gate: block.T for gate, block in zip(GATES, blocks, strict=True)}
    return weights, dict(zip(GATES, biases, strict=True))


def lecture_lstm(weights, b, x):
    """The hidden states of one sequence, (time, inputs) -> (time, features)."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    h = c = np.zeros(b["i"].shape)
    states = []
    for x_t in x:
        s = np.concatenate([x_t, h])
        i, f, o = (sigmoid(weights[gate] @ s + b[gate]) for gate in "ifo")
        c = f * c + i * np.tanh(weights["c"] @ s + b["c"])
        h = o * np.tanh(c)
        states.append(h)
    return np.stack(states)


def test_lstm_is_the_equations_of_the_lecture_step_by_step():
    params, x = draw_params(), draw(4, 6, INPUTS)
    W, b = lecture_weights(params)
    h, state = lstm(FEATURES).apply(params, (), jnp.asarray(x))
    assert state == ()
    due = np.stack([lecture_lstm(W, b, one) for one in x])
    # Float32 against float64; six steps of gates that squash.
    np.testing.assert_allclose(h, due, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gate", GATES)
def test_the_gradient_of_each_gate_is_that_of_finite_differences(gate):
    params, x = draw_params(), draw(5, INPUTS)
    above = draw(5, FEATURES)

    def ours(params):
        h, _ = lstm(FEATURES).apply(params, (), jnp.asarray(x))
        return jnp.sum(h * above)

    grads, _ = lecture_weights(jax.grad(ours)(params))
    W, b = lecture_weights(params)

    def loss(delta, at):
        moved = W | {
            gate: W[gate]
            + delta * (np.arange(W[gate].size) == at).reshape(W[gate].shape)
        }
        return np.sum(lecture_lstm(moved, b, x) * above)

    step = 1e-5
    due = [(loss(step, k) - loss(-step, k)) / (2 * step) for k in range(W[gate].size)]
    # In float64 the differences are right to 1e-10, so what is left is our float32.
    np.testing.assert_allclose(grads[gate].ravel(), due, rtol=1e-5, atol=2e-6)


apply = jax.jit(lstm(FEATURES).apply)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(steps=st.integers(1, 6), seed=st.integers(0, 2**31 - 1))
def test_a_step_depends_on_all_before_and_on_none_after(steps, seed):
    x, other = np.random.default_rng(seed).normal(size=(2, 2, 7, INPUTS))
    changed = np.where((np.arange(7) < steps)[:, None], x, other)
    params = draw_params()
    h, _ = apply(params, (), jnp.asarray(x, jnp.float32))
    after, _ = apply(params, (), jnp.asarray(changed, jnp.float32))
    np.testing.assert_array_equal(h[:, :steps], after[:, :steps])
    assert (h[:, steps:] != after[:, steps:]).any(axis=(0, 2)).all()


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)], ids=str)
def test_leading_axes_are_kept_and_sequences_do_not_mix(batch):
    x, params = jnp.asarray(draw(*batch, 4, INPUTS)), draw_params()
    h, _ = lstm(FEATURES).apply(params, (), x)
    W, b = lecture_weights(params)
    due = [lecture_lstm(W, b, one) for one in np.reshape(x, (-1, 4, INPUTS))]
    np.testing.assert_allclose(
        h, np.reshape(due, (*batch, 4, FEATURES)), rtol=1e-5, atol=1e-6
    )


def test_each_gate_is_initialized_as_a_matrix_of_its_own(key):
    params, _ = lstm(50).init(key, jax.ShapeDtypeStruct((1, 5, 100), jnp.float32))
    assert not params["bias"].any()
    kernels = np.split(np.asarray(params["kernel"]), 4, axis=1)
    recurrent = np.split(np.asarray(params["recurrent_kernel"]), 4, axis=1)
    for one, (kernel, square) in enumerate(zip(kernels, recurrent, strict=True)):
        # 5,000 draws of variance 1/100: 4 standard errors are 4 percent.
        assert abs(kernel.std() - 0.1) < 0.004
        np.testing.assert_allclose(square @ square.T, np.eye(50), atol=1e-5)
        for other in range(one):
            assert not np.allclose(kernel, kernels[other])
            assert not np.allclose(square, recurrent[other])


def test_initializers_see_the_size_of_one_gate_and_the_bias_all_four(key):
    seen = []

    def spy(key, shape, dtype):
        seen.append(shape)
        return jnp.full(shape, len(seen), dtype)

    def forget_at_one(key, shape, dtype):
        return jnp.zeros(shape, dtype).at[:, 3:6].set(1.0)

    layer = lstm(3, kernel_init=spy, recurrent_init=spy, bias_init=forget_at_one)
    params, _ = layer.init(key, jnp.zeros((1, 1, 2)))
    assert seen == [(2, 3)] * 4 + [(3, 3)] * 4
    np.testing.assert_array_equal(params["kernel"][0], np.repeat([1, 2, 3, 4], 3))
    np.testing.assert_array_equal(
        params["recurrent_kernel"][2], np.repeat([5, 6, 7, 8], 3)
    )
    np.testing.assert_array_equal(params["bias"], np.repeat([0, 1, 0, 0], 3))


def test_a_forget_gate_that_is_open_keeps_the_cell_for_ever(key):
    """With f = 1 and i = 0 after the first step, c stays as the first step left it."""
    layer = lstm(1, kernel_init=constant(0.0), recurrent_init=constant(0.0))
    params, _ = layer.init(key, jnp.zeros((1, 50, 1)))
    params["bias"] = jnp.array([0.0, 50.0, 0.0, 50.0])  # i follows x; f and o are 1.
    params["kernel"] = jnp.array([[50.0, 0.0, 50.0, 0.0]])  # x = 1 writes tanh(50).
    x = jnp.full((1, 50, 1), -1.0).at[0, 0].set(1.0)  # x = -1 shuts the input gate.
    h, _ = layer.apply(params, (), x)
    np.testing.assert_allclose(h[0, :, 0], np.full(50, np.tanh(1.0)), rtol=1e-6)


def test_last_step_is_the_last_of_each_sequence():
    x = jnp.arange(24.0).reshape(2, 4, 3)
    y, state = last_step.apply((), (), x)
    np.testing.assert_array_equal(y, [[9, 10, 11], [21, 22, 23]])
    assert state == ()
    np.testing.assert_array_equal(last_step.apply((), (), x[0])[0], [9, 10, 11])


def test_a_classifier_of_sequences_learns_which_symbol_came_first(key):
    """Only the first symbol tells the class, eight steps before the answer."""
    ids = jnp.asarray(np.random.default_rng(0).integers(0, 4, size=(32, 8)))
    target = (ids[:, 0] % 2).astype(jnp.float32)
    model = sequential(embedding(4, 4), lstm(8), last_step, dense(1))
    params, state = model.init(key, ids)

    def loss(params):
        logits = model.apply(params, state, ids)[0][:, 0]
        return jnp.mean(jax.nn.softplus(logits) - target * logits)

    def step(params, _):
        value, grads = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 1.0 * g, params, grads), value

    _, losses = jax.jit(lambda p: jax.lax.scan(step, p, length=150))(params)
    assert losses[0] > 0.5
    assert losses[-1] < 0.1  # Guessing gives ln 2 = 0.69.


@pytest.mark.parametrize("shape", [(5,), (3, 0, 2)], ids=str)
@pytest.mark.usefixtures("as_users_have_it")
def test_without_a_time_axis_there_is_no_sequence(shape, key):
    message = r"needs sequences \(\*batch, time, features\) .* got shape"
    with pytest.raises(LayerError, match=rf"^lstm\(3\) {message}"):
        lstm(3).init(key, jnp.zeros(shape))
    with pytest.raises(LayerError, match=rf"^lstm\(3\) {message}"):
        lstm(3).apply(draw_params(), (), jnp.zeros(shape))
    with pytest.raises(LayerError, match=rf"^last_step {message}"):
        last_step.apply((), (), jnp.zeros(shape))


def test_another_width_is_refused():
    with pytest.raises(LayerError, match=r"lstm\(3\) was initialised for 2 input .*5"):
        lstm(3).apply(draw_params(), (), jnp.zeros((1, 4, 5)))


def test_ids_are_sent_to_an_embedding(key):
    with pytest.raises(LayerError, match=r"got int32.*an embedding"):
        lstm(3).init(key, jnp.zeros((2, 4), int))


def test_params_of_another_layer_are_refused():
    params = draw_params()
    del params["bias"]
    message = r"\['bias', 'kernel', 'recurrent_kernel'\], got \['kernel'"
    with pytest.raises(LayerError, match=message):
        lstm(3).apply(params, (), jnp.zeros((1, 4, 2)))


@pytest.mark.usefixtures("as_users_have_it")
def test_features_that_are_no_positive_int_are_refused():
    with pytest.raises(ValueError, match=r"lstm: features should be .* got 0"):
        lstm(0)
