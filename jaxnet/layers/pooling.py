"""Pooling, which makes spatial axes smaller, and ``flatten``, which removes them.

    sequential(conv(8, (3, 3)), relu, max_pool((2, 2)), flatten, dense(10))
    sequential(conv(8, (3, 3)), relu, global_average_pool, dense(10))

Images are (*batch, height, width, channels) and sequences (*batch, length,
channels), as in `conv`. ``global_average_pool``, ``global_max_pool`` and
``flatten`` are `Layer` values: write them without a call. They keep the first
axis, the examples, so apply them to a batch, be it of one example.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxnet.checks import LayerError
from jaxnet.layers.convolution import (
    Padding,
    check_not_empty,
    check_padding,
    check_spatial,
    check_window,
    per_axis,
)
from jaxnet.layers.core import Layer, check_floating, stateless


def max_pool(
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: Padding = "VALID",
) -> Layer:
    """The largest value under a window, for each channel alone.

    The gradient of a window goes to its largest cell, and to the first of them, in
    row-major order, where several are equal.

    Args:
      window: its size along each spatial axis: ``(2,)`` for sequences, ``(2, 2)`` for
        images.
      stride: the step from one window to the next, an int or one for each spatial
        axis; the window's size by default, so that windows do not overlap.
      padding: as in `conv`, which also has the size of the output; less than the
        window on each side. Padded cells are never the largest. Cells that fill no
        window are left out under ``"VALID"``.

    Returns:
      A layer without parameters, (*batch, *spatial, channels) to the same with
      smaller spatial axes.

    Raises:
      ValueError: if an argument is outside its range.
      LayerError: when applied, if ``x`` has too few axes or is smaller than the
        window.

    >>> x = jnp.asarray([1.0, 5.0, 2.0, 3.0, 9.0])[:, None]
    >>> max_pool((2,)).apply((), (), x)[0][:, 0].tolist()
    [5.0, 3.0]
    """
    pool = _pooling("max_pool", window, stride, padding)
    return stateless("max_pool", lambda x: pool(x, -np.inf, jax.lax.max))


def average_pool(
    window: Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: Padding = "VALID",
) -> Layer:
    """The mean of the values under a window, for each channel alone.

    Padded cells do not count: a window over the edge is the mean of the cells that
    it has inside. (PyTorch counts them unless told ``count_include_pad=False``.)

    Args:
      window: its size along each spatial axis: ``(2,)`` for sequences, ``(2, 2)`` for
        images.
      stride: the step from one window to the next, an int or one for each spatial
        axis; the window's size by default, so that windows do not overlap.
      padding: as in `conv`, which also has the size of the output; less than the
        window on each side. Cells that fill no window are left out under ``"VALID"``.

    Returns:
      A layer without parameters, (*batch, *spatial, channels) to the same with
      smaller spatial axes.

    Raises:
      ValueError: if an argument is outside its range.
      LayerError: when applied, if ``x`` has too few axes or is smaller than the
        window.

    >>> x = jnp.asarray([1.0, 5.0, 2.0, 4.0])[:, None]
    >>> average_pool((3,), stride=2, padding=1).apply((), (), x)[0][:, 0].tolist()
    [3.0, 3.6666667461395264]
    """
    pool = _pooling("average_pool", window, stride, padding)

    def forward(x: Float[Array, "... channels"]) -> Float[Array, "... channels"]:
        total = pool(x, 0.0, jax.lax.add)
        axes = range(x.ndim - 1 - len(window), x.ndim - 1)
        one = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
        count = pool(jnp.ones(one, x.dtype), 0.0, jax.lax.add)
        return total / jnp.broadcast_to(count, total.shape)

    return stateless("average_pool", forward)


def _global_pool(name: str, reduce: Callable[..., Array]) -> Layer:
    def forward(x: Float[Array, "*shape"]) -> Float[Array, "examples channels"]:
        if x.ndim < 3:
            raise LayerError(
                f"{name} needs x of shape (examples, *spatial, channels), got "
                f"{x.shape}. Add the axis of a single example with x[None]."
            )
        return reduce(x, axis=tuple(range(1, x.ndim - 1)))

    return stateless(name, forward)


def _flatten(x: Shaped[Array, "*shape"]) -> Shaped[Array, "examples features"]:
    if x.ndim == 0:
        raise LayerError("flatten needs x of shape (examples, ...), got a scalar.")
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


global_average_pool = _global_pool("global_average_pool", jnp.mean)
"""The mean over all axes between the examples and the channels."""

global_max_pool = _global_pool("global_max_pool", jnp.max)
"""The largest value over the same axes. Where several are equal, each gets an equal
share of the gradient."""

flatten = stateless("flatten", _flatten)
"""Keeps the axis of examples and joins all others, the last one varying fastest."""


def _pooling(layer: str, window: Any, stride: Any, padding: Any) -> Callable[..., Any]:
    """``(x, initial, operation) -> y``, with the arguments checked."""
    window = check_window(layer, window)
    axes = len(window)
    stride = window if stride is None else per_axis(f"{layer}: stride", stride, axes)
    padding = check_padding(layer, padding, axes)
    if not isinstance(padding, str):
        for size, pair in zip(window, padding, strict=True):
            if max(pair) >= size:
                raise ValueError(
                    f"{layer}: padding should be less than the window, so that there "
                    f"is a cell of x under each, got padding={pair} for window={size}."
                )

    def pool(
        x: Float[Array, "... channels"], initial: float, operation: Any
    ) -> Float[Array, "... channels"]:
        label = f"{layer}({window})"
        check_floating(label, x)
        check_spatial(label, x, axes)
        leading = x.ndim - axes - 1
        pairs = padding
        if not isinstance(padding, str):
            pairs = ((0, 0),) * leading + padding + ((0, 0),)
        y = jax.lax.reduce_window(
            x,
            np.asarray(initial, x.dtype),  # JAX has to read it: jnp has no gradient.
            operation,
            window_dimensions=(1,) * leading + window + (1,),
            window_strides=(1,) * leading + stride + (1,),
            padding=pairs,
        )
        check_not_empty(label, x, y.shape[leading:-1])
        return y

    return pool
