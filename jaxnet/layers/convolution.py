"""The convolution over one or two spatial axes, and how windows are described.

    sequential(
        conv(16, (3, 3), bias=False), batch_norm(), relu,    # an image
        global_average_pool, dense(10),
    )
    conv(32, (5,), stride=2)                                 # a sequence

Images are (*batch, height, width, channels) and sequences (*batch, length,
channels): the channels are the features, and so on the last axis. PyTorch has
them in front of the spatial axes.

Pooling describes its windows in the same way and uses the checks at the end.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet.checks import LayerError, check_choice, check_int
from jaxnet.initializers import he_normal, zeros
from jaxnet.layers.core import Layer, check_features, check_floating, check_params
from jaxnet.types import ArrayOrSpec, Initializer, ModelState, Params, PRNGKey

Padding: TypeAlias = str | int | Sequence[int | Sequence[int]]
"""``"SAME"``, ``"VALID"``, a width, or for each axis a width or a pair (low, high)."""

_LAYOUTS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


def conv(
    features: int,
    window: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = "SAME",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    bias: bool = True,
    kernel_init: Initializer = he_normal,
    bias_init: Initializer = zeros,
) -> Layer:
    """Slides a kernel over the spatial axes of ``x``, the same at every place.

    On a sequence, with ``low`` cells of zeros in front,

        y[t, f] = bias[f] + sum_{k, c} kernel[k, c, f] * x[s, c],
        s = t * stride + k * dilation - low,

    and on an image likewise with two positions. The kernel is not flipped, so this
    is what mathematics calls a cross-correlation. A spatial axis of n cells gives

        floor((n + low + high - dilation * (window - 1) - 1) / stride) + 1

    cells. ``"VALID"`` has low = high = 0; ``"SAME"`` has the smallest low + high that
    gives ceil(n / stride) cells, and if that is odd, high is larger by one.

    Args:
      features: size of the last axis of ``y``, at least 1.
      window: size of the kernel along each spatial axis: ``(3,)`` for ``x`` of shape
        (*batch, length, channels), ``(3, 3)`` for (*batch, height, width, channels).
      stride: the step from one window to the next, at least 1; an int for all
        spatial axes, or one for each.
      padding: zeros around ``x``: ``"SAME"``, ``"VALID"``, an int for every side, or
        for each spatial axis an int or a pair (low, high). PyTorch's is symmetric,
        which ``"SAME"`` is not in general: give an int where the two must agree.
      dilation: the distance between cells under the kernel, at least 1; given like
        ``stride``.
      groups: how many parts the channels and the features are cut into, each part of
        the features seeing its part of the channels only; it divides both. With as
        many groups as channels this is a depthwise convolution.
      bias: whether to add one for each feature. In front of ``batch_norm`` it has no
        effect on the output and no gradient: leave it out there.
      kernel_init: called as ``kernel_init(key, shape, dtype)``. He's scale,
        ``Var = 2 / inputs`` with the window's size times channels / groups for
        inputs, by default.
      bias_init: likewise, called with the shape of the kernel; the bias is the first
        row of what comes, as in `dense`.

    Returns:
      A layer with params ``{"kernel": (*window, channels / groups, features),
      "bias": (features,)}``.

    Raises:
      ValueError: if an argument is outside its range, or groups do not divide the
        features.
      LayerError: when initialised, if the groups do not divide the channels; when
        applied, if ``x`` has too few axes, other channels than ``init`` saw, or is
        smaller than the window.

    References:
      Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*, 2016,
      relationships 6 and 15. He et al., *Delving Deep into Rectifiers*, 2015, eq. 10,
      for the scale.

    >>> layer = conv(8, (3, 3), stride=2)
    >>> params, state = layer.init(jax.random.key(0), jnp.zeros((1, 28, 28, 3)))
    >>> params["kernel"].shape
    (3, 3, 3, 8)
    >>> layer.apply(params, state, jnp.zeros((32, 28, 28, 3)))[0].shape
    (32, 14, 14, 8)
    """
    check_int("conv: features", features)
    check_int("conv: groups", groups)
    if features % groups:
        raise ValueError(
            f"conv: groups should divide features, got groups={groups} and "
            f"features={features}."
        )
    window = check_window("conv", window)
    axes = len(window)
    stride = per_axis("conv: stride", stride, axes)
    dilation = per_axis("conv: dilation", dilation, axes)
    padding = check_padding("conv", padding, axes)
    label = f"conv({features}, {window})"
    names = ("bias", "kernel") if bias else ("kernel",)

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        check_floating(label, x)
        check_spatial(label, x, axes)
        channels = x.shape[-1]
        if channels % groups:
            raise LayerError(
                f"{label} has groups={groups}, which should divide the channels, but "
                f"x has shape {x.shape}: {channels} channels."
            )
        kernel_key, bias_key = jax.random.split(key)
        shape = (*window, channels // groups, features)
        params = {"kernel": kernel_init(kernel_key, shape, x.dtype)}
        if bias:
            rows = bias_init(bias_key, shape, x.dtype)
            params["bias"] = rows.reshape(-1, features)[0]
        return params, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "... channels"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "... features"], ModelState]:
        del train, key
        check_params(label, params, names)
        check_spatial(label, x, axes)
        kernel = params["kernel"]
        due = (*window, x.shape[-1] // groups, features)
        if kernel.shape[:axes] != window or kernel.shape[-1] != features:
            raise LayerError(
                f"{label} needs a kernel of shape {due}, got {kernel.shape}. A weight "
                "of PyTorch's has the features first and the channels second: move "
                "these two axes to the end, channels first."
            )
        check_features(label, x, kernel.shape[-2] * groups)
        dtype = jnp.result_type(x, kernel)
        leading, shape = x.shape[: -axes - 1], x.shape[-axes - 1 :]
        y = jax.lax.conv_general_dilated(
            x.reshape(math.prod(leading), *shape).astype(dtype),
            kernel.astype(dtype),
            window_strides=stride,
            padding=padding,
            rhs_dilation=dilation,
            dimension_numbers=_LAYOUTS[axes],
            feature_group_count=groups,
        )
        check_not_empty(label, x, y.shape[1:-1])
        y = y.reshape(*leading, *y.shape[1:])
        if bias:
            y = y + jnp.broadcast_to(params["bias"], y.shape)
        return y, state

    return Layer(init, apply, "conv")


def check_window(layer: str, window: Any) -> tuple[int, ...]:
    """The window as a tuple, or ValueError unless it is one or two positive ints."""
    if not isinstance(window, tuple | list) or len(window) not in _LAYOUTS:
        example = f"({window},) or ({window}, {window})"
        raise ValueError(
            f"{layer}: window should be a tuple of one int for sequences or two for "
            f"images, got {window!r}. Write "
            f"{example if isinstance(window, int) else '(3,) or (3, 3)'}."
        )
    for size in window:
        check_int(f"{layer}: window", size)
    return tuple(window)


def per_axis(name: str, value: Any, axes: int) -> tuple[int, ...]:
    """One int for each spatial axis, or ValueError unless all are at least 1."""
    if not isinstance(value, tuple | list):
        check_int(name, value)
        return (value,) * axes
    if len(value) != axes:
        raise ValueError(
            f"{name} should be an int, or one for each of the {axes} axes of the "
            f"window, got {value!r}."
        )
    for one in value:
        check_int(name, one)
    return tuple(value)


def check_padding(
    layer: str, padding: Any, axes: int
) -> str | tuple[tuple[int, int], ...]:
    """A name or a pair for each axis, or ValueError for any other padding."""
    name = f"{layer}: padding"
    if isinstance(padding, str):
        check_choice(name, padding, ("SAME", "VALID"))
        return padding
    sides = padding if isinstance(padding, tuple | list) else (padding,) * axes
    pairs = [side if isinstance(side, tuple | list) else (side, side) for side in sides]
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f"{name} should be 'SAME', 'VALID', an int, or for each of the {axes} axes "
            f"of the window an int or a pair (low, high), got {padding!r}."
        )
    for low, high in pairs:
        check_int(name, low, at_least=0)
        check_int(name, high, at_least=0)
    return tuple((low, high) for low, high in pairs)


def check_spatial(layer: str, x: ArrayOrSpec, axes: int) -> None:
    """Raises LayerError unless ``x`` has that many spatial axes and a last one."""
    if len(x.shape) <= axes:
        spatial = "length" if axes == 1 else "height, width"
        raise LayerError(
            f"{layer} needs x of shape (*batch, {spatial}, channels), got {x.shape}. "
            "Add the axis of a single channel with x[..., None]."
        )


def check_not_empty(layer: str, x: ArrayOrSpec, spatial: Sequence[int]) -> None:
    """Raises LayerError if no window has found room in ``x``."""
    if 0 in spatial:
        raise LayerError(
            f"{layer} leaves nothing of x of shape {x.shape}, which is smaller than "
            "the window. Take a smaller window, less dilation or more padding, or "
            "shrink x less in the layers before."
        )
