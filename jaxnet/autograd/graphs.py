"""A computation graph: look values up, follow paths, draw it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from jaxnet.autograd.dot import dot_text
from jaxnet.autograd.nodes import Edge, Node
from jaxnet.autograd.spelling import shown
from jaxnet.checks import check_choice

MOST_PATHS = 10_000


class Path(NamedTuple):
    """One way from a node to the output.

    Attributes:
      nodes: the names that it passes, ends included.
      derivative: the product of the derivatives on its edges, of the shape of the
        output and then of the node where it begins.
    """

    nodes: tuple[str, ...]
    derivative: Array


@dataclass(frozen=True, eq=False)
class Graph:
    """A function as a graph of values, as `graph` makes it.

    Attributes:
      nodes: in the order in which they are computed, inputs first.
      edges: from what goes into an operation to what comes out.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def __getitem__(self, name: str) -> Node:
        """The node with a name; raises ValueError if there is none."""
        check_choice("node", name, [node.name for node in self.nodes])
        return next(node for node in self.nodes if node.name == name)

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The leaves of the arguments."""
        return tuple(node for node in self.nodes if node.kind == "input")

    @property
    def outputs(self) -> tuple[Node, ...]:
        """What the function returns."""
        return tuple(node for node in self.nodes if node.outputs)

    def paths(self, name: str) -> list[Path]:
        """All ways from a node to the output, with the derivative along each.

        Their sum is the gradient at the node, which is the chain rule. Going backward
        finds the same sum with one product for each edge, where paths share edges and
        may be exponentially many.

        Args:
          name: of the node.

        Raises:
          ValueError: if there is no such node, more than one output, a derivative
            that is not known, or more than 10,000 paths.
        """
        start = self[name]
        if len(self.outputs) != 1:
            names = [one for node in self.outputs for one in node.outputs]
            raise ValueError(f"paths should lead to one output, but there are {names}.")
        (end,) = self.outputs
        if self.count_paths(name) > MOST_PATHS:
            raise ValueError(
                f"{name} has {self.count_paths(name):,} paths to the output, more than "
                f"{MOST_PATHS:,}. count_paths counts them without going along each."
            )
        sizes = {node.name: jnp.ndim(node.value) for node in self.nodes}
        one = jnp.ones(start.value.size, start.value.dtype)
        shape = (*start.value.shape, *start.value.shape)
        done, open_paths = [], [Path((name,), jnp.diag(one).reshape(shape))]
        while open_paths:
            path = open_paths.pop()
            if path.nodes[-1] == end.name:
                done.append(path)
                continue
            for edge in self._leaving(path.nodes[-1]):
                if not self._reaches(edge.head, end.name):
                    continue
                if edge.derivative is None:
                    raise ValueError(
                        f"the derivative of {edge.head} by {edge.tail} is not known: "
                        "it has none, or too many entries. Take smaller arrays."
                    )
                axes = sizes[edge.tail]
                product = jnp.tensordot(edge.derivative, path.derivative, axes)
                open_paths.append(Path((*path.nodes, edge.head), product))
        return done[::-1]

    def count_paths(self, name: str) -> int:
        """How many ways lead from a node to outputs."""
        self[name]
        counts: dict[str, int] = {}
        for node in reversed(self.nodes):
            further = sum(counts.get(edge.head, 0) for edge in self._leaving(node.name))
            counts[node.name] = bool(node.outputs) + further
        return counts[name]

    def to_dot(self) -> str:
        """The graph as text for Graphviz, with values, gradients and derivatives."""
        return dot_text(self.nodes, self.edges)

    def draw(self, ax: Any = None) -> Any:
        """Draws the graph from left to right.

        A box has a node's formula, its value (blue) and the gradient that arrives
        there (orange); on an edge stands the derivative of its head by its tail.

        Args:
          ax: matplotlib axes; by default those of a new figure of the right size.

        Returns:
          The matplotlib figure.

        Raises:
          ModuleNotFoundError: if matplotlib is not installed.
        """
        from jaxnet.autograd.drawing import draw_graph  # Not with jaxnet: it is slow.

        return draw_graph(self.nodes, self.edges, ax)

    def __str__(self) -> str:
        rows = [("node", "formula", "value", "gradient")]
        for node in self.nodes:
            gradient = "" if node.gradient is None else shown(node.gradient)
            name = f"{node.name} -> {', '.join(node.outputs)}" if node.outputs else ""
            formula = node.formula or node.kind
            rows.append((name or node.name, formula, shown(node.value), gradient))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        from jaxnet.autograd.drawing import svg_text

        return svg_text(self.nodes, self.edges)

    def _leaving(self, name: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.tail == name]

    def _reaches(self, name: str, end: str) -> bool:
        return name == end or any(
            self._reaches(edge.head, end) for edge in self._leaving(name)
        )
