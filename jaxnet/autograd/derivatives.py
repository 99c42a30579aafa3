"""Derivatives of each step by what it reads, and what arrives where, going backward.

Each step is differentiated by itself, with the rule that JAX has for it or that its
author gave it. Backward, the gradient at what a step makes times its derivative is
what the step sends to what it reads; where several arrive, they add up.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnet.autograd.steps import Program, Step

LARGEST = 10_000
"""Entries of the largest derivative that is computed for an edge."""


class Link(NamedTuple):
    """The derivative of one value by another, and what it carries backward."""

    derivative: Any
    gradient: Any


class Derivatives(NamedTuple):
    """What a backward pass finds.

    Attributes:
      gradients: one for each value of the program, None where there is none.
      links: by the numbers of tail and head.
      problems: by the number of what is made, why it cannot be differentiated.
    """

    gradients: list[Any]
    links: dict[tuple[int, int], Link]
    problems: dict[int, str]


def differentiate(program: Program) -> Derivatives:
    """Goes through the steps from the last to the first."""
    values = program.values
    gradients: list[Any] = [None] * len(values)
    if _has_gradient(program):
        gradients = [jnp.zeros_like(v) if is_float(v) else None for v in values]
        (output,) = program.outputs
        gradients[output] = jnp.ones_like(values[output])
    links: dict[tuple[int, int], Link] = {}
    problems: dict[int, str] = {}
    for step in reversed(program.steps):
        tails = [one for one in step.inputs if is_float(values[one])]
        heads = [one for one in step.outputs if is_float(values[one])]
        if not (tails and heads):
            continue
        try:
            found = _backward(step, values, tails, heads, gradients)
        except Exception as error:  # Whatever a rule of somebody's own may raise.
            problem = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            problems |= dict.fromkeys(step.outputs, problem)
            found = {}
        links |= found
        for tail in tails:
            sent = [found[tail, head].gradient for head in heads if found]
            known = bool(sent) and all(one is not None for one in sent)
            if gradients[tail] is not None:
                total = sum(sent, gradients[tail]) if known else None
                gradients[tail] = total
    return Derivatives(gradients, links, problems)


def is_float(value: Any) -> bool:
    """Whether a value can be differentiated."""
    return jnp.issubdtype(value.dtype, jnp.inexact)


def _has_gradient(program: Program) -> bool:
    """Whether all that the program returns is one number."""
    if len(program.outputs) != 1:
        return False
    output = program.values[program.outputs[0]]
    return output.shape == () and jnp.issubdtype(output.dtype, jnp.floating)


def _backward(
    step: Step,
    values: Sequence[Any],
    tails: Sequence[int],
    heads: Sequence[int],
    gradients: Sequence[Any],
) -> dict[tuple[int, int], Link]:
    """The links of one step."""

    def run(*floats: Any) -> list[Any]:
        known = dict(zip(tails, floats, strict=True))
        made = step.run(*(known.get(one, values[one]) for one in step.inputs))
        by_number = dict(zip(step.outputs, made, strict=True))
        return [by_number[head] for head in heads]

    made, pull = jax.vjp(run, *(values[tail] for tail in tails))
    nothing = [jnp.zeros_like(one) for one in made]
    links = {}
    for k, head in enumerate(heads):

        def by(cotangent: Any, k: int = k) -> tuple[Any, ...]:
            return pull([*nothing[:k], cotangent, *nothing[k + 1 :]])

        arriving = gradients[head]
        sent = [None] * len(tails) if arriving is None else by(arriving)
        sizes = [made[k].size * values[tail].size for tail in tails]
        rows: Sequence[Any] = [None] * len(tails)
        if any(size <= LARGEST for size in sizes):
            rows = _rows(by, made[k])
        for tail, size, part, row in zip(tails, sizes, sent, rows, strict=True):
            links[tail, head] = Link(row if size <= LARGEST else None, part)
    return links


def _rows(by: Any, made: Any) -> Sequence[Any]:
    """All derivatives of one result: a backward pass for each of its entries."""
    basis = jnp.eye(made.size, dtype=made.dtype).reshape((made.size, *made.shape))
    try:
        rows = jax.vmap(by)(basis)
    except NotImplementedError:  # A rule that calls back to the host, say.
        each = [by(one) for one in basis]
        rows = [jnp.stack(parts) for parts in zip(*each, strict=True)]
    return [row.reshape((*made.shape, *row.shape[1:])) for row in rows]
