"""Pooling against PyTorch: values, and gradients of the input, in float32."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxnet.layers.pooling import (
    average_pool,
    global_average_pool,
    global_max_pool,
    max_pool,
)


class Case(NamedTuple):
    """A pool here, and what PyTorch calls its stride and padding."""

    x: tuple[int, ...]
    window: tuple[int, ...]
    options: dict
    stride: tuple[int, ...]
    padding: tuple[int, ...]


# PyTorch allows a padding of up to half the window, and the same at both ends.
CASES = {
    "sequence": Case((2, 6, 3), (2,), {}, (2,), (0,)),
    "sequence with a rest": Case((2, 8, 3), (3,), {}, (3,), (0,)),
    "sequence that overlaps": Case((2, 8, 3), (3,), {"stride": 2}, (2,), (0,)),
    "sequence, same size": Case(
        (2, 7, 3), (3,), {"stride": 1, "padding": "SAME"}, (1,), (1,)
    ),
    "image": Case((2, 6, 9, 3), (2, 3), {}, (2, 3), (0, 0)),
    "image with stride and padding": Case(
        (2, 7, 8, 3),
        (3, 4),
        {"stride": (2, 1), "padding": ((1, 1), 2)},
        (2, 1),
        (1, 2),
    ),
    "image, padding everywhere": Case(
        (2, 5, 6, 3), (2, 2), {"stride": 2, "padding": 1}, (2, 2), (1, 1)
    ),
}
FUNCTIONS = {
    (max_pool, 1): torch.nn.functional.max_pool1d,
    (max_pool, 2): torch.nn.functional.max_pool2d,
    (average_pool, 1): torch.nn.functional.avg_pool1d,
    (average_pool, 2): torch.nn.functional.avg_pool2d,
}


def to_torch(x, grad=False):
    """An array of ours with its channels in front of the spatial axes."""
    x = torch.tensor(np.moveaxis(np.asarray(x), -1, 1))
    return x.requires_grad_(grad)


def from_torch(x):
    return np.moveaxis(x.detach().numpy(), 1, -1)


def forward_and_backward(layer, x, slopes):
    @jax.jit
    def both(x, slopes):
        y, pullback = jax.vjp(lambda x: layer.apply((), (), x)[0], x)
        return y, *pullback(slopes)

    return both(x, slopes)


def both_of_torch(pool, case, x):
    """The output of PyTorch, random slopes for it, and the gradient they give."""
    inputs = to_torch(x, grad=True)
    options = {} if pool is max_pool else {"count_include_pad": False}
    expected = FUNCTIONS[pool, len(case.window)](
        inputs, case.window, case.stride, case.padding, **options
    )
    y = from_torch(expected)
    slopes = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    expected.backward(to_torch(slopes))
    return y, slopes, from_torch(inputs.grad)


@pytest.mark.parametrize("pool", [max_pool, average_pool], ids=["max", "average"])
@pytest.mark.parametrize("name", CASES)
def test_a_pool_has_the_values_and_gradients_of_torch(name, pool):
    case = CASES[name]
    # Below zero, where a padding of zeros would be the largest value.
    x = np.random.default_rng(0).normal(-3, 1, case.x).astype(np.float32)
    expected, slopes, expected_for_x = both_of_torch(pool, case, x)

    y, for_x = forward_and_backward(pool(case.window, **case.options), x, slopes)

    np.testing.assert_allclose(y, expected, rtol=1e-5)
    # A cell takes part in up to six windows, whose slopes of order one may cancel.
    np.testing.assert_allclose(for_x, expected_for_x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_ties_give_the_gradient_to_the_cell_that_torch_chooses(name):
    case = CASES[name]
    x = np.random.default_rng(0).integers(-2, 1, case.x).astype(np.float32)
    _, slopes, expected = both_of_torch(max_pool, case, x)
    _, for_x = forward_and_backward(max_pool(case.window, **case.options), x, slopes)
    np.testing.assert_allclose(for_x, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "reduce"),
    [(global_average_pool, torch.mean), (global_max_pool, torch.amax)],
    ids=["average", "max"],
)
@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 3, 4, 5)], ids=str)
def test_a_global_pool_has_the_values_and_gradients_of_torch(layer, reduce, shape):
    # Few distinct values: the largest is there more than once, and shares.
    x = np.random.default_rng(0).integers(-3, 0, shape).astype(np.float32)
    inputs = torch.tensor(x, requires_grad=True)
    expected = reduce(inputs, dim=tuple(range(1, x.ndim - 1)))
    slopes = np.random.default_rng(1).normal(size=expected.shape).astype(np.float32)
    expected.backward(torch.tensor(slopes))

    y, for_x = forward_and_backward(layer, jnp.asarray(x), slopes)

    np.testing.assert_allclose(y, expected.detach(), rtol=1e-5)
    np.testing.assert_allclose(for_x, inputs.grad, rtol=1e-5)
