"""The convolution and a small residual network against PyTorch.

Values, and gradients of the parameters and of the input, in float32. The sums have
up to 100 terms of order one, so cancellation leaves an absolute error of some 1e-6
in a result near zero, which is the atol; for all others rtol is 1e-5.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from cases.layers import normal

from jaxnet.layers.activations import relu
from jaxnet.layers.combining import residual, sequential
from jaxnet.layers.convolution import conv
from jaxnet.layers.dense import dense
from jaxnet.layers.normalization import batch_norm
from jaxnet.layers.pooling import global_average_pool


class Case(NamedTuple):
    """A convolution here and there; ``pads`` are worked out by hand."""

    x: tuple[int, ...]
    window: tuple[int, ...]
    options: dict
    pads: tuple[tuple[int, int], ...]


CASES = {
    "sequence, same": Case((2, 7, 3), (3,), {}, ((1, 1),)),
    "sequence, valid": Case((2, 7, 3), (4,), {"padding": "VALID"}, ((0, 0),)),
    "even window, same": Case((2, 7, 3), (4,), {}, ((1, 2),)),
    "stride, same": Case((2, 8, 3), (3,), {"stride": 2}, ((0, 1),)),
    "stride beyond the window": Case((2, 8, 3), (2,), {"stride": 3}, ((0, 0),)),
    "dilation, same": Case((2, 9, 3), (3,), {"dilation": 3}, ((3, 3),)),
    "causal": Case((2, 7, 3), (3,), {"padding": ((2, 0),)}, ((2, 0),)),
    "no bias": Case((2, 5, 3), (2,), {"bias": False, "padding": 1}, ((1, 1),)),
    "groups": Case((2, 7, 6), (3,), {"groups": 3}, ((1, 1),)),
    "image, same": Case((2, 6, 5, 3), (3, 2), {}, ((1, 1), (0, 1))),
    "image, stride": Case((2, 6, 7, 3), (3, 3), {"stride": (2, 3)}, ((0, 1), (1, 1))),
    "image, int padding": Case((2, 4, 5, 3), (3, 2), {"padding": 2}, ((2, 2), (2, 2))),
    "image, padding by axis": Case(
        (2, 4, 5, 3), (3, 2), {"padding": (1, (0, 2))}, ((1, 1), (0, 2))
    ),
    "image, dilation": Case(
        (2, 8, 7, 3), (3, 2), {"dilation": (2, 3), "padding": "VALID"}, ((0, 0),) * 2
    ),
    "image, groups": Case((2, 5, 4, 4), (3, 3), {"groups": 2}, ((1, 1), (1, 1))),
    "image, depthwise with all options": Case(
        (2, 9, 8, 6),
        (3, 2),
        {"groups": 6, "stride": (1, 2), "dilation": (2, 1), "padding": (1, (2, 0))},
        ((1, 1), (2, 0)),
    ),
}


def to_torch(x, grad=False):
    """An array of ours with its channels in front of the spatial axes."""
    x = torch.tensor(np.moveaxis(np.asarray(x), -1, 1))
    return x.requires_grad_(grad)


def from_torch(x):
    return np.moveaxis(x.detach().numpy(), 1, -1)


def torch_weight(kernel):
    """(*window, channels, features) to (features, channels, *window)."""
    return torch.tensor(np.moveaxis(np.asarray(kernel), (-1, -2), (0, 1)))


def ours_from(tensor):
    """The value in our layout: a weight has its first two axes last, swapped."""
    value = tensor.detach().numpy()
    return np.moveaxis(value, (0, 1), (-1, -2)) if value.ndim > 1 else value


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_conv_has_the_values_and_gradients_of_torch(name):
    case = CASES[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=case.x).astype(np.float32)
    channels = case.x[-1] // case.options.get("groups", 1)
    params = {
        "kernel": rng.normal(size=(*case.window, channels, 6)).astype(np.float32),
        "bias": rng.normal(size=6).astype(np.float32),
    }
    if case.options.get("bias") is False:
        del params["bias"]

    tensors = {
        "kernel": torch_weight(params["kernel"]).requires_grad_(),
        "bias": torch.tensor(params.get("bias", np.zeros(6)), requires_grad=True),
    }
    inputs = to_torch(x, grad=True)
    # Torch lists the padding of the last axis first.
    sides = [side for pair in reversed(case.pads) for side in pair]
    function = {1: torch.conv1d, 2: torch.conv2d}[len(case.window)]
    expected = function(
        torch.nn.functional.pad(inputs, sides),
        tensors["kernel"],
        tensors["bias"] if "bias" in params else None,
        stride=case.options.get("stride", 1),
        dilation=case.options.get("dilation", 1),
        groups=case.options.get("groups", 1),
    )
    slopes = rng.normal(size=from_torch(expected).shape).astype(np.float32)
    expected.backward(to_torch(slopes))

    @jax.jit
    def forward_and_backward(params, x, slopes):
        layer = conv(6, case.window, **case.options)
        y, pullback = jax.vjp(lambda p, x: layer.apply(p, (), x)[0], params, x)
        return y, *pullback(slopes)

    y, for_params, for_x = forward_and_backward(params, x, slopes)
    assert_close(y, from_torch(expected))
    assert_close(for_x, from_torch(inputs.grad))
    assert for_params.keys() == params.keys()
    for leaf, gradient in for_params.items():
        assert_close(gradient, ours_from(tensors[leaf].grad))


def normed_conv(features):
    return sequential(conv(features, (3, 3), bias=False), batch_norm())


def residual_network():
    """A residual network in one page."""
    same = residual(sequential(normed_conv(4), relu, normed_conv(4)))
    wider = residual(
        sequential(
            sequential(conv(6, (3, 3), stride=2, padding=1, bias=False), batch_norm()),
            relu,
            normed_conv(6),
        ),
        sequential(conv(6, (1, 1), stride=2, bias=False), batch_norm()),
    )
    return sequential(
        stem=normed_conv(4),
        stem_relu=relu,
        same=same,
        same_relu=relu,
        wider=wider,
        wider_relu=relu,
        pool=global_average_pool,
        head=dense(3),
    )


class TorchBlock(torch.nn.Module):
    def __init__(self, inputs, features, stride, shortcut):
        super().__init__()
        self.sequential_1 = TorchConv(inputs, features, 3, stride)
        self.sequential_2 = TorchConv(features, features, 3, 1)
        self.shortcut = TorchConv(inputs, features, 1, stride) if shortcut else None

    def forward(self, x):
        y = self.sequential_2(torch.relu(self.sequential_1(x)))
        return y + (x if self.shortcut is None else self.shortcut(x))


class TorchConv(torch.nn.Sequential):
    def __init__(self, inputs, features, window, stride):
        super().__init__(
            torch.nn.Conv2d(
                inputs, features, window, stride, padding=window // 2, bias=False
            ),
            torch.nn.BatchNorm2d(features),
        )


class TorchNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = TorchConv(3, 4, 3, 1)
        self.same = TorchBlock(4, 4, 1, shortcut=False)
        self.wider = TorchBlock(4, 6, 2, shortcut=True)
        self.head = torch.nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.wider(torch.relu(self.same(torch.relu(self.stem(x))))))
        return self.head(x.mean(dim=(2, 3)))

    def leaves(self):
        """Our names, with the torch parameters or buffers that they stand for."""
        blocks = {
            ("stem",): self.stem,
            ("same", "block", "sequential_1"): self.same.sequential_1,
            ("same", "block", "sequential_2"): self.same.sequential_2,
            ("wider", "block", "sequential_1"): self.wider.sequential_1,
            ("wider", "block", "sequential_2"): self.wider.sequential_2,
            ("wider", "shortcut"): self.wider.shortcut,
        }
        params, state = {}, {}
        for path, (linear, norm) in blocks.items():
            params[*path, "conv_1", "kernel"] = linear.weight
            params[*path, "batch_norm_1", "scale"] = norm.weight
            params[*path, "batch_norm_1", "bias"] = norm.bias
            state[*path, "batch_norm_1", "mean"] = norm.running_mean
            state[*path, "batch_norm_1", "var"] = norm.running_var
        params["head", "kernel"] = self.head.weight
        params["head", "bias"] = self.head.bias
        return params, state


def at(tree, path):
    for name in path:
        tree = tree[name]
    return tree


def copied(tree, leaves):
    """The tree with the values of torch, and no leaf left out."""
    flat, structure = jax.tree_util.tree_flatten_with_path(tree)
    paths = [tuple(entry.key for entry in path) for path, _ in flat]
    assert sorted(paths) == sorted(leaves)
    return structure.unflatten([jnp.asarray(ours_from(leaves[path])) for path in paths])


@pytest.fixture
def networks(key):
    """Our network and the port, with the weights of the port, not at their start."""
    torch.manual_seed(0)
    port = TorchNetwork()
    with torch.no_grad():
        for value in port.parameters():
            value.add_(0.2 * torch.randn_like(value))
        for path, value in port.leaves()[1].items():
            value.add_(torch.rand_like(value) if "var" in path else 0.3)
    model = residual_network()
    params, state = jax.eval_shape(model.init, key, jnp.zeros((1, 6, 8, 3)))
    torch_params, torch_state = port.leaves()
    return model, copied(params, torch_params), copied(state, torch_state), port


@pytest.mark.parametrize("train", [True, False], ids=["training", "evaluation"])
def test_a_residual_network_has_the_logits_and_gradients_of_torch(networks, train):
    model, params, state, port = networks
    port.train(train)
    x, slopes = normal(5, 6, 8, 3), normal(5, 3)
    inputs = to_torch(x, grad=True)

    expected = port(inputs)
    expected.backward(torch.tensor(np.asarray(slopes)))

    @jax.jit
    def forward_and_backward(params, x):
        def apply(params, x):
            return model.apply(params, state, x, train=train)

        logits, pullback, new_state = jax.vjp(apply, params, x, has_aux=True)
        return logits, new_state, *pullback(slopes)

    logits, new_state, for_params, for_x = forward_and_backward(params, x)

    # Seven layers deep, the two orders of summation part by a few 1e-6.
    close = {"rtol": 1e-5, "atol": 2e-5}
    np.testing.assert_allclose(logits, expected.detach(), **close)
    np.testing.assert_allclose(for_x, from_torch(inputs.grad), **close)
    torch_params, torch_state = port.leaves()
    for path, tensor in torch_params.items():
        np.testing.assert_allclose(
            at(for_params, path), ours_from(tensor.grad), err_msg=str(path), **close
        )
    for path, tensor in torch_state.items():
        np.testing.assert_allclose(
            at(new_state, path), tensor, err_msg=str(path), **close
        )
