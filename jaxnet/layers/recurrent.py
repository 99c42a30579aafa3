"""Recurrent layers: one cell, applied along the time axis.

    classifier = sequential(embedding(1000, 32), lstm(64), last_step, dense(2))

Sequences are (*batch, time, features), all of one length. A recurrent layer keeps
nothing between calls: every sequence starts from zeros.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet.checks import LayerError, check_int
from jaxnet.initializers import lecun_normal, orthogonal, zeros
from jaxnet.layers.core import (
    Layer,
    check_features,
    check_floating,
    check_params,
    stateless,
)
from jaxnet.types import ArrayOrSpec, Initializer, ModelState, Params, PRNGKey

_orthogonal = orthogonal()


def lstm(
    features: int,
    *,
    kernel_init: Initializer = lecun_normal,
    recurrent_init: Initializer = _orthogonal,
    bias_init: Initializer = zeros,
) -> Layer:
    """Long short-term memory over the time axis, with the outputs of all steps.

    With ``s_t = [x_t, h_{t-1}]`` and ``h_0 = c_0 = 0``::

        i_t = sigmoid(W^i s_t + b^i)        what to write
        f_t = sigmoid(W^f s_t + b^f)        what to keep
        o_t = sigmoid(W^o s_t + b^o)        what to show
        c_t = f_t * c_{t-1} + i_t * tanh(W^c s_t + b^c)
        h_t = o_t * tanh(c_t)

    The params hold the four W side by side in the order ``i, f, c, o``, split by what
    they multiply: columns ``n * features`` to ``(n + 1) * features`` belong to gate n,
    in ``kernel`` for ``x_t`` and in ``recurrent_kernel`` for ``h_{t-1}``. So ``W^f`` is
    the transpose of both blocks ``[:, features : 2 * features]``, one above the other.

    PyTorch has the same order, and calls the third ``g``. Its ``weight_ih_l0`` and
    ``weight_hh_l0`` are the transposes of the two kernels; its two biases, which are
    only ever added, are one here.

    Args:
      features: size of ``h`` and ``c``, at least 1.
      kernel_init: called once for each gate, with shape ``(inputs, features)``; by
        default ``Var = 1 / inputs``.
      recurrent_init: called once for each gate, with shape ``(features, features)``;
        orthogonal by default, so that each gate keeps the length of ``h``.
      bias_init: called once with shape ``(features, 4 * features)``, and the bias is
        the first row of what comes, as in ``dense``. A function of one's own may
        start the gates differently, such as ``b^f`` at 1. (PyTorch draws all three,
        from ``uniform(features**-0.5)``.)

    Returns:
      A layer from ``(*batch, time, inputs)`` to ``h`` of ``(*batch, time, features)``
      with params ``{"kernel": (inputs, 4 * features), "recurrent_kernel": (features,
      4 * features), "bias": (4 * features,)}``.

    Raises:
      ValueError: if ``features`` is not an int of at least 1.
      LayerError: when applied, if ``x`` has no time axis or its last axis is not what
        ``init`` saw.

    References:
      Hochreiter and Schmidhuber, *Long Short-Term Memory*, 1997; with the forget gate
      of Gers et al., *Learning to Forget*, 2000.
    """
    check_int("lstm: features", features)
    label = f"lstm({features})"
    names = ("bias", "kernel", "recurrent_kernel")

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        _check_sequence(label, x)
        check_floating(label, x)
        kernel_key, recurrent_key, bias_key = jax.random.split(key, 3)

        def gates(init_fn: Initializer, key: PRNGKey, inputs: int) -> Array:
            # Gate by gate: scales depend on the shape of one W, not of four.
            blocks = [
                init_fn(gate_key, (inputs, features), x.dtype)
                for gate_key in jax.random.split(key, 4)
            ]
            return jnp.concatenate(blocks, axis=-1)

        params = {
            "kernel": gates(kernel_init, kernel_key, x.shape[-1]),
            "recurrent_kernel": gates(recurrent_init, recurrent_key, features),
            "bias": bias_init(bias_key, (features, 4 * features), x.dtype)[0],
        }
        return params, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "*batch time inputs"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch time features"], ModelState]:
        del train, key
        check_params(label, params, names)
        _check_sequence(label, x)
        check_features(label, x, params["kernel"].shape[0])
        # What does not depend on h is one product over all steps, before the loop.
        from_x = x @ params["kernel"]
        from_x = from_x + jnp.broadcast_to(params["bias"], from_x.shape)

        def step(carry: tuple[Array, Array], from_x_t: Array):
            h, c = carry
            gates = from_x_t + h @ params["recurrent_kernel"]
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((*x.shape[:-2], features), from_x.dtype)
        _, h = jax.lax.scan(step, (start, start), jnp.moveaxis(from_x, -2, 0))
        return jnp.moveaxis(h, 0, -2), state

    return Layer(init, apply, "lstm")


def _last_step(x: Array) -> Array:
    _check_sequence("last_step", x)
    return x[..., -1, :]


last_step = stateless("last_step", _last_step)
"""The last step of each sequence, (*batch, time, features) -> (*batch, features)."""


def _check_sequence(label: str, x: ArrayOrSpec) -> None:
    if len(x.shape) < 2 or x.shape[-2] == 0:
        raise LayerError(
            f"{label} needs sequences (*batch, time, features) of at least one step, "
            f"got shape {x.shape}. Add an axis of time, such as x[..., None, :]."
        )
