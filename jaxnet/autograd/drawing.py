"""A computation graph as a figure, with the look of all figures of jaxnet.

All lengths are in inches: texts are measured first, so that boxes hold what stands in
them and edges end at boxes. In axes that are smaller than that, all is drawn smaller.
"""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from jaxnet.autograd.boxes import SMALL, Font, lines_of, width_of
from jaxnet.autograd.layout import Layout, lay_out
from jaxnet.autograd.nodes import Edge, Node
from jaxnet.autograd.spelling import derivative_shown
from jaxnet.figures import BLACK, BLUE, GREEN, GREY, ORANGE, STYLE

_FACES = {"input": "#EAF3FA", "constant": "#F2F2F2", "operation": "#FFFFFF"}
_LINE, _PAD, _GAP, _ROW, _MARGIN, _LEGEND = 0.21, 0.09, 0.42, 0.95, 0.15, 0.45
_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}

_Point = tuple[float, float]


def draw_graph(nodes: Sequence[Node], edges: Sequence[Edge], ax: Axes | None) -> Figure:
    """Draws a graph into axes, or into a new figure of the right size.

    A node comes after all that it reads.
    """
    with matplotlib.rc_context(STYLE):
        drawing = _Drawing(nodes, edges)
        if ax is None:
            size = (drawing.width, drawing.height + _LEGEND)
            ax = Figure(figsize=size).add_axes((0.0, 0.0, 1.0, 1.0))
        drawing.draw(ax)
    return ax.figure.figure


def svg_text(nodes: Sequence[Node], edges: Sequence[Edge]) -> str:
    """The figure as SVG, for notebooks."""
    out = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure = draw_graph(nodes, edges, None)
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


class _Drawing:
    """Where everything goes, in inches from the lower left corner."""

    def __init__(self, nodes: Sequence[Node], edges: Sequence[Edge]):
        by_name = {node.name: node for node in nodes}
        self._nodes = nodes
        self._lines = {node.name: lines_of(node) for node in nodes}
        self._labels = {
            (edge.tail, edge.head): derivative_shown(
                edge.derivative,
                by_name[edge.head].value,
                by_name[edge.tail].value,
                entries=2,
            ).replace("diag ", "diag\n")
            for edge in edges
        }
        self._layout = lay_out(list(by_name), list(self._labels))
        self._taken: list[tuple[float, float, float, float]] = []
        self._columns = self._place_columns()
        ys = [y for _, y in _points(self._layout)]
        self._top = max(ys, default=0.0)
        self.width = self._columns[-1][1] + _MARGIN
        self.height = (self._top - min(ys, default=0.0) + 1.0) * _ROW

    def draw(self, ax: Axes) -> None:
        """Draws into axes, in the scale that fits."""
        total = self.height + _LEGEND
        ax.set_axis_off()
        width, height = _room(ax)
        scale = min(1.0, width / self.width, height / total)
        ax.set(xlim=(0.0, self.width), ylim=(0.0, total), aspect="equal")
        for link, text in self._labels.items():
            self._draw_edge(ax, link, text, scale)
        for node in self._nodes:
            self._draw_node(ax, node, scale)
        self._draw_legend(ax, scale)

    def _place_columns(self) -> list[tuple[float, float]]:
        """Left and right end of each layer."""
        count = 1 + int(max((x for x, _ in _points(self._layout)), default=0))
        widths, gaps = [0.0] * count, [_GAP] * count
        for name, (x, _) in self._layout.places.items():
            widths[int(x)] = max(widths[int(x)], self._size(name)[0])
        for link, text in self._labels.items():
            route = self._layout.routes[link]
            at = int(route[0][0])
            if len(route) == 2:  # Else the label has a place of its own.
                gaps[at] = max(gaps[at], _GAP + width_of(text, SMALL))
        columns, left = [], _MARGIN
        for width, gap in zip(widths, gaps, strict=True):
            columns.append((left, left + width))
            left += width + gap
        return columns

    def _size(self, name: str) -> tuple[float, float]:
        lines = self._lines[name]
        width = max(width_of(line.text, line.font) for line in lines)
        return width + 2 * _PAD + 0.1, _LINE * len(lines) + 2 * _PAD

    def _height(self, y: float) -> float:
        return self.height - _ROW * (self._top - y + 0.5)

    def _draw_node(self, ax: Axes, node: Node, scale: float) -> None:
        x, y = self._layout.places[node.name]
        middle, height = sum(self._columns[int(x)]) / 2, self._height(y)
        w, h = self._size(node.name)
        strong = bool(node.outputs or node.problem)
        box = FancyBboxPatch(
            (middle - w / 2 + 0.05, height - h / 2 + 0.05),
            w - 0.1,
            h - 0.1,
            boxstyle="round,pad=0.05",
            facecolor=_FACES[node.kind],
            edgecolor=ORANGE if node.problem else BLACK if node.outputs else GREY,
            linewidth=(2.4 if strong else 1.2) * scale,
            zorder=3,
        )
        ax.add_patch(box)
        lines = self._lines[node.name]
        for i, line in enumerate(lines):
            at = height + (len(lines) / 2 - i - 0.5) * _LINE
            _write(ax, (middle, at), line.text, line.color, line.font, scale, zorder=4)

    def _draw_edge(self, ax: Axes, link: Any, text: str, scale: float) -> None:
        """A smooth arrow, level where it passes a layer, with a text on it."""
        tail, head = link
        route = self._layout.routes[link]
        points = []
        for i, (x, y) in enumerate(route):
            left, right = self._columns[int(x)]
            middle, height = (left + right) / 2, self._height(y)
            if i == 0:
                points.append((middle + self._size(tail)[0] / 2, height))
            elif i == len(route) - 1:
                points.append((middle - self._size(head)[0] / 2, height))
            else:
                points += [(left, height), (right, height)]
        vertices: list[Any] = [points[0]]
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            vertices += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        codes = [Path.MOVETO, *[Path.CURVE4] * (len(vertices) - 1)]
        arrow = FancyArrowPatch(
            path=Path(vertices, codes),
            arrowstyle="-|>",
            mutation_scale=13 * scale,
            color=GREY,
            linewidth=1.3 * scale,
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
        ax.add_patch(arrow)
        if text:
            # In the middle of a level part, if there is one.
            half = len(points) // 4 * 2
            ends = (points[half - 1], points[half]) if half else (points[0], points[1])
            at = self._free_place(*ends, text)
            _write(ax, at, text, GREEN, SMALL, scale, zorder=2)

    def _free_place(self, start: _Point, end: _Point, text: str) -> _Point:
        """A place on an edge for a text, off those of other edges if there is one."""
        w, h = width_of(text, SMALL) + 0.05, 0.17 * len(text.splitlines())
        tried = []
        for t in (0.5, 0.38, 0.62, 0.28, 0.72):
            # On the curve with level ends, whose x and y are these functions of t.
            s = 3 * t * t - 2 * t**3
            x = start[0] + (end[0] - start[0]) * (1.5 * t * (1 - t) + t**3)
            at = (x, start[1] + (end[1] - start[1]) * s)
            overlap = sum(
                max(0.0, (w + w2) / 2 - abs(at[0] - x2))
                * max(0.0, (h + h2) / 2 - abs(at[1] - y2))
                for x2, y2, w2, h2 in self._taken
            )
            tried.append((overlap, len(tried), at))
        _, _, best = min(tried)
        self._taken.append((*best, w, h))
        return best

    def _draw_legend(self, ax: Axes, scale: float) -> None:
        kinds = [("value", BLUE)]
        if any(node.gradient is not None for node in self._nodes):
            kinds.append(("∂ gradient that arrives", ORANGE))
        if any(self._labels.values()):
            kinds.append(("derivative along the edge", GREEN))
        ax.legend(
            [Line2D([], [], color=color, linewidth=6) for _, color in kinds],
            [name for name, _ in kinds],
            loc="upper left",
            ncols=len(kinds),
            handlelength=0.9,
            columnspacing=1.4,
            fontsize=12 * scale,
            borderaxespad=0.4,
        )


def _room(ax: Axes) -> tuple[float, float]:
    """The size of axes in inches, as it will be."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax should belong to a figure.")
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    extent = ax.get_window_extent()
    return extent.width / figure.dpi, extent.height / figure.dpi


def _write(
    ax: Axes,
    at: tuple[float, float],
    text: str,
    color: str,
    font: Font,
    scale: float,
    *,
    zorder: int,
) -> None:
    size, weight = font
    ax.text(
        *at,
        text,
        color=color,
        size=size * scale,
        weight=weight,
        ha="center",
        va="center",
        linespacing=1.0,
        zorder=zorder,
        parse_math=False,
        bbox=_WHITE if font == SMALL else None,
    )


def _points(layout: Layout) -> list[tuple[float, float]]:
    return [*layout.places.values(), *(p for r in layout.routes.values() for p in r)]
