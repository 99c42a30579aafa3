"""What stands in the boxes of a drawing, and how much room it takes."""

import textwrap
from typing import NamedTuple

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from jaxnet.autograd.nodes import Node
from jaxnet.autograd.spelling import shown
from jaxnet.figures import BLACK, BLUE, ORANGE

Font = tuple[float, str]
"""Size in points, and weight."""

BOLD, PLAIN, SMALL = (12.0, "bold"), (11.0, "normal"), (10.0, "normal")

_LONGEST = 28
"""Letters in a line."""


class Line(NamedTuple):
    """A line of text."""

    text: str
    color: str
    font: Font


def lines_of(node: Node) -> list[Line]:
    """What stands in a box: formula, value, gradient."""
    name = f"{node.name} = {node.formula}" if node.formula else node.name
    lines = [
        Line(_short(name), BLACK, BOLD),
        Line(_short(shown(node.value, entries=2)), BLUE, PLAIN),
    ]
    if node.gradient is not None:
        text = _short(f"∂ {shown(node.gradient, entries=2, shape=False)}")
        lines.append(Line(text, ORANGE, PLAIN))
    if node.problem:
        lines.append(Line("no derivative", ORANGE, PLAIN))
    return lines


def _short(text: str) -> str:
    return textwrap.shorten(text, _LONGEST, placeholder=" ...")


def width_of(text: str, font: Font) -> float:
    """Of the longest of its lines, in inches."""
    size, weight = font
    properties = FontProperties(size=size, weight=weight)
    return max(
        (
            TextPath((0, 0), line, prop=properties).get_extents().width / 72
            for line in text.splitlines()
            if line.strip()
        ),
        default=0.0,
    )
