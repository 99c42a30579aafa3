"""From a function and its inputs to its computation graph."""

import itertools
import string
from collections.abc import Callable, Iterator
from typing import Any

import jax

from jaxnet.autograd.derivatives import differentiate
from jaxnet.autograd.graphs import Graph
from jaxnet.autograd.naming import name_arguments
from jaxnet.autograd.nodes import Edge, Node
from jaxnet.autograd.steps import Program
from jaxnet.paths import path_name


def graph(f: Callable[..., Any], *args: Any, inline: bool = False) -> Graph:
    """The computation graph of a function, with values and derivatives.

    ``f`` is traced and run once, operation by operation. Backward, each operation is
    differentiated with its own rule, that of a ``jax.custom_vjp`` included, and
    ``gradient(tail) = sum of gradient(head) * derivative`` over the edges that leave a
    node. Numbers in the program stand in formulas and are no nodes.

    Args:
      f: any function of arrays that JAX can trace.
      *args: its inputs: PyTrees of arrays and numbers, whose leaves are the inputs of
        the graph, with the names of f's parameters.
      inline: whether to open compiled functions such as ``jax.nn.softmax`` and show
        what is inside, in place of one node with their name. Loops, and functions
        with derivatives of their own, stay closed.

    Returns:
      The graph. If ``f`` returns a single floating-point scalar, each node has its
      gradient; edges have the derivatives of heads by tails in any case. What is
      computed without effect on what is returned is left out.

    Raises:
      TypeError: if an argument has a leaf that is no array.
      ValueError: if values are not known, as inside ``jax.jit``.

    References:
      Griewank and Walther, *Evaluating Derivatives*, 2008, chapters 2 and 3.

    >>> half = graph(lambda x, w: 0.5 * (x - w) ** 2, 5.0, 3.0)
    >>> print(half)
    node         formula  value  gradient
    x            input    5      2
    w            input    3      -2
    a            x - w    2      2
    b            a ** 2   4      0.5
    c -> output  0.5 * b  2      1
    """
    named = name_arguments("graph", f, args)
    given = named.tree(named.leaves)
    closed, shapes = jax.make_jaxpr(f, return_shape=True)(*given)
    program = Program(closed, named.leaves, inline=inline)
    derivatives = differentiate(program)
    used = _used(program)
    returned: dict[int, list[str]] = {}
    for place, (path, _) in zip(
        program.outputs, jax.tree_util.tree_leaves_with_path(shapes), strict=True
    ):
        returned.setdefault(place, []).append(path_name(path) or "output")

    names = dict(enumerate(named.names))
    arrays = [one for one in program.constants if one in used]
    names |= {one: f"constant_{i}" for i, one in enumerate(arrays, 1)}
    letters = _letters(set(names.values()))
    nodes = {
        one: Node(name, "constant" if one >= program.inputs else "input", "", "", None)
        for one, name in names.items()
    }
    for step in program.steps:
        for place, one in zip(step.places, step.outputs, strict=True):
            if one in used:
                names[one] = next(letters)
                formula = step.spell(names) + place
                nodes[one] = Node(
                    names[one], "operation", step.operation, formula, None
                )
    return Graph(
        tuple(
            node._replace(
                value=program.values[one],
                gradient=derivatives.gradients[one],
                outputs=tuple(returned.get(one, ())),
                problem=derivatives.problems.get(one, ""),
            )
            for one, node in nodes.items()
        ),
        tuple(_edges(program, derivatives.links, names, used)),
    )


def _edges(
    program: Program, links: Any, names: dict[int, str], used: set[int]
) -> Iterator[Edge]:
    for step in program.steps:
        for head, tail in itertools.product(step.outputs, step.inputs):
            if head in used:
                derivative, gradient = links.get((tail, head), (None, None))
                yield Edge(names[tail], names[head], derivative, gradient)


def _used(program: Program) -> set[int]:
    """The numbers of what is returned, and of all that it depends on."""
    used = set(program.outputs)
    for step in reversed(program.steps):
        if used & set(step.outputs):
            used |= set(step.inputs)
    return used


def _letters(taken: set[str]) -> Iterator[str]:
    """a, b, ..., z, aa, ab, ... without those that are taken."""
    for length in itertools.count(1):
        for word in itertools.product(string.ascii_lowercase, repeat=length):
            if (name := "".join(word)) not in taken:
                yield name
