"""The chain rule, forward and backward, and what reusing a value saves.

Lecture 004 computes e = a b once for f = c e + d e. Here are the operations with and
without e, as written, and as XLA has them after it has looked for common parts; and
what reuse means for a gradient: paths double with each reuse, edges do not.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from experiments.common.claims import Claim, measured
from jaxnet.autograd import graph

NAMES = ("with e", "without e", "without e, product first")

DEPTH = 10
"""How many times a value is used twice."""


def with_e(a: Array, b: Array, c: Array, d: Array) -> Array:
    """As on the slide."""
    e = a * b
    return c * e + d * e


def without_e(a: Array, b: Array, c: Array, d: Array) -> Array:
    """As the slide writes it without e: (c a) b + (d a) b."""
    return c * a * b + d * a * b


def product_first(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Without e, with the same product written twice: (a b) c + (a b) d."""
    return a * b * c + a * b * d


def nested(x: Array) -> Array:
    """A value that is used twice, many times over."""
    for _ in range(DEPTH):
        e = jnp.sin(x)
        x = 0.6 * e + 0.3 * e
    return x


class Counts(NamedTuple):
    """Operations of a function.

    Attributes:
      written: in what JAX traced.
      compiled: in what XLA made of it.
    """

    written: int
    compiled: int


def counts() -> dict[str, Counts]:
    """Floating-point operations of the three ways to write f."""
    found = {}
    for name, f in zip(NAMES, (with_e, without_e, product_first), strict=True):
        written = len(jax.make_jaxpr(f)(1.0, 2.0, 3.0, 4.0).eqns)
        compiled = jax.jit(f).lower(1.0, 2.0, 3.0, 4.0).compile()
        found[name] = Counts(written, int(_flops(compiled)))
    return found


class Steps(NamedTuple):
    """The chain rule for one input, from both ends.

    Attributes:
      values: x, then what each function makes of what the one before made.
      tangents: of each by the input, from the input on: what ``jax.jvp`` carries.
      cotangents: of the output by each, from the output back, in the order of values.
    """

    values: list[float]
    tangents: list[float]
    cotangents: list[float]


def step_by_step(functions: list[Callable[[Array], Array]], x: float) -> Steps:
    """Goes through a composition forward with jvp, and backward with vjp."""
    values, tangents, pulls = [jnp.asarray(x)], [jnp.ones(())], []
    for f in functions:
        value, tangent = jax.jvp(f, (values[-1],), (tangents[-1],))
        pulls.append(jax.vjp(f, values[-1])[1])
        values.append(value)
        tangents.append(tangent)
    cotangents = [jnp.ones(())]
    for pull in reversed(pulls):
        (cotangent,) = pull(cotangents[0])
        cotangents.insert(0, cotangent)
    lists = ([float(one) for one in row] for row in (values, tangents, cotangents))
    return Steps(*lists)


def claims(found: dict[str, Counts]) -> list[Claim]:
    """What lectures 000, 003 and 004 say of the chain rule."""
    steps = step_by_step([lambda x: x - 3.0, lambda a: a**2, lambda b: b / 2], 5.0)
    ahead, back = steps.tangents[-1], steps.cotangents[0]
    deep = graph(nested, 1.0)
    paths, edges = deep.count_paths("x"), len(deep.edges)
    total = sum(float(path.derivative) for path in deep.paths("x"))
    gradient = float(jax.grad(nested)(1.0))
    same = abs(total - gradient) <= 1e-5 * abs(gradient)
    slide, other = found[NAMES[0]], found[NAMES[1]]
    return [
        measured(
            "000",
            "multiplying backward gives what forward gives",
            "equal",
            f"{back:g} and {ahead:g}",
            abs(ahead - back) < 1e-6,
        ),
        measured(
            "003",
            "the gradient is the sum over all paths",
            "equal",
            f"{total:.6f}, {gradient:.6f}",
            same,
        ),
        measured(
            "004",
            "reusing e saves operations",
            "fewer",
            f"{slide.compiled} for {other.compiled}",
            slide.compiled < other.compiled,
        ),
        measured(
            "004",
            f"backprop is efficient: {DEPTH} reuses",
            "efficient",
            f"{edges} edges, {paths:,} paths",
            edges < paths,
        ),
    ]


def _flops(compiled: Any) -> float:
    cost = compiled.cost_analysis()
    return (cost[0] if isinstance(cost, list) else cost)["flops"]
