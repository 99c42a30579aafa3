"""The multi-layer perceptron, lecture 000's alternation of matrix and non-linearity."""

from jaxnet.initializers import he_normal, zeros
from jaxnet.layers.activations import relu
from jaxnet.layers.combining import sequential
from jaxnet.layers.core import Layer
from jaxnet.layers.dense import dense
from jaxnet.types import Initializer


def mlp(
    *features: int,
    activation: Layer = relu,
    kernel_init: Initializer = he_normal,
    bias_init: Initializer = zeros,
) -> Layer:
    """Dense layers with an activation between each two, none after the last.

    ``mlp(64, 10)`` is ``sequential(dense(64), relu, dense(10))``.

    Args:
      *features: the widths of the dense layers; the last is that of the output.
      activation: a ready-made layer, such as ``tanh``.
      kernel_init: of every kernel; see `dense`.
      bias_init: of every bias; see `dense`.

    Returns:
      A `sequential` layer.

    Raises:
      ValueError: if there is no width, or one is not an int of at least 1.

    >>> import jax, jax.numpy as jnp
    >>> params, _ = mlp(2048, 256, 20).init(jax.random.key(0), jnp.zeros((1, 300)))
    >>> sum(leaf.size for leaf in jax.tree.leaves(params))
    1146132
    """
    if not features:
        raise ValueError(
            "mlp needs at least one width, got none. Write mlp(64, 10) for a hidden "
            "layer of 64 and 10 outputs."
        )
    layers = []
    for width in features:
        layers += [dense(width, kernel_init=kernel_init, bias_init=bias_init)]
        layers += [activation]
    return sequential(*layers[:-1])
