"""jaxnet.initializers: variances by the formula, what a net makes of them, redrawing.

PyTorch's initializers are compared with in tests/parity/test_initializers.py.
"""

import math
import subprocess
import sys

import chex
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnet import initializers
from jaxnet.initializers import (
    constant,
    fan_average,
    glorot_normal,
    glorot_uniform,
    he,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    orthogonal,
    pytorch_default,
    reinitialize,
    uniform,
    zeros,
)
from jaxnet.layers.activations import relu
from jaxnet.layers.combining import sequential
from jaxnet.layers.dense import dense

# (variance as a function of the fan, the kurtosis of the distribution: 3 for a normal,
# less for one that is cut off, 1.8 for a uniform.)
RANDOM = {
    "lecun_normal": (lecun_normal, lambda n_in, n_out: 1 / n_in, 3.0),
    "lecun_uniform": (lecun_uniform, lambda n_in, n_out: 1 / n_in, 1.8),
    "glorot_normal": (glorot_normal, lambda n_in, n_out: 2 / (n_in + n_out), 3.0),
    "glorot_uniform": (glorot_uniform, lambda n_in, n_out: 2 / (n_in + n_out), 1.8),
    "he_normal": (he_normal, lambda n_in, n_out: 2 / n_in, 3.0),
    "he_uniform": (he_uniform, lambda n_in, n_out: 2 / n_in, 1.8),
    "fan_average": (fan_average, lambda n_in, n_out: 4 / (n_in + n_out), 3.0),
    "pytorch_default": (pytorch_default, lambda n_in, n_out: 1 / (3 * n_in), 1.8),
    "he(1.7)": (he(1.7), lambda n_in, n_out: 1.7 / n_in, 3.0),
    "normal(0.3)": (normal(0.3), lambda n_in, n_out: 0.09, 3.0),
    "uniform(0.3)": (uniform(0.3), lambda n_in, n_out: 0.03, 1.8),
    "orthogonal(0.3)": (
        orthogonal(0.3),
        lambda n_in, n_out: 0.09 / max(n_in, n_out),
        3.0,
    ),
}


@pytest.mark.parametrize("shape", [(300, 500), (5, 5, 30, 60)], ids=str)
@pytest.mark.parametrize("name", RANDOM)
def test_draws_have_mean_zero_and_the_variance_of_the_formula(key, name, shape):
    initializer, variance, kurtosis = RANDOM[name]
    window = math.prod(shape[:-2])
    n_in, n_out = window * shape[-2], window * shape[-1]
    if name.startswith("orthogonal"):
        n_in, n_out = math.prod(shape[:-1]), shape[-1]
    due = variance(n_in, n_out)
    draws = np.asarray(initializer(key, shape, jnp.float32), np.float64)
    assert draws.shape == shape
    # Five standard errors, of a mean of n draws and of their mean square.
    assert abs(draws.mean()) < 5 * math.sqrt(due / draws.size)
    error = 5 * math.sqrt((kurtosis - 1) / draws.size)
    assert abs((draws**2).mean() / due - 1) < error


def test_uniform_draws_reach_both_ends_and_no_further(key):
    # A draw of n misses the outer share e of an end with probability (1 - e/2)^n.
    for initializer, end in [
        (uniform(0.3), 0.3),
        (pytorch_default, 1 / math.sqrt(100)),
        (he_uniform, math.sqrt(6 / 100)),
        (glorot_uniform, math.sqrt(6 / 300)),
    ]:
        draws = initializer(jax.random.clone(key), (100, 200), jnp.float32)
        assert -end * 1.000001 <= draws.min() < -0.998 * end
        assert 0.998 * end < draws.max() <= end * 1.000001


def test_constants_are_what_they_say(key):
    shape = (2, 3)
    for initializer, value in ((zeros, 0.0), (ones, 1.0), (constant(-0.7), -0.7)):
        drawn = initializer(key, shape, jnp.float32)
        chex.assert_trees_all_equal(drawn, jnp.full(shape, value))


def test_he_with_gain_two_is_he_normal(key):
    shape, dtype = (30, 20), jnp.float32
    same = he_normal(jax.random.clone(key), shape, dtype)
    chex.assert_trees_all_close(he(2.0)(key, shape, dtype), same, rtol=1e-6)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5)], ids=str)
def test_orthogonal_keeps_lengths_times_its_scale(key, shape):
    q = orthogonal(1.5)(key, shape, jnp.float32)
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    chex.assert_trees_all_close(gram, 2.25 * jnp.eye(min(shape)), atol=1e-5)


@pytest.mark.parametrize("make", [normal, uniform, he, orthogonal, constant])
def test_scales_may_be_swept(key, make):
    scales = jnp.array([0.5, 1.0, 2.0])
    together = jax.jit(
        jax.vmap(lambda scale: make(scale)(jax.random.clone(key), (4, 3), jnp.float32))
    )(scales)
    for i, scale in enumerate((0.5, 1.0, 2.0)):
        alone = make(scale)(jax.random.clone(key), (4, 3), jnp.float32)
        chex.assert_trees_all_close(together[i], alone, rtol=1e-6)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 2**31 - 1))
def test_uniform_is_the_unit_draw_times_its_scale(scale, seed):
    draw = uniform(scale)(jax.random.key(seed), (3, 2), jnp.float32)
    unit = uniform(1.0)(jax.random.key(seed), (3, 2), jnp.float32)
    # Both round to float32 once or twice, at their largest absolute value.
    np.testing.assert_allclose(draw, scale * unit, rtol=1e-6, atol=3e-7 * scale)


@pytest.mark.parametrize("make", [uniform, he, orthogonal])
def test_a_negative_scale_is_refused(make):
    with pytest.raises(ValueError, match=f"{make.__name__}: .* at least 0, got -1.0"):
        make(-1.0)


def untrained_losses(seeds, x_scale=1.0, **inits):
    """The loss of the lectures' net before training, for each seed."""
    layer = [dense(features, **inits) for features in (2048, 256, 20)]
    model = sequential(layer[0], relu, layer[1], relu, layer[2])

    def loss(seed):
        x_key, label_key, init_key = jax.random.split(jax.random.key(seed), 3)
        x = x_scale * jax.random.normal(x_key, (512, 300))
        labels = jax.random.randint(label_key, (512,), 0, 20)
        logits, _ = model.apply(*model.init(init_key, x), x)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return jnp.mean(losses)

    return np.asarray(jax.lax.map(loss, jnp.arange(seeds)))


def test_pytorch_default_starts_at_the_loss_of_the_uniform_guess():
    losses = untrained_losses(2, kernel_init=pytorch_default, bias_init=pytorch_default)
    assert np.all(np.abs(losses - math.log(20)) < 0.1)


def test_the_first_losses_of_other_scales_are_those_of_the_docstring():
    # Means of 20 seeds and their standard deviations; four of the latter each way.
    assert abs(untrained_losses(2, kernel_init=glorot_uniform) - 3.09).max() < 0.1
    assert abs(untrained_losses(4) - 3.84).max() < 0.5  # He's, the default of dense.
    inits = {"kernel_init": normal(1.0), "bias_init": normal(1.0)}
    assert abs(untrained_losses(2, **inits) - 11_400).max() < 4_000
    # Vectors of length one, as those of documents are: 300 entries of this size.
    of_documents = untrained_losses(2, x_scale=300**-0.5, **inits)
    assert np.all((of_documents > 600) & (of_documents < 1_100))


def test_dividing_by_the_standard_deviation_is_the_slip_of_the_docstring(key):
    std = math.sqrt(2 / (300 + 2048))
    right = glorot_normal(key, (300, 2048), jnp.float32).std()
    assert abs(float(right) - 0.029) < 0.0005
    assert round(1 / std, 1) == 34.3


def tree():
    return {
        "dense_1": {"kernel": jnp.ones((40, 30)), "bias": jnp.ones(30)},
        "dense_2": {"kernel": jnp.ones((30, 20)), "bias": jnp.ones(20)},
    }


def test_reinitialize_draws_what_fits_and_keeps_the_rest(key):
    before = tree()
    after = reinitialize(before, "*kernel", he_normal, key)
    for name, n_in in (("dense_1", 40), ("dense_2", 30)):
        chex.assert_trees_all_equal(after[name]["bias"], before[name]["bias"])
        kernel = after[name]["kernel"]
        assert kernel.shape == before[name]["kernel"].shape
        # At least 600 draws: their mean square is within 5 sqrt(2 / 600).
        assert abs(jnp.mean(kernel**2) * n_in / 2 - 1) < 0.29
    flat = [after[name]["kernel"].ravel()[:600] for name in after]
    assert abs(np.corrcoef(*flat)[0, 1]) < 5 / math.sqrt(600)  # Keys of their own.


def test_what_a_leaf_gets_does_not_depend_on_what_else_fits(key):
    everything = reinitialize(tree(), "*", normal(0.1), jax.random.clone(key))
    one = reinitialize(tree(), "dense_2/kernel", normal(0.1), jax.random.clone(key))
    chex.assert_trees_all_equal(
        one["dense_2"]["kernel"], everything["dense_2"]["kernel"]
    )
    again = reinitialize(tree(), "*", normal(0.1), key)
    chex.assert_trees_all_equal(again, everything)
    other = reinitialize(tree(), "*", normal(0.1), jax.random.key(1))
    assert jnp.all(other["dense_1"]["kernel"] != everything["dense_1"]["kernel"])


def test_reinitialize_works_for_a_sweep_of_members_and_scales():
    keys = jax.random.split(jax.random.key(3), 2)

    def redraw(key, scale):
        return reinitialize(tree(), "*kernel", normal(scale), key)["dense_1"]["kernel"]

    drawn = jax.jit(jax.vmap(redraw))(keys, jnp.array([0.1, 3.0]))
    np.testing.assert_allclose(drawn.std(axis=(1, 2)), [0.1, 3.0], rtol=0.1)


def test_reinitialize_refuses_what_it_cannot_do(key):
    with pytest.raises(
        ValueError, match=r"pattern='\*weight' fits no parameter.*kernel"
    ):
        reinitialize(tree(), "*weight", he_normal, key)
    for initializer in (he_normal, pytorch_default, orthogonal()):
        with pytest.raises(
            ValueError, match=r"fits dense_1/bias of shape \(30,\).*zeros"
        ):
            reinitialize(tree(), "*", initializer, jax.random.clone(key))
    with pytest.raises(TypeError, match="should be a single key, got 2"):
        reinitialize.__wrapped__(tree(), "*", zeros, jax.random.split(key))


def test_a_maker_given_in_place_of_an_initializer_fails_at_once(key):
    """``kernel_init=normal`` where ``normal(0.1)`` was meant."""
    for maker in (constant, normal, uniform.__wrapped__, he.__wrapped__):
        with pytest.raises(TypeError, match="positional argument"):
            maker(key, (3, 2), jnp.float32)
    with pytest.raises(TypeError, match="positional argument"):
        orthogonal.__wrapped__(key, (3, 2), jnp.float32)


def test_importing_computes_nothing():
    """An array made at import would start a backend, and fix the settings of JAX."""
    names = [n for n in vars(initializers) if not n.startswith("_")]
    assert not any(isinstance(getattr(initializers, n), jax.Array) for n in names)
    code = (
        "import jaxnet.initializers, jaxnet.optimizers, jaxnet.schedules;"
        "from jax._src import xla_bridge; print(xla_bridge.backends_are_initialized())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
