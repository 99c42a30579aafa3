"""jaxnet.layers.recurrent against PyTorch: values and all gradients.

Float32; the gradient of a kernel sums some 50 terms of order one, so cancellation
leaves an absolute error of some 1e-6 in a result near zero (the atol).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxnet.initializers import uniform
from jaxnet.layers.recurrent import lstm

RTOL, ATOL = 1e-5, 2e-6
BATCH, TIME, INPUTS, FEATURES = 3, 9, 4, 5


def copied(theirs):
    """The weights of an LSTM of PyTorch as params of ours."""
    weights = {name: p.detach().numpy() for name, p in theirs.named_parameters()}
    return {
        "kernel": jnp.asarray(weights["weight_ih_l0"].T),
        "recurrent_kernel": jnp.asarray(weights["weight_hh_l0"].T),
        "bias": jnp.asarray(weights["bias_ih_l0"] + weights["bias_hh_l0"]),
    }


@pytest.mark.parametrize("time", [1, TIME])
def test_lstm_and_its_gradients(time):
    torch.manual_seed(0)
    theirs = torch.nn.LSTM(INPUTS, FEATURES, batch_first=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, time, INPUTS)).astype(np.float32)
    weights = rng.normal(size=(BATCH, time, FEATURES)).astype(np.float32)
    layer = lstm(FEATURES)

    def ours(params, x):
        h, _ = layer.apply(params, (), x)
        return jnp.sum(h * weights), h

    (_, h), (grads, x_grad) = jax.jit(
        jax.value_and_grad(ours, argnums=(0, 1), has_aux=True)
    )(copied(theirs), jnp.asarray(x))

    their_x = torch.tensor(x, requires_grad=True)
    due, _ = theirs(their_x)
    (due * torch.tensor(weights)).sum().backward()
    due_grads = {
        "kernel": theirs.weight_ih_l0.grad.numpy().T,
        "recurrent_kernel": theirs.weight_hh_l0.grad.numpy().T,
        "bias": theirs.bias_ih_l0.grad.numpy(),
    }

    np.testing.assert_allclose(h, due.detach().numpy(), rtol=RTOL, atol=ATOL)
    np.testing.assert_allclose(x_grad, their_x.grad.numpy(), rtol=RTOL, atol=ATOL)
    for name, grad in grads.items():
        np.testing.assert_allclose(
            grad, due_grads[name], rtol=RTOL, atol=ATOL, err_msg=name
        )


def test_lstm_over_a_long_sequence_stays_with_pytorch():
    torch.manual_seed(1)
    theirs = torch.nn.LSTM(INPUTS, FEATURES, batch_first=True)
    x = np.random.default_rng(1).normal(size=(2, 300, INPUTS)).astype(np.float32)
    h, _ = jax.jit(lstm(FEATURES).apply)(copied(theirs), (), jnp.asarray(x))
    due, _ = theirs(torch.tensor(x))
    # Gates forget, so rounding does not build up over the steps.
    np.testing.assert_allclose(h, due.detach().numpy(), rtol=RTOL, atol=ATOL)


def test_uniform_is_how_pytorch_draws(key):
    torch.manual_seed(0)
    theirs, scale = copied(torch.nn.LSTM(40, 25)), uniform(25**-0.5)
    layer = lstm(25, kernel_init=scale, recurrent_init=scale, bias_init=scale)
    ours, _ = layer.init(key, jnp.zeros((1, 1, 40)))
    for name in ("kernel", "recurrent_kernel"):
        # U(-0.2, 0.2) for both, whatever the number of inputs: 2,500 draws or more
        # come within 1 percent of the ends.
        for params in (ours, theirs):
            assert 0.198 < np.abs(params[name]).max() <= 0.2
            assert abs(np.std(params[name]) - 0.2 / np.sqrt(3)) < 0.005
    assert 0.17 < np.abs(ours["bias"]).max() <= 0.2
    # Theirs is a sum of two such, so it reaches further.
    assert 0.2 < np.abs(theirs["bias"]).max() <= 0.4
