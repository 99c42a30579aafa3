"""Gradients at every node of a graph against those that PyTorch keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import torch

from jaxnet.autograd import check_gradients, graph


def test_every_value_on_the_way_has_pytorchs_gradient():
    arrays = {
        "w": np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]], np.float32),
        "b": np.array([0.1, -0.2], np.float32),
        "x": np.array([1.0, -2.0, 0.5], np.float32),
    }

    def f(w, b, x):
        return jnp.sum(jnp.exp(jnp.tanh(w @ x + b)) * b)

    found = graph(f, *arrays.values())
    leaves = [torch.tensor(one, requires_grad=True) for one in arrays.values()]
    w, b, x = leaves
    steps = [w @ x]
    for step in (
        lambda a: a + b,
        torch.tanh,
        torch.exp,
        lambda a: a * b,
        torch.sum,
    ):
        steps.append(step(steps[-1]))
    for step in steps:
        step.retain_grad()
    steps[-1].backward()
    assert len(found.nodes) == len(leaves) + len(steps)
    for node, due in zip(found.nodes, [*leaves, *steps], strict=True):
        np.testing.assert_allclose(node.value, due.detach(), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(node.gradient, due.grad, rtol=1e-5, atol=1e-7)


def test_pytorchs_gradcheck_and_ours_say_the_same_of_a_wrong_rule():
    class WrongSquare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient * 3 * x

    @jax.custom_vjp
    def wrong_square(x):
        return x**2

    wrong_square.defvjp(lambda x: (x**2, x), lambda x, g: (g * 3 * x,))
    point = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    theirs = torch.autograd.gradcheck(WrongSquare.apply, point, raise_exception=False)
    ours = check_gradients(lambda x: jnp.sum(wrong_square(x)), jnp.array([1.0, -2.0]))
    assert theirs == ours.ok
    assert not ours.ok
