"""Dense layers, activations and multi-layer perceptrons against PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxnet import layers
from jaxnet.layers import dense, mlp, tanh

# Values and sums of some of them: only rounding can differ.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}

ACTIVATIONS = {
    "relu": torch.nn.ReLU(),
    "leaky_relu": torch.nn.LeakyReLU(),
    "elu": torch.nn.ELU(),
    "gelu": torch.nn.GELU(),
    "silu": torch.nn.SiLU(),
    "tanh": torch.nn.Tanh(),
    "sigmoid": torch.nn.Sigmoid(),
    "softplus": torch.nn.Softplus(),
    "softmax": torch.nn.Softmax(dim=-1),
    "log_softmax": torch.nn.LogSoftmax(dim=-1),
    "identity": torch.nn.Identity(),
}


def pulled_back(apply, *args):
    """The gradients of a sum in which every output has another weight."""

    def objective(*args):
        y = apply(*args)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape))

    return jax.grad(objective, argnums=tuple(range(len(args))))(*args)


def pull_back(y):
    """The same for PyTorch; the gradients are left in the tensors."""
    weights = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    (y * weights).sum().backward()


def copy_into(linear, params):
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.array(params["kernel"].T)))
        linear.bias.copy_(torch.from_numpy(np.array(params["bias"])))


def random_params(layer, key, x):
    params, _ = layer.init(key, x)
    # Zeros would hide a forgotten bias.
    return jax.tree.map(lambda p: p + 0.1 * jnp.cos(jnp.arange(p.shape[-1])), params)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    # Both signs, zero, and values where exponentials saturate.
    x = np.array([[-30.0, -2.0, -0.3, 0.0], [0.4, 1.5, 3.0, 30.0]], np.float32)
    x_torch = torch.tensor(x, requires_grad=True)
    y_torch = ACTIVATIONS[name](x_torch)
    pull_back(y_torch)

    def apply(x):
        return getattr(layers, name).apply((), (), x)[0]

    y, (grad,) = apply(jnp.asarray(x)), pulled_back(apply, jnp.asarray(x))
    np.testing.assert_allclose(y, y_torch.detach(), **CLOSE)
    np.testing.assert_allclose(grad, x_torch.grad, **CLOSE)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5)], ids=str)
def test_dense(key, shape):
    x_key, init_key = jax.random.split(key)
    x = jax.random.normal(x_key, shape)
    layer, linear = dense(3), torch.nn.Linear(5, 3)
    with jax.numpy_rank_promotion("allow"):
        params = random_params(layer, init_key, x)
    copy_into(linear, params)
    x_torch = torch.tensor(np.array(x), requires_grad=True)
    y_torch = linear(x_torch)
    pull_back(y_torch)

    def apply(params, x):
        return layer.apply(params, (), x)[0]

    grad, x_grad = pulled_back(apply, params, x)
    np.testing.assert_allclose(apply(params, x), y_torch.detach(), **CLOSE)
    np.testing.assert_allclose(grad["kernel"].T, linear.weight.grad, **CLOSE)
    np.testing.assert_allclose(grad["bias"], linear.bias.grad, **CLOSE)
    np.testing.assert_allclose(x_grad, x_torch.grad, **CLOSE)


def test_mlp(key):
    x_key, init_key = jax.random.split(key)
    x = jax.random.normal(x_key, (6, 5))
    model = mlp(7, 3, activation=tanh)
    first, second = torch.nn.Linear(5, 7), torch.nn.Linear(7, 3)
    with jax.numpy_rank_promotion("allow"):
        params = random_params(model, init_key, x)
    for linear, name in ((first, "dense_1"), (second, "dense_2")):
        copy_into(linear, params[name])
    y_torch = second(torch.tanh(first(torch.from_numpy(np.array(x)))))
    pull_back(y_torch)

    def apply(params):
        return model.apply(params, (), x)[0]

    (grad,) = pulled_back(apply, params)
    np.testing.assert_allclose(apply(params), y_torch.detach(), **CLOSE)
    for linear, name in ((first, "dense_1"), (second, "dense_2")):
        np.testing.assert_allclose(grad[name]["kernel"].T, linear.weight.grad, **CLOSE)
        np.testing.assert_allclose(grad[name]["bias"], linear.bias.grad, **CLOSE)
