"""Lecture 002's nets of two layers: its code in PyTorch gives the same numbers."""

import functools

import jax
import numpy as np
import pytest
import torch

from experiments.two_layer import nets


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """More would wait for one another, wherever something else is running."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def as_torch(array):
    return torch.tensor(np.asarray(array))


def copy_into(linears, params):
    """Our weights in PyTorch's layers; a kernel is the transpose of its weight."""
    with torch.no_grad():
        for linear, name in zip(linears, ("dense_1", "dense_2"), strict=True):
            linear.weight.copy_(as_torch(params[name]["kernel"]).T)
            linear.bias.copy_(as_torch(params[name]["bias"]))


def torch_losses(begin, optimizer_of, steps):
    """The lecture's loop from our weights: its losses, and the layers it trained."""
    x, y = map(as_torch, begin.batch)
    params = begin.state.params
    hidden, outputs = (params[f"dense_{i}"]["bias"].shape[0] for i in (1, 2))
    first = torch.nn.Linear(x.shape[1], hidden)
    second = torch.nn.Linear(hidden, outputs)
    first, second = first.to(x.dtype), second.to(x.dtype)
    copy_into((first, second), params)
    model = torch.nn.Sequential(first, torch.nn.ReLU(), second)
    optimizer, losses = optimizer_of(model.parameters()), []
    for _ in range(steps):
        loss = torch.nn.functional.mse_loss(model(x), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    losses.append(torch.nn.functional.mse_loss(model(x), y).item())
    return np.array(losses), (first, second)


def ours(build, hypers, outputs, steps, seed=3):
    begin = nets.start(build, hypers, outputs, jax.random.key(seed))
    run = jax.jit(functools.partial(nets.train, build, hypers, steps=steps))(begin)
    return begin, run


def test_pytorchs_loop_gives_the_same_losses_from_the_same_weights():
    hypers = {"width": nets.HIDDEN, "learning_rate": 1e-4}
    adam = functools.partial(torch.optim.Adam, lr=1e-4)
    # In float32 rounding decides the signs of gradients that are nearly zero, of which
    # Adam makes whole steps: there the losses agree to 1e-3 only.
    with jax.enable_x64(True):
        begin, run = ours(nets.pytorch_net, hypers, nets.OUTPUTS, 500)
        theirs, layers = torch_losses(begin, adam, 500)
        assert run.losses.dtype == np.float64
    assert theirs[0] / theirs[-1] > 1e6
    np.testing.assert_allclose(run.losses, theirs, rtol=1e-6)
    for layer, name in zip(layers, ("dense_1", "dense_2"), strict=True):
        ours_ = run.state.params[name]
        for got, due in (
            (ours_["kernel"], layer.weight.detach().T),
            (ours_["bias"], layer.bias.detach()),
        ):
            # Weights are of order 0.1, and moved by as much as 0.05.
            np.testing.assert_allclose(got, due, rtol=0, atol=1e-8)


def test_the_loop_in_float32_is_pytorchs_too_while_it_matters():
    hypers = {"width": nets.HIDDEN, "learning_rate": 1e-4}
    adam = functools.partial(torch.optim.Adam, lr=1e-4)
    begin, run = ours(nets.pytorch_net, hypers, nets.OUTPUTS, 100)
    theirs, _ = torch_losses(begin, adam, 100)
    # As above; and jaxnet's 1 - b2^t is rounded to float32, by up to 6e-5.
    np.testing.assert_allclose(run.losses, theirs, rtol=1e-3)


def test_keras_net_is_gradient_descent_on_the_mean_over_all_outputs():
    hypers = {"width": nets.HIDDEN, "learning_rate": 1.0}
    begin, run = ours(nets.keras_net, hypers, nets.INPUTS, 50)
    theirs, _ = torch_losses(begin, functools.partial(torch.optim.SGD, lr=1.0), 50)
    # Fifty steps in float32.
    np.testing.assert_allclose(run.losses, theirs, rtol=1e-5)


def test_the_graphs_gradients_are_pytorchs():
    weights, x, y = nets.graph_values(jax.random.key(1))
    loss, grads = jax.value_and_grad(nets.graph_loss)(weights, x, y)
    w1, w2 = (as_torch(w).double().requires_grad_() for w in weights)
    x, y = (as_torch(a).double() for a in (x, y))
    theirs = ((torch.clamp(x @ w1, min=0) @ w2 - y) ** 2).sum(1).mean()
    theirs.backward()
    assert float(loss) == pytest.approx(theirs.item(), rel=1e-5)
    # x @ w1 has variance 1000, its positive part a mean square of 500, and 100 of
    # those make each of 1000 outputs.
    assert float(loss) == pytest.approx(5e7, rel=0.2)
    for grad, w in zip(grads, (w1, w2), strict=True):
        # A float32 against a double, by the largest entry.
        scale = w.grad.abs().max().item()
        np.testing.assert_allclose(grad, w.grad, rtol=0, atol=1e-5 * scale)
    reported, error = nets.graph_error(jax.random.key(1))
    assert reported == pytest.approx(float(loss), rel=1e-5)
    assert error < 1e-5
