"""jaxnet.layers.convolution: flax, closed forms, invariants and errors."""

import math
import re

import chex
import flax.linen as nn
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.checks import LayerError
from jaxnet.layers.combining import sequential
from jaxnet.layers.convolution import conv
from jaxnet.layers.dense import dense

# Building a layer with a wrong kind of argument, as a user without the tests'
# annotation checks does.
unchecked_conv = conv.__wrapped__


def draw(*shape):
    """Standard normal values, without a compilation for every shape."""
    rng = np.random.default_rng(sum(shape))
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def draw_params(layer, x):
    """Params of the shapes that init makes, with a bias: zeros would hide it."""
    params, _ = jax.eval_shape(layer.init, jax.random.key(0), x)
    return jax.tree.map(lambda leaf: draw(*leaf.shape), params)


def run(layer, params, x):
    return jax.jit(layer.apply)(params, (), x)[0]


@pytest.mark.parametrize(
    ("shape", "window", "options"),
    [
        ((3, 7, 4), (3,), {"stride": 2}),
        ((3, 7, 4), (2,), {"dilation": 2, "padding": "VALID"}),
        ((2, 6, 5, 4), (3, 2), {"groups": 2}),
        ((2, 6, 5, 4), (3, 2), {"padding": ((1, 0), (2, 1)), "dilation": (1, 2)}),
    ],
    ids=str,
)
def test_conv_takes_the_params_of_flax_and_gives_its_values(shape, window, options):
    x = draw(*shape)
    flax_conv = nn.Conv(
        6,
        window,
        strides=options.get("stride", 1),
        padding=options.get("padding", "SAME"),
        kernel_dilation=options.get("dilation", 1),
        feature_group_count=options.get("groups", 1),
    )
    layer = conv(6, window, **options)
    params = draw_params(layer, x)
    due = jax.eval_shape(flax_conv.init, jax.random.key(0), x)["params"]
    chex.assert_trees_all_equal_shapes(params, due)

    def both(apply):
        def loss(params, x):
            y = apply(params, x)
            return jnp.sum(jnp.sin(y)), y

        return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(params, x)

    ours = both(lambda params, x: layer.apply(params, (), x)[0])
    theirs = both(lambda params, x: flax_conv.apply({"params": params}, x))
    # Both end in one call of XLA with the same arguments.
    chex.assert_trees_all_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_window_of_one_is_a_dense_layer_at_every_place(padding):
    x = draw(2, 3, 4, 5)
    layer = conv(6, (1, 1), padding=padding)
    params = draw_params(layer, x)
    expected, _ = dense(6).apply(
        {"kernel": params["kernel"][0, 0], "bias": params["bias"]}, (), x
    )
    # Sums of five terms: only their order can differ.
    chex.assert_trees_all_close(run(layer, params, x), expected, rtol=1e-5, atol=1e-6)


def test_the_formula_of_the_docstring_is_what_conv_computes():
    stride, dilation, low, high = 2, 3, 1, 2
    x = draw(9, 2)
    layer = conv(4, (3,), stride=stride, dilation=dilation, padding=((low, high),))
    params = draw_params(layer, x)
    kernel, bias = np.asarray(params["kernel"]), np.asarray(params["bias"])
    steps = (9 + low + high - dilation * (3 - 1) - 1) // stride + 1
    expected = np.zeros((steps, 4), np.float32)
    for t in range(steps):
        expected[t] = bias
        for k in range(3):
            s = t * stride + k * dilation - low
            if 0 <= s < 9:
                expected[t] += np.asarray(x)[s] @ kernel[k]
    y = run(layer, params, x)
    # Sums of six terms of order one.
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    size=st.integers(1, 9),
    window=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.one_of(
        st.sampled_from(["SAME", "VALID"]),
        st.integers(0, 3),
        st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3))),
    ),
)
def test_the_output_has_the_size_that_the_docstring_gives(
    size, window, stride, dilation, padding
):
    layer = conv(1, (window,), stride=stride, dilation=dilation, padding=padding)
    x = jax.ShapeDtypeStruct((1, size, 1), jnp.float32)
    params, state = jax.eval_shape(lambda: layer.init(jax.random.key(0), x))
    reach = dilation * (window - 1) + 1
    if padding == "SAME":
        due = math.ceil(size / stride)
    else:
        added = {"VALID": 0}.get(padding, padding)
        added = sum(added[0]) if isinstance(added, tuple) else 2 * added
        due = (size + added - reach) // stride + 1
    if due <= 0:
        with pytest.raises(LayerError, match="smaller than the window"):
            jax.eval_shape(layer.apply, params, state, x)
        return
    y, _ = jax.eval_shape(layer.apply, params, state, x)
    assert y.shape == (1, due, 1)


@hypothesis.settings(deadline=None, max_examples=15)
@hypothesis.given(
    shift=st.integers(0, 4), scale=st.floats(-3, 3, width=32), seed=st.integers(0, 99)
)
def test_a_shifted_and_scaled_input_gives_a_shifted_and_scaled_output(
    shift, scale, seed
):
    layer = conv(2, (3,), bias=False, padding="VALID")
    x, kernel = np.float32(np.random.default_rng(seed).normal(size=(2, 30, 2)))
    params = {"kernel": jnp.asarray(kernel[:6]).reshape(3, 2, 2)}
    y = run(layer, params, jnp.asarray(x))
    moved = run(layer, params, jnp.asarray(scale * np.roll(x, shift, axis=0)))
    # The first rows see what jnp.roll brought in from the other end. Sums of six
    # terms of up to ten: rounding of 1e-6 each.
    np.testing.assert_allclose(
        moved[shift:], scale * y[: 28 - shift], rtol=1e-5, atol=1e-5
    )


def test_features_of_one_group_do_not_see_the_channels_of_another():
    layer = conv(4, (3, 2), groups=2)
    x = draw(2, 5, 6, 6)
    params = draw_params(layer, x)
    slopes = jax.grad(lambda x: jnp.sum(run(layer, params, x)[..., :2]))(x)
    assert bool(jnp.all(slopes[..., 3:] == 0)), "the other group's channels"
    assert bool(jnp.all(slopes[..., :3] != 0)), "the group's own channels"


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)], ids=str)
def test_any_number_of_leading_axes_is_kept(leading):
    layer = conv(2, (3, 3), stride=2)
    x = draw(*leading, 5, 6, 3)
    params = draw_params(layer, x)
    apply = jax.jit(lambda x: layer.apply(params, (), x)[0])
    alone = [apply(image) for image in x.reshape(-1, 5, 6, 3)]
    expected = np.reshape(alone, (*leading, 3, 3, 2))
    chex.assert_trees_all_close(apply(x), expected, rtol=1e-5, atol=1e-6)


def test_the_default_scale_is_two_over_the_inputs_of_a_feature(key):
    layer = conv(256, (3, 5), groups=2)
    x = jax.ShapeDtypeStruct((1, 8, 8, 16), jnp.float32)
    params, _ = jax.jit(lambda key: layer.init(key, x))(key)
    kernel = params["kernel"]
    inputs = 3 * 5 * 16 / 2
    # The variance of n = 30720 draws has a relative standard error of sqrt(2 / n).
    assert float(jnp.var(kernel)) == pytest.approx(2 / inputs, rel=0.03)
    assert not np.any(params["bias"])


def test_a_bias_that_scales_by_the_inputs_sees_the_shape_of_the_kernel(key):
    shapes = []

    def bias_init(key, shape, dtype):
        shapes.append(shape)
        return jnp.arange(np.prod(shape), dtype=dtype).reshape(shape)

    layer = conv(4, (3, 2), groups=2, bias_init=bias_init)
    params, _ = jax.jit(layer.init)(key, jnp.zeros((5, 5, 6)))
    assert shapes == [(3, 2, 3, 4)]
    np.testing.assert_array_equal(params["bias"], [0, 1, 2, 3])


def test_kernel_and_bias_are_drawn_with_different_keys(key):
    normal = jax.nn.initializers.normal()
    layer = conv(4, (1,), kernel_init=normal, bias_init=normal)
    params, _ = layer.init(key, jnp.zeros((3, 1)))
    assert not jnp.allclose(params["kernel"][0, 0], params["bias"])


def test_inputs_of_less_precision_are_promoted_as_in_dense():
    layer = conv(2, (3,))
    x = draw(5, 3).astype(jnp.bfloat16)
    params = draw_params(layer, x)
    y = run(layer, params, x)
    expected = run(layer, params, x.astype(jnp.float32))
    assert y.dtype == jnp.float32
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 0}, r"conv: features should be an int of at least 1, got 0"),
        ({"features": 2.0}, r"conv: features should be an int .* got 2\.0"),
        ({"window": 3}, r"got 3\. Write \(3,\) or \(3, 3\)\."),
        ({"window": ()}, r"conv: window .* got \(\)"),
        ({"window": (3, 3, 3)}, r"one int for sequences or two for images, got \(3, 3"),
        ({"window": (3, 0)}, r"conv: window should be an int of at least 1, got 0"),
        ({"stride": 0}, r"conv: stride should be an int of at least 1, got 0"),
        ({"stride": (1, 2, 3)}, r"conv: stride .* each of the 2 axes .* \(1, 2, 3\)"),
        ({"stride": (1, -1)}, r"conv: stride should be .* got -1"),
        ({"dilation": 1.5}, r"conv: dilation should be an int .* got 1\.5"),
        ({"dilation": (2,)}, r"conv: dilation .* each of the 2 axes .* \(2,\)"),
        ({"padding": "same"}, r"conv: padding='same' is not one of \['SAME', 'VALID"),
        ({"padding": -1}, r"conv: padding should be an int of at least 0, got -1"),
        ({"padding": (1,)}, r"conv: padding .* each of the 2 axes .* got \(1,\)"),
        ({"padding": (1, (1, 2, 3))}, r"a pair \(low, high\), got \(1, \(1, 2, 3\)\)"),
        ({"padding": ((0, -2), 1)}, r"conv: padding .* at least 0, got -2"),
        ({"groups": 0}, r"conv: groups should be an int of at least 1, got 0"),
        ({"groups": 3}, r"groups should divide features, got groups=3 and features=4"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused_when_the_layer_is_made(arguments, message):
    with pytest.raises(ValueError, match=message):
        unchecked_conv(**{"features": 4, "window": (3, 3)} | arguments)


def test_groups_that_do_not_divide_the_channels_are_refused(key):
    with pytest.raises(LayerError, match=r"groups=2.* \(1, 7, 7, 5\): 5 channels"):
        conv(4, (3, 3), groups=2).init(key, jnp.zeros((1, 7, 7, 5)))


def test_an_image_without_channels_is_refused_with_its_cure(key):
    with pytest.raises(LayerError, match=r"height, width, channels\), got \(28, 28\)"):
        conv(4, (3, 3)).init(key, jnp.zeros((28, 28)))
    layer = conv(4, (3,))
    params = draw_params(layer, jnp.zeros((28, 1)))
    with pytest.raises(LayerError, match=r"length, channels\).*x\[\.\.\., None\]"):
        run(layer, params, jnp.zeros(28))


def test_other_channels_than_at_init_are_refused():
    layer = conv(4, (3,), groups=2)
    params = draw_params(layer, jnp.zeros((7, 6)))
    with pytest.raises(LayerError, match=r"initialised for 6 .* shape \(2, 7, 8\)"):
        run(layer, params, jnp.zeros((2, 7, 8)))


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (5, 5, 3, 8), (3, 3, 3, 6)], ids=str)
def test_a_kernel_of_another_layout_or_window_is_refused(shape):
    # The first is a weight of PyTorch's: three channels, and a window of three.
    layer = conv(8, (3, 3), bias=False)
    x = jnp.zeros((7, 7, 3))
    message = rf"\(3, 3, 3, 8\), got {re.escape(str(shape))}.* to the end"
    with pytest.raises(LayerError, match=message):
        run(layer, {"kernel": jnp.zeros(shape)}, x)


def test_ids_of_symbols_are_refused(key):
    with pytest.raises(LayerError, match=r"conv\(4, \(3,\)\) needs .* int32"):
        conv(4, (3,)).init(key, jnp.zeros((7, 3), jnp.int32))


def test_an_error_in_a_model_names_the_layer(key):
    model = sequential(conv(4, (5, 5), padding="VALID"), conv(4, (5, 5), padding=0))
    with pytest.raises(LayerError, match=r"^conv_2: conv\(4, \(5, 5\)\) leaves noth"):
        jax.eval_shape(model.init, key, jnp.zeros((1, 8, 8, 1)))
