"""Initializers: functions ``(key, shape, dtype) -> array``.

    dense(256, kernel_init=he_normal)
    dense(256, kernel_init=pytorch_default, bias_init=pytorch_default)
    dense(256, kernel_init=normal(0.01))

Those whose scale follows from the shape are initializers as they stand, and are
passed without a call. Those that need a number are called with it first, and the
number may be traced, so a sweep over scales is one program.

=========================== ==================== ===============================
as it stands                variance             when
=========================== ==================== ===============================
``zeros``, ``ones``         0                    biases; normalization scales. A
                                                 kernel of zeros keeps all units
                                                 of its layer equal for ever
``lecun_normal, _uniform``  1 / n_in             selu, or no activation (LeCun
                                                 1998, section 4.6)
``glorot_normal, _uniform`` 2 / (n_in + n_out)   tanh and sigmoid (Glorot & Bengio
                                                 2010, eq. 12 and 16; Xavier's)
``he_normal, _uniform``     2 / n_in             relu (He 2015, eq. 10; Kaiming's)
``fan_average``             4 / (n_in + n_out)   relu, by the rule that it is half
                                                 a linear function
``pytorch_default``         1 / (3 n_in)         to compare with ``nn.Linear`` and
                                                 ``nn.Conv2d``, whose weights *and*
                                                 biases are U(-1/sqrt(n_in), ...)
=========================== ==================== ===============================

=========================== ==================== ===============================
called with a number        variance             when
=========================== ==================== ===============================
``constant(value)``         0                    a bias with a known start
``normal(stddev)``          stddev**2            demonstrations: no one number
``uniform(scale)``          scale**2 / 3         suits layers of different width
``he(gain)``                gain / n_in          other activations; 2 is he_normal
``orthogonal(scale)``       scale**2 / longer    deep and recurrent nets: keeps
                            side                 lengths (Saxe 2014)
=========================== ==================== ===============================

Here n_in and n_out are the fan: the last two axes of the shape times the size of
a convolution's window. All but ``uniform`` are `jax.nn.initializers`, where there
are more. Of theirs, everything with ``normal`` in its name and a scale taken from
the fan, ``he`` and ``fan_average`` too, draws from a normal that is cut off at two
standard deviations and widened to have the stated variance; PyTorch and the
formulas in papers do not cut it off. ``normal(stddev)`` is not cut off either.

What a scale does can be read from the loss before training. On 20 classes the
uniform guess costs ln 20 = 3.00. A relu net 300-2048-256-20 with standard-normal
inputs starts at 3.00 (standard deviation over seeds 0.004) with
``pytorch_default`` for kernels and biases, at 3.09 (0.02) with ``glorot_uniform``,
at 3.84 (0.12) with ``he_normal`` and biases of zero, since He's rule keeps the
variance of the hidden layers and doubles that of the logits, and at 11,400 (1,000)
with ``normal(1.0)``, which is about 850 for inputs of length one.

The standard deviation *multiplies* a standard-normal draw. Dividing by it, as in
``randn() / sqrt(2 / (n_in + n_out))``, is a slip that one meets on slides: for a
kernel of 300 x 2048 it gives 34.3 where 0.029 is meant.

References:
  LeCun et al., *Efficient BackProp*, 1998.
  Glorot & Bengio, *Understanding the Difficulty of Training Deep Feedforward
  Neural Networks*, 2010.
  Saxe et al., *Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear
  Neural Networks*, 2014.
  He et al., *Delving Deep into Rectifiers*, 2015.
"""

from typing import Any

import jax
from jaxtyping import Array, Float

from jaxnet.checks import check_key, check_number
from jaxnet.paths import Pattern, check_pattern, leaf_paths, matches
from jaxnet.types import Initializer, Params, PRNGKey

zeros = jax.nn.initializers.zeros
ones = jax.nn.initializers.ones
lecun_normal = jax.nn.initializers.lecun_normal()
lecun_uniform = jax.nn.initializers.lecun_uniform()
glorot_normal = jax.nn.initializers.glorot_normal()
glorot_uniform = jax.nn.initializers.glorot_uniform()
he_normal = jax.nn.initializers.he_normal()
he_uniform = jax.nn.initializers.he_uniform()
fan_average = jax.nn.initializers.variance_scaling(2.0, "fan_avg", "truncated_normal")
pytorch_default = jax.nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")

constant = jax.nn.initializers.constant
normal = jax.nn.initializers.normal


def uniform(scale: float | Float[Array, ""]) -> Initializer:
    """Draws from U(-scale, scale), of variance ``scale**2 / 3``.

    Symmetric about zero, as weights should be; the one of ``jax.nn.initializers``
    is U(0, scale).

    Args:
      scale: the largest absolute value, at least 0. It may be traced.

    >>> import jax
    >>> w = uniform(0.01)(jax.random.key(0), (300, 256), float)
    >>> bool(w.min() < -0.0099), bool(w.max() > 0.0099), round(float(w.std()), 4)
    (True, True, 0.0058)
    """
    check_number("uniform: scale", scale, at_least=0.0)

    def init(key: PRNGKey, shape: Any, dtype: Any = float) -> Array:
        return jax.random.uniform(key, shape, dtype, -scale, scale)

    return init


def he(gain: float | Float[Array, ""]) -> Initializer:
    """He's scale for any gain, ``Var = gain / n_in``.

    Args:
      gain: the variance that the activation takes away, at least 0: 2 for relu
        (then it is ``he_normal``), 1 for none, ``2 / (1 + slope**2)`` for
        leaky_relu. It is a factor of the variance: PyTorch's
        ``calculate_gain`` returns its square root. It may be traced.

    References:
      He et al., *Delving Deep into Rectifiers*, 2015, eq. 10 and 15.
    """
    check_number("he: gain", gain, at_least=0.0)
    return jax.nn.initializers.variance_scaling(gain, "fan_in", "truncated_normal")


def orthogonal(scale: float | Float[Array, ""] = 1.0) -> Initializer:
    """A random matrix with orthonormal rows or columns, times ``scale``.

    The shorter side is orthonormal. Axes before the last count as rows.

    Args:
      scale: the singular values, all equal, at least 0. It may be traced.

    References:
      Saxe et al., *Exact Solutions to the Nonlinear Dynamics of Learning in Deep
      Linear Neural Networks*, 2014.
    """
    check_number("orthogonal: scale", scale, at_least=0.0)
    return jax.nn.initializers.orthogonal(scale)


def reinitialize(
    params: Params, pattern: Pattern, initializer: Initializer, key: PRNGKey
) -> Params:
    """Draws the leaves that fit a pattern anew, and keeps all others.

    Leaf i of the PyTree uses ``fold_in(key, i)``, so what it gets does not depend
    on which others fit.

    Args:
      params: the parameters.
      pattern: which leaves, such as ``"*kernel"`` or ``"head/*"``; see
        `jaxnet.paths`.
      initializer: called with each leaf's own shape and dtype, the bias's too. One
        that scales by the fan cannot take a bias, whose shape does not tell the
        number of inputs: let the pattern leave biases out, or give them a call of
        their own.
      key: one typed key.

    Returns:
      Parameters like ``params``.

    Raises:
      ValueError: if a pattern fits no leaf, or the initializer refuses one.
      TypeError: if ``key`` is not a typed key.

    >>> import jax, jax.numpy as jnp
    >>> params = {"head": {"bias": jnp.ones(2), "kernel": jnp.ones((3, 2))}}
    >>> params = reinitialize(params, "*kernel", he_normal, jax.random.key(0))
    >>> bool((params["head"]["kernel"] == 1).any()), params["head"]["bias"].tolist()
    (False, [1.0, 1.0])
    """
    check_key(key)
    check_pattern("pattern", params, pattern)

    def draw(i: int, path: str, leaf: Array) -> Array:
        try:
            return initializer(jax.random.fold_in(key, i), leaf.shape, leaf.dtype)
        except ValueError as error:
            if leaf.ndim >= 2:
                raise
            raise ValueError(
                f"reinitialize: pattern={pattern!r} fits {path} of shape {leaf.shape}, "
                f"which the initializer refuses ({error}). Scales that depend on the "
                "number of inputs need two axes: use a pattern that fits kernels only, "
                "such as '*kernel', and for the biases a call with zeros or uniform."
            ) from error

    leaves, structure = jax.tree.flatten(params)
    paths = leaf_paths(params)
    return structure.unflatten(
        draw(i, path, leaf) if matches(path, pattern) else leaf
        for i, (path, leaf) in enumerate(zip(paths, leaves, strict=True))
    )
