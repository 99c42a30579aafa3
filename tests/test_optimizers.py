"""jaxnet.optimizers: the size and direction of steps, masks, freezing, tracing.

The rules themselves are compared with PyTorch's in tests/parity.
"""

import chex
import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases.optimizers import OPTIMIZERS, RULES, small_loss, small_params

from jaxnet.optimizers import optimizer
from jaxnet.paths import leaf_paths

NAMES = [case.name for case in RULES]


def zeros_like(params):
    return jax.tree.map(jnp.zeros_like, params)


def step(transformation, params, grads):
    updates, _ = transformation.update(grads, transformation.init(params), params)
    return optax.apply_updates(params, updates)


def data(steps=6):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(steps, 8, 5)), rng.normal(size=(steps, 8, 2))
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)


def train(transformation, params, batches, loss=small_loss):
    """The weights after one step for each batch."""

    def body(carry, batch):
        params, state = carry
        grads = jax.grad(loss)(params, *batch)
        updates, state = transformation.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), ()

    first = (params, transformation.init(params))
    (params, _), _ = jax.lax.scan(body, first, batches)
    return params


def trained(make, *hypers):
    run = jax.jit(lambda params, batches, *h: train(make(*h), params, batches))
    return run(small_params(), data(), *hypers)


def apart(a, b):
    return max(
        float(jnp.abs(x - y).max())
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def test_a_step_clips_adds_l2_applies_the_rule_decays_and_scales():
    """Momentum, two steps by hand: L2 enters v, weight decay does not."""
    rate, l2, decay, momentum, limit = 0.1, 0.3, 0.5, 0.8, 2.0
    params = {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array([0.5])}
    grads = {"kernel": jnp.array([3.0, 0.0]), "bias": jnp.array([4.0])}  # Norm 5.
    transformation = optimizer(
        "momentum",
        rate,
        momentum=momentum,
        l2=l2,
        weight_decay=decay,
        clip_norm=limit,
    )
    state = transformation.init(params)
    w, b, v, v_b = np.array([1.0, -2.0]), 0.5, 0.0, 0.0
    for _ in range(2):
        updates, state = transformation.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        v = momentum * v + np.array([3.0, 0.0]) * limit / 5 + l2 * w
        v_b = momentum * v_b + 4.0 * limit / 5
        w, b = w - rate * (v + decay * w), b - rate * v_b
    chex.assert_trees_all_close(params["kernel"], w, rtol=1e-6)
    chex.assert_trees_all_close(params["bias"][0], b, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_decay_without_a_gradient_shrinks_kernels_by_rate_times_decay(name):
    params = small_params()
    decayed = step(optimizer(name, 0.1, weight_decay=0.5), params, zeros_like(params))
    for layer in ("dense_1", "dense_2"):
        chex.assert_trees_all_close(
            decayed[layer]["kernel"], 0.95 * params[layer]["kernel"], rtol=1e-6
        )
        chex.assert_trees_all_equal(decayed[layer]["bias"], params[layer]["bias"])
    chex.assert_trees_all_equal(decayed["layer_norm_1"], params["layer_norm_1"])


@pytest.mark.parametrize("name", NAMES)
def test_l2_without_a_gradient_moves_kernels_towards_zero(name):
    params = small_params()
    decayed = step(optimizer(name, 1e-3, l2=0.5), params, zeros_like(params))
    for layer in ("dense_1", "dense_2"):
        moved = decayed[layer]["kernel"] - params[layer]["kernel"]
        assert jnp.all(moved * params[layer]["kernel"] < 0)
        chex.assert_trees_all_equal(decayed[layer]["bias"], params[layer]["bias"])
    chex.assert_trees_all_equal(decayed["layer_norm_1"], params["layer_norm_1"])


def test_adamw_alone_decays_unless_told():
    params = small_params()
    for name in NAMES:
        moved = step(optimizer(name, 1.0), params, zeros_like(params))
        share = 0.01 if name == "adamw" else 0.0
        chex.assert_trees_all_close(
            moved["dense_1"]["kernel"],
            (1 - share) * params["dense_1"]["kernel"],
            rtol=1e-6,
        )
    still = step(optimizer("adamw", 1.0, weight_decay=0.0), params, zeros_like(params))
    chex.assert_trees_all_equal(still, params)


@pytest.mark.parametrize("kind", ["l2", "weight_decay"])
def test_no_decay_says_which_parameters_are_left_out(kind):
    params = small_params()

    def decayed(**kwargs):
        after = step(optimizer("sgd", 0.1, **kwargs), params, zeros_like(params))
        pairs = zip(jax.tree.leaves(params), jax.tree.leaves(after), strict=True)
        changed = [bool(jnp.any(a != b)) for a, b in pairs]
        return [p for p, c in zip(leaf_paths(params), changed, strict=True) if c]

    assert decayed(**{kind: 0.5}) == ["dense_1/kernel", "dense_2/kernel"]
    assert decayed(**{kind: 0.5}, no_decay=()) == leaf_paths(params)
    assert decayed(**{kind: 0.5}, no_decay="dense_*") == ["layer_norm_1/scale"]


def test_l2_and_weight_decay_are_the_same_for_sgd():
    l2 = trained(lambda: optimizer("sgd", 0.1, l2=0.3))
    decay = trained(lambda: optimizer("sgd", 0.1, weight_decay=0.3))
    chex.assert_trees_all_close(l2, decay, rtol=1e-6, atol=1e-7)  # One rounding a step.
    assert apart(decay, trained(lambda: optimizer("sgd", 0.1))) > 0.01


@pytest.mark.parametrize("name", ["momentum", "adagrad", "rmsprop", "adam"])
def test_l2_and_weight_decay_differ_for_other_rules(name):
    l2 = trained(lambda: optimizer(name, 0.05, l2=0.3, weight_decay=0.0))
    decay = trained(lambda: optimizer(name, 0.05, weight_decay=0.3))
    assert apart(l2, decay) > 0.01


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adamw"])
def test_a_traced_zero_is_the_same_as_leaving_the_part_out(name):
    hypers = {"l2": 0.0, "weight_decay": 0.0, "clip_norm": jnp.inf}
    if name == "rmsprop":
        hypers["momentum"] = 0.0
    traced = trained(lambda h: optimizer(name, 0.05, **h), hypers)
    plain = trained(lambda: optimizer(name, 0.05, weight_decay=0.0))
    chex.assert_trees_all_close(traced, plain, rtol=1e-6, atol=1e-7)


def test_parts_that_are_known_to_be_zero_leave_nothing_in_the_state():
    params = small_params()
    leaves = len(jax.tree.leaves(params))

    def size(*args, **kwargs):
        return len(jax.tree.leaves(optimizer(*args, **kwargs).init(params)))

    assert size("sgd", 0.1, l2=0.0, weight_decay=0.0) == 0
    assert size("momentum", 0.1) == leaves
    assert size("rmsprop", 0.1) == leaves
    assert size("rmsprop", 0.1, momentum=0.5) == 2 * leaves
    assert size("adam", 0.1) == 2 * leaves + 1
    assert size("amsgrad", 0.1) == 3 * leaves + 1

    # Nor do they ask for the params, which decay needs.
    sgd = optimizer("sgd", 0.1, l2=0.0, weight_decay=0.0)
    updates, _ = sgd.update(params, sgd.init(params))
    chex.assert_trees_all_close(updates, jax.tree.map(lambda p: -0.1 * p, params))


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    a=hnp.arrays(np.float32, (2, 3), elements=st.floats(-8, 8, width=32)),
    b=hnp.arrays(np.float32, (4,), elements=st.floats(-8, 8, width=32)),
    limit=st.floats(0.125, 16, width=32),
)
def test_clipping_keeps_the_direction_and_bounds_the_joint_norm(a, b, limit):
    grads = {"a": jnp.asarray(a), "b": jnp.asarray(b)}
    clipping = optimizer("sgd", 1.0, clip_norm=limit)
    clipped, _ = clipping.update(grads, clipping.init(grads), grads)
    norm = np.sqrt(
        (a.astype(np.float64) ** 2).sum() + (b.astype(np.float64) ** 2).sum()
    )
    share = min(1.0, limit / norm) if norm > 0 else 1.0
    # Sums of ten squares, a root and a division: a few units of 6e-8.
    due = {"a": -share * a, "b": -share * b}
    chex.assert_trees_all_close(clipped, due, rtol=1e-6, atol=1e-30)


def test_frozen_parameters_keep_their_bits_and_the_others_train_as_if_alone():
    """The frozen layer has a gradient, and decay and momentum to move it."""

    def make(**kwargs):
        return optimizer("adamw", 0.05, weight_decay=0.5, clip_norm=0.1, **kwargs)

    params, pattern = small_params(), ("dense_1/*", "*scale")
    frozen = trained(lambda: make(freeze=pattern))
    chex.assert_trees_all_equal(frozen["dense_1"], params["dense_1"])
    chex.assert_trees_all_equal(frozen["layer_norm_1"], params["layer_norm_1"])

    def loss_of_the_rest(rest, x, y):
        return small_loss(params | rest, x, y)

    # A clip norm of 0.1 would be shared with the frozen layers if these counted.
    alone = train(make(), {"dense_2": params["dense_2"]}, data(), loss_of_the_rest)
    chex.assert_trees_all_close(frozen["dense_2"], alone["dense_2"], rtol=1e-6)
    assert apart(frozen["dense_2"], params["dense_2"]) > 0.05


def test_frozen_parameters_have_no_moments():
    params = small_params()
    state = optimizer("adam", 0.1, freeze="dense_1/*").init(params)
    shapes = [leaf.shape for leaf in jax.tree.leaves(state)]
    assert (5, 4) not in shapes
    assert shapes.count((4, 2)) == 2


def test_freezing_nothing_that_exists_is_refused():
    params = small_params()
    with pytest.raises(
        ValueError, match=r"freeze='encoder/\*' fits no parameter.*bias"
    ):
        optimizer("sgd", 0.1, freeze="encoder/*").init(params)
    with pytest.raises(ValueError, match=r"freeze='dense_3/\*'"):
        optimizer("sgd", 0.1, freeze=("dense_1/*", "dense_3/*")).init(params)


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_is_asked_for_steps_from_zero(name):
    """The rate scales the whole step: twice the rate, twice the step."""
    params = small_params()
    rates = jnp.array([0.1, 0.3, 0.2])
    scheduled = optimizer(name, lambda step: rates[step], weight_decay=0.1)
    unit = optimizer(name, 1.0, weight_decay=0.1)
    grads = jax.grad(small_loss)(params, *(a[0] for a in data()))
    state, unit_state = scheduled.init(params), unit.init(params)
    for rate in rates:
        updates, state = scheduled.update(grads, state, params)
        due, unit_state = unit.update(grads, unit_state, params)
        due = jax.tree.map(lambda d, rate=rate: rate * d, due)
        chex.assert_trees_all_close(updates, due, rtol=1e-6)


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in OPTIMIZERS
        if case.name in ("momentum with everything", "rmsprop", "adadelta", "amsgrad")
    ],
    ids=lambda case: case.name,
)
def test_training_has_the_gradient_in_every_number_that_differences_give(case):
    names, values = list(case.hypers), np.array(list(case.hypers.values()))

    with jax.enable_x64(True):
        params = jax.tree.map(lambda a: a.astype(jnp.float64), small_params())
        batches = jax.tree.map(lambda a: a.astype(jnp.float64), data(3))

        def final_loss(values):
            hypers = dict(zip(names, values, strict=True))
            after = train(case.make(hypers), params, batches)
            return small_loss(after, *(a[0] for a in batches))

        got = jax.jit(jax.grad(final_loss))(jnp.asarray(values))
        h = 1e-4 * values
        shifted = np.concatenate([values + np.diag(h), values - np.diag(h)])
        up, down = np.split(np.asarray(jax.jit(jax.vmap(final_loss))(shifted)), 2)
    # Central differences are off by h^2 f''' / 6, and by rounding / h.
    due, rounding = (up - down) / (2 * h), 1e-15 / h
    assert np.all(np.abs(np.asarray(got) - due) <= 1e-4 * np.abs(due) + rounding)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"optimizer='adamW'.*Did you mean 'adamw'\?"):
        optimizer("adamW", 0.1)
    with pytest.raises(ValueError, match=r"Did you mean 'nesterov'\?"):
        optimizer("nestrov", 0.1)


def test_a_number_that_the_rule_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"hyperparameter of adam='momentum'.*'b1'"):
        optimizer("adam", 0.1, momentum=0.9)
    with pytest.raises(ValueError, match=r"Did you mean 'momentum'\?"):
        optimizer("momentum", 0.1, momentun=0.9)
    with pytest.raises(ValueError, match=r"hyperparameter of sgd='momentum'"):
        optimizer("sgd", 0.1, momentum=0.9)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        (
            "sgd",
            {"learning_rate": -0.1},
            "learning_rate should be at least 0, got -0.1",
        ),
        ("sgd", {"l2": -1e-3}, "l2 should be at least 0, got -0.001"),
        ("adam", {"weight_decay": -0.1}, "weight_decay should be at least 0, got -0.1"),
        ("sgd", {"clip_norm": 0.0}, "clip_norm should be above 0, got 0.0. None is no"),
        ("momentum", {"momentum": 1.0}, "momentum should be at least 0 and below 1"),
        (
            "rmsprop",
            {"decay": -0.1},
            "decay should be at least 0 and below 1, got -0.1",
        ),
        ("adam", {"b1": 1.5}, "adam: b1 should be at least 0 and below 1, got 1.5"),
        ("adam", {"b2": 1.0}, "adam: b2 should be at least 0 and below 1, got 1.0"),
        ("amsgrad", {"eps": 0.0}, "amsgrad: eps should be above 0, got 0.0"),
        (
            "adagrad",
            {"accumulator": -1.0},
            "accumulator should be at least 0, got -1.0",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        optimizer(name, **({"learning_rate": 0.1} | kwargs))
