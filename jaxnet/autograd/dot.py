"""Graphviz text of a graph: ``dot -Tsvg graph.dot > graph.svg``."""

from collections.abc import Sequence

from jaxnet.autograd.nodes import Edge, Node
from jaxnet.autograd.spelling import derivative_shown, shown

_SHAPES = {"input": "ellipse", "constant": "plaintext", "operation": "box"}


def dot_text(nodes: Sequence[Node], edges: Sequence[Edge]) -> str:
    """The graph in Graphviz' language, with values, gradients and derivatives."""
    by_name = {node.name: node for node in nodes}
    lines = ["digraph {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for node in nodes:
        border = ", peripheries=2" if node.outputs else ""
        label = r"\n".join(_escaped(line) for line in lines_of(node))
        shape = _SHAPES[node.kind]
        name = _escaped(node.name)
        lines.append(f'  "{name}" [shape={shape}{border}, label="{label}"];')
    for edge in edges:
        head, tail = by_name[edge.head], by_name[edge.tail]
        label = _escaped(derivative_shown(edge.derivative, head.value, tail.value))
        ends = f'"{_escaped(edge.tail)}" -> "{_escaped(edge.head)}"'
        lines.append(f'  {ends} [label="{label}"];')
    return "\n".join([*lines, "}", ""])


def lines_of(node: Node) -> list[str]:
    """What stands in a node: its formula, its value and its gradient."""
    lines = [f"{node.name} = {node.formula}" if node.formula else node.name]
    lines.append(shown(node.value))
    if node.gradient is not None:
        lines.append(f"grad {shown(node.gradient)}")
    if node.problem:
        lines.append("no derivative")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', r"\"")
