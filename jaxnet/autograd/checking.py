"""Whether ``jax.grad`` gives the derivative of what the function computes.

JAX's own rules are right. What is to be checked is a rule of one's own
(``jax.custom_vjp``, ``jax.custom_jvp``), and where a gradient stops that should not.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.autograd.differences import (
    Difference,
    central_difference,
    mean_along,
    noise_of,
    steps_for,
)
from jaxnet.autograd.naming import Arguments, name_arguments
from jaxnet.autograd.refusing import check_leaves, check_result
from jaxnet.autograd.reports import GradientReport, LeafCheck
from jaxnet.checks import check_int, check_key, check_number
from jaxnet.types import PRNGKey

_RTOL = {"float32": 1e-3, "float64": 1e-6}

_BLUR = 0.3
"""The resolution from which on nothing can be said."""


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    key: PRNGKey | None = None,
    eps: float | None = None,
    rtol: float | None = None,
    directions: int = 6,
) -> GradientReport:
    """Compares ``jax.grad`` with central differences, leaf by leaf.

    Along a direction v, ``(f(x + eps v) - f(x - eps v)) / (2 eps)`` should be the
    gradient times v. A leaf with no more entries than ``directions`` is checked entry
    by entry, a larger one along random directions of length 1. It also checks that
    gradients are linear: a backward rule that forgets to multiply by the gradient that
    arrives is right for ``f`` and wrong for ``2 f``.

    Rounding sets a limit: in float32 a derivative can be seen to about three digits,
    in float64 to seven or more. The report has the limit of each leaf, as its
    resolution, and an error counts if it is larger than this and ``rtol``.

    Args:
      f: a function with one floating-point scalar as its result, the same one for the
        same arguments.
      *args: where to check: PyTrees of float32 or float64 arrays. What is not to be
        differentiated belongs into the function: ``lambda p: loss(p, labels)``.
      key: for the directions; ``jax.random.key(0)`` by default.
      eps: the step, above 0; by default the best of four around ``u**(1/3)``, which
        is 0.005 in float32 and 6e-6 in float64.
      rtol: above 0, the relative error that is right in any case; 1e-3 in float32 and
        1e-6 in float64 by default.
      directions: for each leaf, at least 1.

    Returns:
      A report that prints as a table; ``.ok`` says whether no leaf is wrong.

    Raises:
      TypeError: if an argument is no array, or ``key`` is no key.
      ValueError: if the result is no finite scalar or not the same when f is called
        again, or if a leaf is not of floating point, not finite, or of half precision.

    References:
      Nocedal and Wright, *Numerical Optimization*, 2006, section 8.1.

    >>> import jax.numpy as jnp
    >>> check_gradients(lambda x: jnp.sum(x**2), jnp.array([1.0, 2.0])).ok
    True
    """
    if eps is not None:
        check_number("check_gradients: eps", eps, above=0.0)
    if rtol is not None:
        check_number("check_gradients: rtol", rtol, above=0.0)
    check_int("check_gradients: directions", directions)
    key = jax.random.key(0) if key is None else key
    check_key(key)
    named = name_arguments("check_gradients", f, args)
    check_leaves(named)
    # An accelerator's fast products have fewer digits than their type.
    with jax.default_matmul_precision("highest"):
        check_result(f, named)
        compiled = _compiled(f, named.tree(named.leaves))
        result, pull = jax.vjp(f, *named.tree(named.leaves))
        gradients = _flat(pull(jnp.ones_like(result)))
        doubles = _flat(pull(jnp.full_like(result, -2.0)))
        # The coarsest type decides how many digits there are.
        dtypes = [result.dtype, *(leaf.dtype for leaf in named.leaves)]
        spacing, name = max((float(jnp.finfo(one).eps), str(one)) for one in dtypes)
        limit = _RTOL[name] if rtol is None else float(rtol)
        found = []
        for i, leaf in enumerate(named.leaves):
            if not np.isfinite(gradients[i]).all():
                one = _verdict_alone(named, i, "not finite")
            elif not _is_double(doubles[i], gradients[i], limit):
                one = _verdict_alone(named, i, "not linear")
            else:
                own = jax.random.fold_in(key, i)
                probes = _probes(np.asarray(leaf), gradients[i], own, directions)
                one = _check_leaf(
                    compiled, named, i, gradients[i], probes, spacing, eps, limit
                )
            found.append(one)
    return GradientReport(tuple(found), limit)


def _check_leaf(
    f: Callable[..., Any],
    named: Arguments,
    i: int,
    gradient: np.ndarray,
    probes: Iterator[tuple[str, np.ndarray]],
    spacing: float,
    eps: float | None,
    rtol: float,
) -> LeafCheck:
    """The worst of a leaf's entries or directions."""
    leaf = np.asarray(named.leaves[i])

    def along(value: np.ndarray) -> float:
        return float(_call(f, named, i, jnp.asarray(value)))

    steps, noise = steps_for(spacing, eps), noise_of(along, leaf, spacing)

    def gradient_at(value: np.ndarray) -> np.ndarray:
        return np.asarray(jax.grad(lambda v: _call(f, named, i, v))(value), np.float64)

    worst, most = None, (-1, -1.0)
    for at, direction in probes:
        seen = central_difference(along, leaf, direction, noise=noise, steps=steps)
        expected = float(np.vdot(gradient, seen.direction))
        one = _judged(named, i, at, expected, seen, rtol)
        if one.verdict == "wrong":
            along_it = seen.direction

            def slope(value: np.ndarray, v: np.ndarray = along_it) -> float:
                return float(np.vdot(gradient_at(value), v))

            mean, jump = mean_along(slope, leaf, seen)
            due = rtol * abs(seen.value) + seen.error + jump
            if abs(mean - seen.value) <= due:
                one = one._replace(verdict="kink")
        rank = (_RANKS.index(one.verdict), one.relative_error)
        if rank > most:
            worst, most = one, rank
    assert worst is not None, "a leaf has an entry, or it has been refused"
    return worst


def _call(f: Callable[..., Any], named: Arguments, i: int, value: Any) -> Any:
    """``f`` with another value for one leaf."""
    return f(*named.tree([*named.leaves[:i], value, *named.leaves[i + 1 :]]))


_RANKS = ("unclear", "right", "kink", "wrong")
"""From what says least of a leaf to what says most."""


def _judged(
    named: Arguments, i: int, at: str, expected: float, seen: Difference, rtol: float
) -> LeafCheck:
    """Compares one derivative with differences."""
    leaf, distance = named.leaves[i], abs(expected - seen.value)
    size = max(abs(expected), abs(seen.value))
    relative = distance / size if size else 0.0
    resolution = seen.error / size if size else 0.0
    verdict, due = "right", rtol * size + seen.error
    if not distance <= due:
        verdict = "wrong"
    elif resolution > _BLUR:
        verdict = "unclear"
    return LeafCheck(
        named.names[i],
        tuple(leaf.shape),
        str(leaf.dtype),
        at,
        expected,
        seen.value,
        relative,
        resolution,
        verdict,
    )


def _verdict_alone(named: Arguments, i: int, verdict: str) -> LeafCheck:
    """A leaf whose gradient shows that it is wrong without any difference."""
    leaf, unknown = named.leaves[i], math.nan
    shape, dtype = tuple(leaf.shape), str(leaf.dtype)
    numbers = (unknown, unknown, unknown, unknown)
    return LeafCheck(named.names[i], shape, dtype, "", *numbers, verdict)


def _probes(
    leaf: np.ndarray, gradient: np.ndarray, key: PRNGKey, directions: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Each entry of a small leaf; else the gradient's direction, and random ones."""
    if leaf.size <= directions:
        for place in np.ndindex(leaf.shape):
            one = np.zeros(leaf.shape)
            one[place] = 1.0
            yield str(list(place)) if place else "", one
        return
    length = np.linalg.norm(gradient)
    if length > 0:  # Along it there is most to see.
        yield "its direction", gradient / length
    # NumPy, which compiles nothing for each new shape.
    random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for k in range(directions):
        one = random.standard_normal(leaf.shape)
        yield f"direction {k + 1}", one / np.linalg.norm(one)


def _compiled(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    """``jax.jit(f)``, which is faster, unless f asks for values while it is traced."""
    compiled = jax.jit(f)
    try:
        compiled(*args)
    except (
        jax.errors.ConcretizationTypeError,
        jax.errors.NonConcreteBooleanIndexError,
        jax.errors.TracerArrayConversionError,
        jax.errors.TracerIntegerConversionError,
    ):
        return f
    return compiled


def _flat(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]


def _is_double(double: np.ndarray, gradient: np.ndarray, rtol: float) -> bool:
    """Whether the gradient of -2 f is -2 times that of f.

    It is to the bit if the rules are linear, since 2 only changes exponents.
    """
    distance = np.abs(double + 2.0 * gradient).max()
    return bool(distance <= rtol * np.abs(2.0 * gradient).max())
