"""Penalties on parameters, to be added to a loss: functions ``params -> scalar``.

    task = Task(model, loss, optimizer, penalty=l2(h["strength"]))
    task = Task(model, loss, optimizer, penalty=l1(1e-4, "encoder/*kernel"))

Which leaves are penalised is a pattern over their paths (`jaxnet.paths`). By
default these are the kernels: a bias is not what makes a function steep, and to
shrink it moves the function. ``"*"`` takes all, biases and scales included, which
is what ``model.parameters()`` gives in PyTorch.

Penalties are functions, so they add up as such:

    elastic = lambda params: l1(1e-4)(params) + l2(1e-3)(params)
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnet.checks import check_number
from jaxnet.paths import Pattern, check_pattern, leaf_paths, matches
from jaxnet.types import Params

Penalty = Callable[[Params], Float[Array, ""]]


def l1(strength: float | Float[Array, ""], pattern: Pattern = "*kernel") -> Penalty:
    """The penalty ``strength * sum |w|``, under which small weights become zero.

    Its gradient is ``strength * sign(w)``, and 0 where ``w = 0``.

    Args:
      strength: at least 0, may be traced.
      pattern: the paths of the leaves that count; kernels alone by default.

    Returns:
      ``params -> scalar``. It raises ValueError if the pattern fits no leaf.

    Raises:
      ValueError: if a known strength is negative.

    References:
      Tibshirani, *Regression Shrinkage and Selection via the Lasso*, 1996.

    >>> float(l1(0.5)({"kernel": jnp.array([1.0, -3.0]), "bias": jnp.array([9.0])}))
    2.0
    """
    check_number("l1: strength", strength, at_least=0.0)

    def penalty(params: Params) -> Float[Array, ""]:
        # Not jnp.abs, whose gradient at 0 is 1.
        return strength * _total(lambda w: w * jnp.sign(w), params, pattern)

    return penalty


def l2(strength: float | Float[Array, ""], pattern: Pattern = "*kernel") -> Penalty:
    """The penalty ``strength / 2 * sum w^2``, which keeps weights small.

    Its gradient is ``strength * w``. For plain gradient descent that is weight decay:
    ``l2(s)`` and ``optax.add_decayed_weights(s)`` ahead of ``optax.sgd`` take the
    same steps. It is also what ``weight_decay=s`` means in PyTorch's SGD and Adam,
    for all parameters. Optimizers that remember or rescale gradients do so with the
    penalty's as well, and then it is not decoupled decay (``optax.adamw``).

    Args:
      strength: at least 0, may be traced.
      pattern: the paths of the leaves that count; kernels alone by default.

    Returns:
      ``params -> scalar``. It raises ValueError if the pattern fits no leaf.

    Raises:
      ValueError: if a known strength is negative.

    References:
      Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, 2019,
      propositions 1 and 2.

    >>> float(l2(0.5)({"kernel": jnp.array([1.0, -3.0]), "bias": jnp.array([9.0])}))
    2.5
    """
    check_number("l2: strength", strength, at_least=0.0)

    def penalty(params: Params) -> Float[Array, ""]:
        return 0.5 * strength * _total(jnp.square, params, pattern)

    return penalty


def _total(
    fn: Callable[[Array], Array], params: Params, pattern: Pattern
) -> Float[Array, ""]:
    check_pattern("pattern", params, pattern)
    leaves = zip(leaf_paths(params), jax.tree.leaves(params), strict=True)
    terms = [jnp.sum(fn(leaf)) for path, leaf in leaves if matches(path, pattern)]
    return jnp.sum(jnp.stack(terms))
