"""jaxnet.initializers against torch.nn.init and the defaults of torch.nn.

The generators differ, so distributions are compared: standard deviation, and for
uniform ones the ends. Shapes are not square, so a fan taken from the wrong axis
shows: PyTorch's weights are (outputs, inputs).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxnet import initializers
from jaxnet.layers.dense import dense

INPUTS, OUTPUTS = 300, 500


def ours(initializer, shape=(INPUTS, OUTPUTS)):
    return np.asarray(initializer(jax.random.key(0), shape, jnp.float32))


def theirs(fill, shape=(OUTPUTS, INPUTS), **kwargs):
    generator = torch.Generator().manual_seed(0)
    return fill(torch.empty(shape), generator=generator, **kwargs).numpy()


def check_same_spread(a, b):
    # Five standard errors of a ratio of standard deviations, each of which has
    # 1 / sqrt(2 n) for normal draws, and less for uniform ones.
    assert abs(a.std() / b.std() - 1) < 5 * math.sqrt(
        1 / (2 * a.size) + 1 / (2 * b.size)
    )


def check_same_ends(a, b):
    # The largest of n uniform draws is within 10 / n of the end, but for e^-10.
    tolerance = 10 / min(a.size, b.size)
    np.testing.assert_allclose([a.min(), a.max()], [b.min(), b.max()], rtol=tolerance)


@pytest.mark.parametrize(
    ("initializer", "fill", "kwargs"),
    [
        (initializers.glorot_normal, torch.nn.init.xavier_normal_, {}),
        (
            initializers.he_normal,
            torch.nn.init.kaiming_normal_,
            {"nonlinearity": "relu"},
        ),
        # torch's gain is the root of ours: sqrt(2 / (1 + 0.2^2)).
        (
            initializers.he(2 / 1.04),
            torch.nn.init.kaiming_normal_,
            {"a": 0.2, "nonlinearity": "leaky_relu"},
        ),
        (
            initializers.lecun_normal,
            torch.nn.init.kaiming_normal_,
            {"nonlinearity": "linear"},
        ),
        (
            initializers.fan_average,
            torch.nn.init.xavier_normal_,
            {"gain": torch.nn.init.calculate_gain("relu")},
        ),
        (initializers.normal(0.02), torch.nn.init.normal_, {"std": 0.02}),
    ],
)
@pytest.mark.parametrize("window", [(), (3, 5)], ids=["dense", "conv"])
def test_normal_initializers_have_the_spread_of_torch(
    initializer, fill, kwargs, window
):
    kernel = ours(initializer, (*window, INPUTS // 4, OUTPUTS // 4))
    weight = theirs(fill, (OUTPUTS // 4, INPUTS // 4, *window), **kwargs)
    check_same_spread(kernel, weight)


@pytest.mark.parametrize(
    ("initializer", "fill", "kwargs"),
    [
        (initializers.glorot_uniform, torch.nn.init.xavier_uniform_, {}),
        (
            initializers.he_uniform,
            torch.nn.init.kaiming_uniform_,
            {"nonlinearity": "relu"},
        ),
        (
            initializers.lecun_uniform,
            torch.nn.init.kaiming_uniform_,
            {"nonlinearity": "linear"},
        ),
        (
            initializers.pytorch_default,
            torch.nn.init.kaiming_uniform_,
            {"a": math.sqrt(5)},
        ),
        (initializers.uniform(0.01), torch.nn.init.uniform_, {"a": -0.01, "b": 0.01}),
    ],
)
@pytest.mark.parametrize("window", [(), (3, 5)], ids=["dense", "conv"])
def test_uniform_initializers_have_the_ends_of_torch(initializer, fill, kwargs, window):
    kernel = ours(initializer, (*window, INPUTS // 4, OUTPUTS // 4))
    weight = theirs(fill, (OUTPUTS // 4, INPUTS // 4, *window), **kwargs)
    check_same_spread(kernel, weight)
    check_same_ends(kernel, weight)


def test_dense_with_pytorch_default_starts_as_linear_does_bias_included():
    torch.manual_seed(0)
    default = initializers.pytorch_default
    layer = dense(4000, kernel_init=default, bias_init=default)
    params, _ = layer.init(jax.random.key(0), jnp.zeros((1, 50)))
    linear = torch.nn.Linear(50, 4000)
    for leaf, due in (("kernel", linear.weight), ("bias", linear.bias)):
        leaf, due = np.asarray(params[leaf]), due.detach().numpy()
        assert leaf.size == due.size
        check_same_spread(leaf, due)
        check_same_ends(leaf, due)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6)], ids=str)
def test_orthogonal_has_the_singular_values_of_torch(shape):
    kernel = ours(initializers.orthogonal(1.5), shape)
    weight = theirs(torch.nn.init.orthogonal_, shape[::-1], gain=1.5)
    np.testing.assert_allclose(
        np.linalg.svd(kernel, compute_uv=False),
        np.linalg.svd(weight, compute_uv=False),
        rtol=1e-5,
    )
