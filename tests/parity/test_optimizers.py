"""jaxnet.optimizers against torch.optim: the weights after each of fifty steps.

Each framework computes its own gradients from its own weights, on a tanh net that
is not quadratic, with the same fifty minibatches. In float64 only differences
between the formulas remain; in float32, rounding as a user will see it.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from cases.optimizers import small_loss, small_params
from torch.optim import lr_scheduler

from jaxnet import schedules
from jaxnet.optimizers import optimizer
from jaxnet.paths import leaf_paths

STEPS = 50


def batches(dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS, 8, 5))
    y = np.sin(x[..., :2] + x[..., 2:4]) + 0.3 * rng.normal(size=(STEPS, 8, 2))
    return x.astype(dtype), y.astype(dtype)


def start(dtype):
    return jax.tree.map(lambda leaf: np.asarray(leaf).astype(dtype), small_params())


def our_trajectory(make, dtype):
    """Each leaf after each step, in the order of ``leaf_paths``."""
    transformation = make()

    def step(carry, batch):
        params, state = carry
        grads = jax.grad(small_loss)(params, *batch)
        updates, state = transformation.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    params = jax.tree.map(jnp.asarray, start(dtype))
    first = (params, transformation.init(params))
    _, trajectory = jax.jit(lambda c, b: jax.lax.scan(step, c, b))(
        first, jax.tree.map(jnp.asarray, batches(dtype))
    )
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trajectory)]


def torch_trajectory(make, dtype, clip_norm=None):
    params = jax.tree.map(torch.tensor, start(dtype))
    paths, leaves = leaf_paths(params), jax.tree.leaves(params)
    for leaf in leaves:
        leaf.requires_grad_(True)
    optim = make(dict(zip(paths, leaves, strict=True)))
    first, second = params["dense_1"], params["dense_2"]
    trajectory = []
    for x, y in zip(*map(torch.tensor, batches(dtype)), strict=True):
        optim.zero_grad()
        h = torch.tanh(x @ first["kernel"] + first["bias"])
        out = h * params["layer_norm_1"]["scale"] @ second["kernel"] + second["bias"]
        ((out - y) ** 2).mean().backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(leaves, clip_norm)
        optim.step()
        trajectory.append([leaf.detach().numpy().copy() for leaf in leaves])
    return [np.stack(steps) for steps in zip(*trajectory, strict=True)]


def ours(name, learning_rate, **kwargs):
    kwargs = {"no_decay": ()} | kwargs  # PyTorch decays every parameter.
    return lambda: optimizer(name, learning_rate, **kwargs)


def theirs(name, **kwargs):
    return lambda named: getattr(torch.optim, name)(named.values(), **kwargs)


def decay_groups(name, **kwargs):
    """What a PyTorch user writes to leave biases and scales out of the decay."""

    def make(named):
        rest = {k: v for k, v in kwargs.items() if k != "weight_decay"}
        kernels = [p for path, p in named.items() if path.endswith("kernel")]
        others = [p for path, p in named.items() if not path.endswith("kernel")]
        assert len(kernels) == 2
        assert len(others) == 3
        groups = [
            {"params": kernels, "weight_decay": kwargs["weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ]
        return getattr(torch.optim, name)(groups, **rest)

    return make


def only_second(name, **kwargs):
    def make(named):
        return getattr(torch.optim, name)(
            [p for path, p in named.items() if path.startswith("dense_2")], **kwargs
        )

    return make


# Name, ours, PyTorch's, and the tolerance in float64. 1e-12 is rounding over fifty
# steps. `adagrad` has eps^2 in the root, which shows for gradients of 1e-5.
CASES = [
    ("sgd", ours("sgd", 0.1), theirs("SGD", lr=0.1), 1e-12),
    (
        "sgd, l2",
        ours("sgd", 0.1, l2=0.05),
        theirs("SGD", lr=0.1, weight_decay=0.05),
        1e-12,
    ),
    ("momentum", ours("momentum", 0.05), theirs("SGD", lr=0.05, momentum=0.9), 1e-12),
    (
        "momentum, l2",
        ours("momentum", 0.05, momentum=0.7, l2=0.05),
        theirs("SGD", lr=0.05, momentum=0.7, weight_decay=0.05),
        1e-12,
    ),
    (
        "nesterov",
        ours("nesterov", 0.05),
        theirs("SGD", lr=0.05, momentum=0.9, nesterov=True),
        1e-12,
    ),
    (
        "nesterov, l2",
        ours("nesterov", 0.05, momentum=0.7, l2=0.05),
        theirs("SGD", lr=0.05, momentum=0.7, nesterov=True, weight_decay=0.05),
        1e-12,
    ),
    ("adagrad", ours("adagrad", 0.1), theirs("Adagrad", lr=0.1), 1e-5),
    (
        "adagrad, l2",
        ours("adagrad", 0.1, accumulator=0.2, l2=0.05),
        theirs("Adagrad", lr=0.1, initial_accumulator_value=0.2, weight_decay=0.05),
        1e-9,
    ),
    ("rmsprop", ours("rmsprop", 0.01), theirs("RMSprop", lr=0.01), 1e-12),
    (
        "rmsprop, momentum, l2",
        ours("rmsprop", 0.01, decay=0.9, eps=1e-3, momentum=0.6, l2=0.05),
        theirs(
            "RMSprop", lr=0.01, alpha=0.9, eps=1e-3, momentum=0.6, weight_decay=0.05
        ),
        1e-12,
    ),
    ("adadelta", ours("adadelta", 1.0), theirs("Adadelta", lr=1.0), 1e-12),
    (
        "adadelta, l2",
        ours("adadelta", 0.5, decay=0.8, eps=1e-3, l2=0.05),
        theirs("Adadelta", lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.05),
        1e-12,
    ),
    ("adam", ours("adam", 0.01), theirs("Adam", lr=0.01), 1e-12),
    (
        "adam, l2",
        ours("adam", 0.01, b1=0.7, b2=0.95, eps=1e-3, l2=0.05),
        theirs("Adam", lr=0.01, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.05),
        1e-12,
    ),
    ("amsgrad", ours("amsgrad", 0.01), theirs("Adam", lr=0.01, amsgrad=True), 1e-12),
    (
        "amsgrad, l2",
        ours("amsgrad", 0.01, b1=0.7, b2=0.9, l2=0.05),
        theirs("Adam", lr=0.01, betas=(0.7, 0.9), amsgrad=True, weight_decay=0.05),
        1e-12,
    ),
    ("adamw", ours("adamw", 0.01), theirs("AdamW", lr=0.01), 1e-12),
    (
        "adamw, decay",
        ours("adamw", 0.01, weight_decay=0.5),
        theirs("AdamW", lr=0.01, weight_decay=0.5),
        1e-12,
    ),
    (
        "adamw is adam with decay",
        ours("adam", 0.01, weight_decay=0.01),
        theirs("AdamW", lr=0.01),
        1e-12,
    ),
    (
        "sgd, biases and scales not decayed",
        lambda: optimizer("sgd", 0.1, l2=0.5),
        decay_groups("SGD", lr=0.1, weight_decay=0.5),
        1e-12,
    ),
    (
        "adamw, biases and scales not decayed",
        lambda: optimizer("adamw", 0.01, weight_decay=0.5),
        decay_groups("AdamW", lr=0.01, weight_decay=0.5),
        1e-12,
    ),
    (
        "adam, all but the last layer frozen",
        ours("adam", 0.01, freeze=("dense_1/*", "layer_norm_1/*")),
        only_second("Adam", lr=0.01),
        1e-12,
    ),
]
CASES = [pytest.param(*case, id=name) for name, *case in CASES]


@pytest.mark.parametrize(("make", "make_torch", "tolerance"), CASES)
def test_fifty_steps_in_double_precision_are_those_of_torch(
    make, make_torch, tolerance
):
    with jax.enable_x64(True):
        got = our_trajectory(make, np.float64)
    due = torch_trajectory(make_torch, np.float64)
    # Weights are of order 1: the absolute part is for those that cross zero.
    chex.assert_trees_all_close(got, due, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("make", "make_torch", "tolerance"), CASES)
def test_fifty_steps_in_single_precision_are_those_of_torch(
    make, make_torch, tolerance
):
    got = our_trajectory(make, np.float32)
    due = torch_trajectory(make_torch, np.float32)
    # 1 - b2^t is rounded to float32 here, a relative 1e-5 of the first steps of 0.01,
    # and PyTorch rounds it from a double: 3e-6 in all, measured, for Adam.
    chex.assert_trees_all_close(got, due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "make_torch"),
    [
        (ours("sgd", 0.5, clip_norm=0.2), theirs("SGD", lr=0.5)),
        (
            ours("momentum", 0.1, clip_norm=0.2, l2=0.05),
            theirs("SGD", lr=0.1, momentum=0.9, weight_decay=0.05),
        ),
        (
            ours("adamw", 0.01, clip_norm=0.2, weight_decay=0.5),
            theirs("AdamW", lr=0.01, weight_decay=0.5),
        ),
    ],
    ids=["sgd", "momentum, l2", "adamw"],
)
def test_clipped_steps_are_those_of_clip_grad_norm(make, make_torch):
    with jax.enable_x64(True):
        got = our_trajectory(make, np.float64)
    due = torch_trajectory(make_torch, np.float64, clip_norm=0.2)
    # PyTorch divides by |g| + 1e-6, and |g| is at least 0.2 where it does.
    chex.assert_trees_all_close(got, due, rtol=1e-5, atol=1e-5)
    unclipped = torch_trajectory(make_torch, np.float64)
    assert max(np.abs(a - b).max() for a, b in zip(due, unclipped, strict=True)) > 0.01


def test_amsgrad_of_optax_is_another_rule_than_that_of_torch():
    """The reason for composing our own: the docstring says by how much it differs."""
    with jax.enable_x64(True):
        of_optax = our_trajectory(lambda: optax.amsgrad(0.01), np.float64)
    of_torch = torch_trajectory(theirs("Adam", lr=0.01, amsgrad=True), np.float64)
    apart = max(np.abs(a - b).max() for a, b in zip(of_optax, of_torch, strict=True))
    begin = jax.tree.leaves(start(np.float64))
    way = max(np.abs(b[-1] - a).max() for a, b in zip(begin, of_torch, strict=True))
    assert 0.15 < apart / way < 0.25


# Schedules: name, ours, the PyTorch scheduler, and how many steps to compare.
SCHEDULES = [
    (
        "steps, MultiStepLR",
        schedules.steps(0.3, [3, 4, 9], 0.2),
        lambda o: lr_scheduler.MultiStepLR(o, [3, 4, 9], gamma=0.2),
        15,
    ),
    (
        "steps, StepLR",
        schedules.steps(0.3, [4, 8, 12]),
        lambda o: lr_scheduler.StepLR(o, step_size=4),
        15,
    ),
    (
        "exponential, ExponentialLR",
        schedules.exponential(0.3, 0.9, 1),
        lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
        15,
    ),
    (
        "cosine, CosineAnnealingLR",
        schedules.cosine(0.3, 12, final=0.05),
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=12, eta_min=0.05),
        12,  # Theirs climbs again after T_max.
    ),
    (
        "warm_up, LinearLR",
        schedules.warm_up(0.3, 4),
        lambda o: lr_scheduler.LinearLR(o, start_factor=1 / 5, total_iters=4),
        10,
    ),
]


@pytest.mark.parametrize(
    ("schedule", "make_torch", "steps"),
    [pytest.param(*case, id=name) for name, *case in SCHEDULES],
)
def test_schedules_are_those_of_torch(schedule, make_torch, steps):
    optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = make_torch(optim)
    due = []
    for _ in range(steps + 1):
        due.append(scheduler.get_last_lr()[0])
        optim.step()
        scheduler.step()
    got = [schedule(step) for step in range(steps + 1)]
    # 1 + cos(pi t / T) loses digits near the end, where the rate is 0.05.
    np.testing.assert_allclose(got, due, rtol=2e-6)


@pytest.mark.parametrize("cooldown", [0, 2])
def test_on_plateau_lowers_the_rate_when_torch_does(cooldown):
    losses = [3.0, 2.0, 2.0, 2.1, 1.99999, 1.5, 1.6, 1.7, 1.4, *[1.45] * 12]
    optim = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(
        optim, factor=0.5, patience=2, threshold=1e-3, cooldown=cooldown, min_lr=0.1
    )
    # One more than theirs, as documented.
    ours = schedules.on_plateau(
        factor=0.5, patience=3, threshold=1e-3, cooldown=cooldown, min_scale=0.1
    )
    params = jnp.ones(1)
    state = ours.init(params)
    update = jax.jit(ours.update)
    scales, rates = [], []
    for loss in losses:
        theirs.step(loss)
        rates.append(optim.param_groups[0]["lr"])
        updates, state = update(params, state, value=jnp.asarray(loss))
        scales.append(updates[0])
    np.testing.assert_allclose(scales, rates, rtol=1e-6)
    assert len(set(rates)) >= 4  # It was lowered, and more than once.
