"""The fully connected layer."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet.checks import check_int
from jaxnet.initializers import he_normal, zeros
from jaxnet.layers.core import Layer, check_features, check_floating, check_params
from jaxnet.layers.products import product
from jaxnet.types import ArrayOrSpec, Initializer, ModelState, Params, PRNGKey


def dense(
    features: int,
    *,
    bias: bool = True,
    kernel_init: Initializer = he_normal,
    bias_init: Initializer = zeros,
) -> Layer:
    """Affine map of the last axis, ``y = x @ kernel + bias``.

    Rows are examples, so the kernel is (inputs, features): the transpose of
    PyTorch's ``Linear.weight`` and of the ``W`` in ``y = W x + b``.

    Args:
      features: size of the last axis of ``y``, at least 1.
      bias: whether to add one. In front of ``batch_norm`` it has no effect on
        the output and no gradient: leave it out there.
      kernel_init: called as ``kernel_init(key, shape, dtype)``; any of
        ``jaxnet.initializers`` or ``jax.nn.initializers`` fits. He's scale,
        ``Var = 2 / inputs``, by default.
      bias_init: likewise. It is called with the shape of the kernel, and the bias
        is the first row of what comes: a bias is the kernel's row for one more
        input that is always 1, and initializers that scale by the number of
        inputs, such as PyTorch's default, scale it alike.

    Returns:
      A layer with params ``{"kernel": (inputs, features), "bias": (features,)}``.

    Raises:
      ValueError: if ``features`` is not an int of at least 1.
      LayerError: when applied, if the last axis of ``x`` is not what ``init`` saw.

    References:
      He et al., *Delving Deep into Rectifiers*, 2015, eq. 10, for the scale.
    """
    check_int("dense: features", features)
    label = f"dense({features})"
    names = ("bias", "kernel") if bias else ("kernel",)

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        check_floating(label, x)
        kernel_key, bias_key = jax.random.split(key)
        inputs = x.shape[-1]
        params = {"kernel": kernel_init(kernel_key, (inputs, features), x.dtype)}
        if bias:
            params["bias"] = bias_init(bias_key, (inputs, features), x.dtype)[0]
        return params, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Float[Array, "*batch inputs"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch features"], ModelState]:
        del train, key
        check_params(label, params, names)
        check_features(label, x, params["kernel"].shape[0])
        y = product(x, params["kernel"])
        if bias:
            y = y + jnp.broadcast_to(params["bias"], y.shape)
        return y, state

    return Layer(init, apply, "dense")
