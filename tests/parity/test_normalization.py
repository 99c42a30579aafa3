"""Batch and layer normalization against PyTorch, in float32.

Everything here is a mean or a sum of up to 30 terms of order one, so where terms
cancel an error of some 1e-6 remains: the atol of 2e-6. For all else rtol is 1e-5.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxnet.layers.normalization import batch_norm, layer_norm

SHAPES = [(7, 3), (3, 5, 4), (2, 3, 5, 4)]
DECAY = 0.8
STEPS = 10


def to_torch(x, grad=False):
    """An array of ours with its features in front of the spatial axes."""
    x = torch.tensor(np.moveaxis(np.asarray(x), -1, 1))
    return x.requires_grad_(grad)


def from_torch(x):
    return np.moveaxis(x.detach().numpy(), 1, -1)


def assert_close(actual, expected, err_msg=""):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=2e-6, err_msg=err_msg)


def draw(*shape, seed=0):
    """Values with another mean and spread for each feature."""
    features = np.arange(shape[-1], dtype=np.float32)
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return noise * (1 + features) + 2 * features - 1


def draw_slopes(shape):
    """What comes back from the loss, different everywhere."""
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def draw_params(features, seed=0):
    rng = np.random.default_rng(seed)
    scale, bias = rng.normal(1, 0.5, (2, features)).astype(np.float32)
    return {"scale": scale, "bias": bias}


def draw_state(features):
    rng = np.random.default_rng(5)
    return {
        "mean": rng.normal(size=features).astype(np.float32),
        "var": rng.uniform(0.5, 2, features).astype(np.float32),
    }


def torch_batch_norm(shape, params, state, epsilon=1e-5):
    kind = torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d
    norm = kind(shape[-1], eps=epsilon, momentum=1 - DECAY)
    norm.load_state_dict(
        {
            "weight": torch.tensor(params["scale"]),
            "bias": torch.tensor(params["bias"]),
            "running_mean": torch.tensor(state["mean"]),
            "running_var": torch.tensor(state["var"]),
            "num_batches_tracked": torch.tensor(0),
        }
    )
    return norm


@pytest.mark.parametrize("train", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_has_the_values_and_gradients_of_torch(shape, train):
    features = shape[-1]
    x, slopes = draw(*shape), draw_slopes(shape)
    params, state = draw_params(features), draw_state(features)
    epsilon = 1e-2  # Large enough to be seen if it were added in another place.
    norm = torch_batch_norm(shape, params, state, epsilon).train(train)
    inputs = to_torch(x, grad=True)
    expected = norm(inputs)
    expected.backward(to_torch(slopes))

    @jax.jit
    def forward_and_backward(params, state, x, slopes):
        layer = batch_norm(decay=DECAY, epsilon=epsilon)
        y, pullback, new_state = jax.vjp(
            lambda params, x: layer.apply(params, state, x, train=train),
            params,
            x,
            has_aux=True,
        )
        return y, new_state, *pullback(slopes)

    y, new_state, for_params, for_x = forward_and_backward(params, state, x, slopes)

    assert_close(y, from_torch(expected))
    assert_close(for_x, from_torch(inputs.grad))
    assert_close(for_params["scale"], norm.weight.grad)
    assert_close(for_params["bias"], norm.bias.grad)
    assert_close(new_state["mean"], norm.running_mean)
    assert_close(new_state["var"], norm.running_var)


def steps_of_torch(shape, params, batches):
    """The running statistics and the evaluation of one batch after the others."""
    norm = torch_batch_norm(
        shape, params, {"mean": np.zeros(shape[-1]), "var": np.ones(shape[-1])}
    )
    for x in batches:
        norm(to_torch(x))
    y = norm.eval()(to_torch(batches[0]))
    return norm.running_mean.numpy(), norm.running_var.numpy(), from_torch(y)


def loop_over(layer, params, state, batches):
    apply = jax.jit(lambda state, x: layer.apply(params, state, x, train=True)[1])
    for x in batches:
        state = apply(state, x)
    return state


def scan_over(layer, params, state, batches):
    def step(state, x):
        return layer.apply(params, state, x, train=True)[1], None

    return jax.jit(lambda state: jax.lax.scan(step, state, batches)[0])(state)


@pytest.mark.parametrize("run", [loop_over, scan_over], ids=["loop", "scan"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_running_statistics_after_ten_batches_are_those_of_torch(key, shape, run):
    layer = batch_norm(decay=DECAY)
    params = draw_params(shape[-1])
    batches = jnp.stack([draw(*shape, seed=seed) for seed in range(STEPS)])
    mean, var, y = steps_of_torch(shape, params, batches)

    _, state = layer.init(key, batches[0])
    state = run(layer, params, state, batches)

    assert_close(state["mean"], mean)
    assert_close(state["var"], var)
    assert_close(layer.apply(params, state, batches[0])[0], y)


def test_members_under_vmap_have_the_statistics_of_torch_alone(key):
    shape, members = (2, 3, 5, 4), 3
    layer = batch_norm(decay=DECAY)
    batches = jnp.asarray(
        [
            [draw(*shape, seed=100 * member + step) for step in range(STEPS)]
            for member in range(members)
        ]
    )
    params = [draw_params(4, seed=member) for member in range(members)]
    _, state = layer.init(key, batches[0, 0])

    def train_and_evaluate(params, batches):
        trained = scan_over(layer, params, state, batches)
        return trained, layer.apply(params, trained, batches[0])[0]

    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *params)
    trained, y = jax.vmap(train_and_evaluate)(stacked, batches)

    for member in range(members):
        mean, var, expected = steps_of_torch(shape, params[member], batches[member])
        assert_close(trained["mean"][member], mean, f"mean of member {member}")
        assert_close(trained["var"][member], var, f"var of member {member}")
        assert_close(y[member], expected, f"output of member {member}")


@pytest.mark.parametrize("shape", [(5,), *SHAPES], ids=str)
def test_layer_norm_has_the_values_and_gradients_of_torch(shape):
    features, epsilon = shape[-1], 1e-2
    x, slopes = draw(*shape), draw_slopes(shape)
    params = draw_params(features)
    weight = torch.tensor(params["scale"], requires_grad=True)
    bias = torch.tensor(params["bias"], requires_grad=True)
    inputs = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.layer_norm(
        inputs, (features,), weight, bias, epsilon
    )
    expected.backward(torch.tensor(slopes))

    @jax.jit
    def forward_and_backward(params, x, slopes):
        layer = layer_norm(epsilon=epsilon)
        y, pullback = jax.vjp(
            lambda params, x: layer.apply(params, (), x)[0], params, x
        )
        return y, *pullback(slopes)

    y, for_params, for_x = forward_and_backward(params, x, slopes)

    assert_close(y, expected.detach())
    assert_close(for_x, inputs.grad)
    assert_close(for_params["scale"], weight.grad)
    assert_close(for_params["bias"], bias.grad)
