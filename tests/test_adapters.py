"""jaxnet.layers.adapters against the same modules of flax, called without us."""

import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases.layers import normal
from cases.layers_sequence import LinenBlock, NnxBlock, make_nnx_block, tell_train
from flax import nnx

from jaxnet.checks import LayerError
from jaxnet.layers.adapters import from_linen, from_nnx
from jaxnet.layers.combining import sequential
from jaxnet.layers.dense import dense
from jaxnet.paths import leaf_paths

X = 2.0 * normal(8, 5) + 1.0
TARGET = normal(8, 2)
RATE = 0.05

# Float32 throughout, and the same operations, compiled in another way: sums of a
# few dozen terms of order one, in which terms may cancel (the atol).
CLOSE = {"rtol": 1e-5, "atol": 2e-6}


def linen_block(dropout=0.0):
    return from_linen(LinenBlock(4, rate=dropout), kwargs=tell_train)


def nnx_block(dropout=0.0):
    return from_nnx(lambda rngs: NnxBlock(5, 4, rngs=rngs, rate=dropout))


both = pytest.mark.parametrize("make", [linen_block, nnx_block])


def train_ours(layer, key, steps):
    """Params and state after steps of gradient descent, and all losses."""
    init_key, train_key = jax.random.split(key)
    params, state = layer.init(init_key, X)

    def step(carry, i):
        params, state = carry

        def loss(params):
            step_key = jax.random.fold_in(train_key, i)
            y, new = layer.apply(params, state, X, train=True, key=step_key)
            return jnp.mean((y - TARGET) ** 2), new

        (value, new), grads = jax.value_and_grad(loss, has_aux=True)(params)
        params = jax.tree.map(lambda p, g: p - RATE * g, params, grads)
        return (params, new), value

    return jax.lax.scan(step, (params, state), jnp.arange(steps))


def train_linen(key, steps):
    """The same by hand, with the rule of flax and no dropout."""
    module = LinenBlock(4, rate=0.0)
    init_key, _ = jax.random.split(key)
    variables = module.init(jax.random.fold_in(init_key, 0), X)
    params, stats = variables["params"], variables["batch_stats"]

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params, stats):
        both = {"params": params, "batch_stats": stats}
        y, new = module.apply(both, X, train=True, mutable=["batch_stats"])
        return jnp.mean((y - TARGET) ** 2), new

    losses = []
    for _ in range(steps):
        (value, new), grads = loss(params, stats)
        stats = new["batch_stats"]
        params = jax.tree.map(lambda p, g: p - RATE * g, params, grads)
        losses.append(value)
    y = module.apply({"params": params, "batch_stats": stats}, X)
    return params, {"batch_stats": stats}, np.array(losses), y


def train_nnx(key, steps):
    init_key, _ = jax.random.split(key)
    rngs = nnx.Rngs(jax.random.fold_in(init_key, 0))
    module = NnxBlock(5, 4, rngs=rngs, rate=0.0)
    module.train()

    @nnx.jit
    def step(module):
        def loss(module):
            return jnp.mean((module(X) - TARGET) ** 2)

        value, grads = nnx.value_and_grad(loss)(module)
        params = nnx.state(module, nnx.Param)
        nnx.update(module, jax.tree.map(lambda p, g: p - RATE * g, params, grads))
        return value

    losses = [step(module) for _ in range(steps)]
    module.eval()
    params = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    params["layers"] = {str(i): layer for i, layer in params["layers"].items()}
    state = nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))
    return params, state, np.array(losses), module(X)


@pytest.mark.parametrize(
    ("make", "oracle"), [(linen_block, train_linen), (nnx_block, train_nnx)]
)
def test_three_members_train_as_flax_trains_them_one_by_one(make, oracle, key):
    """Initial values, losses, gradients, running statistics, and evaluation."""
    model = sequential(block=make())
    keys = jax.random.split(key, 3)
    together = jax.jit(jax.vmap(lambda key: train_ours(model, key, steps=3)))
    (params, state), losses = together(jax.random.clone(keys))
    y, _ = jax.vmap(model.apply, in_axes=(0, 0, None))(params, state, X)
    for i, member_key in enumerate(keys):
        ours = jax.tree.map(
            lambda a, i=i: a[i], (params["block"], state["block"], losses, y)
        )
        chex.assert_trees_all_close(ours, oracle(member_key, steps=3), **CLOSE)


def test_params_have_the_names_that_flax_gives(key):
    linen_key, nnx_key = jax.random.split(key)
    linen_model = sequential(dense(5), linen_block())
    params, state = linen_model.init(linen_key, X)
    assert leaf_paths(params)[2:] == [
        "linenblock_1/BatchNorm_0/bias",
        "linenblock_1/BatchNorm_0/scale",
        "linenblock_1/Dense_0/kernel",
        "linenblock_1/Dense_1/bias",
        "linenblock_1/Dense_1/kernel",
    ]
    assert leaf_paths(state) == [
        "linenblock_1/batch_stats/BatchNorm_0/mean",
        "linenblock_1/batch_stats/BatchNorm_0/var",
    ]
    params, state = sequential(nnx_block()).init(nnx_key, X)
    assert leaf_paths(params) == [
        "nnxblock_1/head/bias",
        "nnxblock_1/head/kernel",
        "nnxblock_1/layers/0/kernel",
        "nnxblock_1/layers/1/kernel",
        "nnxblock_1/norm/bias",
        "nnxblock_1/norm/scale",
    ]
    assert leaf_paths(state) == ["nnxblock_1/norm/mean", "nnxblock_1/norm/var"]
    for tree in (params, state):  # Nothing of flax is left: a plain file can hold it.
        assert {type(node) for node in (tree, *tree.values())} == {dict}


def test_linen_dropout_draws_from_the_key_as_flax_does_with_its_second_half(key):
    module, x = nn.Dropout(0.5), jnp.ones((50, 40))

    def kwargs(train):
        return {"deterministic": not train}

    layer = from_linen(module, kwargs=kwargs)
    y, state = layer.apply((), (), x, train=True, key=jax.random.clone(key))
    rngs = {"dropout": jax.random.split(key)[1]}
    due = module.apply({}, x, deterministic=False, rngs=rngs)
    chex.assert_trees_all_equal(y, due)
    assert state == ()


class TwoDropouts(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Dropout(0.25, rngs=rngs)
        self.second = nnx.Dropout(0.25, rngs=rngs)

    def __call__(self, x):
        return self.first(x), self.second(x)


def test_nnx_streams_draw_from_the_key_and_each_for_itself(key):
    layer, x = from_nnx(TwoDropouts), jnp.ones((100, 100))
    one_key, other_key = jax.random.split(key)
    apply = jax.jit(functools.partial(layer.apply, (), (), train=True))
    (first, second), _ = apply(x, key=jax.random.clone(one_key))
    again, _ = apply(x, key=one_key)
    (other, _), _ = apply(x, key=other_key)
    chex.assert_trees_all_equal((first, second), again)
    for y in (first, second, other):
        # 4 standard errors of a share of 10,000 draws: 4 * sqrt(3 / 16 / 10,000).
        assert abs(jnp.mean(y == 0) - 0.25) < 0.018
        chex.assert_trees_all_close(jnp.unique(y), jnp.array([0.0, 4 / 3]))
    # Independent masks agree in 10 of 16 places, and these should not in all.
    for one, another in ((first, second), (first, other)):
        assert abs(jnp.mean(one == another) - 10 / 16) < 0.02


class StackedNnx(nnx.Module):
    """Layers in a scan: one stream of three keys, and compiled parts."""

    def __init__(self, rngs):
        @nnx.split_rngs(splits=3)
        @nnx.vmap
        def make(rngs):
            return nnx.Dropout(0.5, rngs=rngs)

        self.layers = make(rngs)

    def __call__(self, x):
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def one_by_one(x, layer):
            return nnx.remat(lambda layer, x: layer(x))(layer, x)

        return nnx.jit(one_by_one)(x, self.layers)


def test_streams_that_hold_several_keys_get_several(key):
    layer, x = from_nnx(StackedNnx), jnp.ones((100, 100))
    y, _ = layer.apply((), (), x)
    chex.assert_trees_all_equal(y, x)
    y, _ = layer.apply((), (), x, train=True, key=key)
    # What passes three independent masks: 4 standard errors of the share.
    assert abs(jnp.mean(y > 0) - 1 / 8) < 4 * np.sqrt(7 / 64 / 10_000)
    chex.assert_trees_all_close(jnp.unique(y), jnp.array([0.0, 8.0]))


@both
def test_training_needs_a_key_if_the_module_draws(make, key):
    layer = make(dropout=0.4)
    params, state = layer.init(key, X)
    with pytest.raises(LayerError, match=r"train=True\) needs a key, got key=None"):
        layer.apply(params, state, X, train=True)
    with pytest.raises(LayerError, match=r"needs a key"):
        jax.jit(functools.partial(layer.apply, train=True))(params, state, X)
    layer.apply(params, state, X)  # Evaluation does not.


@both
def test_training_needs_no_key_if_the_module_does_not_draw(make, key):
    layer = make(dropout=0.0)
    params, state = layer.init(key, X)
    without, _ = layer.apply(params, state, X, train=True)
    with_key, _ = layer.apply(params, state, X, train=True, key=jax.random.key(1))
    chex.assert_trees_all_equal(without, with_key)


class AlwaysNoisyNnx(nnx.Module):
    def __init__(self, rngs):
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(x, deterministic=False)


@pytest.mark.parametrize(
    "layer",
    [from_linen(nn.Dropout(0.5, deterministic=False)), from_nnx(AlwaysNoisyNnx)],
    ids=["linen", "nnx"],
)
def test_a_module_that_draws_in_evaluation_is_refused_even_with_a_key(layer, key):
    with pytest.raises(LayerError, match=r"draws at random in evaluation.*kwargs"):
        layer.apply((), (), X, key=key)


def test_a_linen_module_that_does_not_hear_of_evaluation_is_refused(key):
    model = sequential(from_linen(nn.BatchNorm(use_running_average=False)))
    message = r"^batchnorm_1: .*updates its state in evaluation. Let kwargs"
    with pytest.raises(LayerError, match=message):
        model.init(key, X)


class SwitchedNnx(nnx.Module):
    def __init__(self, rngs):
        self.scale = nnx.Param(jnp.array(3.0))

    def __call__(self, x, *, double):
        return x * self.scale[...] * (2.0 if double else 1.0)


def test_kwargs_reach_the_call_of_an_nnx_module(key):
    layer = from_nnx(SwitchedNnx, kwargs=lambda train: {"double": train})
    params, state = layer.init(key, X)
    trained, _ = layer.apply(params, state, X, train=True)
    chex.assert_trees_all_close(layer.apply(params, state, X)[0], 3.0 * X, rtol=1e-6)
    chex.assert_trees_all_close(trained, 6.0 * X, rtol=1e-6)


class SowingLinen(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Dense(3, kernel_init=nn.with_partitioning(nn.ones, (None, None)))(x)
        self.sow("intermediates", "hidden", x)
        return x


def test_sown_values_and_the_boxes_of_linen_are_left_out(key):
    layer = from_linen(SowingLinen())
    params, state = layer.init(key, X)
    chex.assert_trees_all_equal(params["Dense_0"]["kernel"], jnp.ones((5, 3)))
    assert state == ()
    _, state = layer.apply(params, state, X, train=True)
    assert state == ()


class CountingNnx(nnx.Module):
    """Keeps what is not running statistics: a counter, and an array of the outside."""

    def __init__(self, rngs):
        self.calls = nnx.Variable(0)
        self.table = nnx.data(jnp.arange(5.0))

    def __call__(self, x):
        self.calls[...] = self.calls[...] + 1
        return x + jnp.broadcast_to(self.table, x.shape)


def test_whatever_an_nnx_module_keeps_is_state_and_changes_in_training_alone(key):
    layer = from_nnx(CountingNnx)
    params, state = layer.init(key, X)
    assert params == ()
    assert sorted(state) == ["calls", "table"]
    _, state = layer.apply(params, state, X)
    assert state["calls"] == 0
    for _ in range(2):
        y, state = jax.jit(functools.partial(layer.apply, train=True))(params, state, X)
    assert state["calls"] == 2
    chex.assert_trees_all_close(y - X, jnp.tile(jnp.arange(5.0), (8, 1)), atol=1e-6)


class GrowingLinen(nn.Module):
    @nn.compact
    def __call__(self, x):
        past = self.variable("cache", "past", jnp.zeros, (1,))
        if self.is_mutable_collection("cache") and not self.is_initializing():
            past.value = jnp.concatenate([past.value, past.value])
        return x


class WideningNnx(nnx.Module):
    def __init__(self, rngs):
        self.calls = nnx.Variable(jnp.array(0))

    def __call__(self, x):
        self.calls.set_value(self.calls[...] + 0.5)
        return x


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (from_linen(GrowingLinen()), r"float32\[1\].* to .*float32\[2\]"),
        (from_nnx(WideningNnx), r"int32\[\].* to .*float32\[\]"),
    ],
    ids=["linen", "nnx"],
)
def test_state_of_another_shape_or_dtype_is_refused(layer, message, key):
    params, state = layer.init(key, X)
    with pytest.raises(LayerError, match=message):
        layer.apply(params, state, X, train=True)


def test_params_and_state_of_another_model_are_refused(key):
    layer = from_nnx(make_nnx_block)
    params, state = layer.init(key, X)
    with pytest.raises(LayerError, match=r"needs params .*'head/bias'.* got \['w'\]"):
        layer.apply({"w": jnp.zeros(2)}, state, X)
    with pytest.raises(LayerError, match=r"needs a state .*\['norm/mean', .* got \[\]"):
        layer.apply(params, (), X)


class BareArrayNnx(nnx.Module):
    def __init__(self, rngs):
        self.mask = jnp.ones(5)

    def __call__(self, x):
        return x * jnp.broadcast_to(self.mask, x.shape)


class HoldsBareArrayNnx(nnx.Module):
    def __init__(self, rngs):
        self.inner = BareArrayNnx(rngs)

    def __call__(self, x):
        return self.inner(x)


def test_an_nnx_module_with_an_array_in_a_bare_attribute_is_refused():
    message = r"inner\.mask of HoldsBareArrayNnx .* write nnx.Variable"
    with pytest.raises(ValueError, match=message):
        from_nnx(HoldsBareArrayNnx)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (LinenBlock, r"got the class LinenBlock. Make an instance.*LinenBlock\("),
        (NnxBlock(5, 4, rngs=nnx.Rngs(0)), r"an instance of NnxBlock.*use from_nnx"),
        (lambda x: x, r"an instance of function. Give it an instance of a flax"),
    ],
    ids=["class", "nnx", "function"],
)
def test_from_linen_takes_nothing_but_an_instance_of_linen(module, message):
    with pytest.raises(TypeError, match=message):
        from_linen(module)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            NnxBlock(5, 4, rngs=nnx.Rngs(0)),
            r"instance of NnxBlock. Each init .* lambda rngs: NnxBlock\(..., rngs=rngs",
        ),
        (LinenBlock, r"the class LinenBlock. It is of linen: use from_linen"),
        (LinenBlock(3), r"an instance of LinenBlock. It is of linen: use from_linen"),
        (3, r"needs a function from nnx.Rngs to a module, got an instance of int"),
        (lambda rngs: jnp.sin, r"make\(rngs\) returned an instance of .*, not an nnx"),
    ],
    ids=["instance", "class of linen", "linen", "number", "returns a function"],
)
@pytest.mark.usefixtures("as_users_have_it")
def test_from_nnx_takes_nothing_but_a_maker_of_nnx(make, message):
    with pytest.raises(TypeError, match=message):
        from_nnx(make)


def test_a_class_that_needs_more_than_rngs_is_told_how():
    with pytest.raises(TypeError) as info:
        from_nnx(NnxBlock)
    assert "from_nnx calls make(rngs)" in info.value.__notes__[0]
