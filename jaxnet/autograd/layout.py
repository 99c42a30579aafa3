"""Where the nodes of a graph go: in layers from left to right, with few crossings.

After Sugiyama, Tagawa and Toda (1981): a node stands right of all that it reads; the
order in a layer is that of the neighbours' mean places; then nodes move up and down
until edges are as straight as their distances allow.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

_SWEEPS = 24

Link = tuple[Any, Any]


class Layout(NamedTuple):
    """Places, in layers across and in rows up and down.

    Attributes:
      places: (x, y) of each node; x counts layers, y is 1 or more between nodes.
      routes: for each edge the points that it passes, ends included. One that spans
        several layers goes around the nodes between.
    """

    places: dict[Any, tuple[float, float]]
    routes: dict[Link, list[tuple[float, float]]]


def lay_out(nodes: Sequence[str], links: Sequence[Link]) -> Layout:
    """Lays out a graph without circles.

    Args:
      nodes: names, in an order in which none comes before what it reads.
      links: (tail, head).

    References:
      Sugiyama, Tagawa and Toda, *Methods for Visual Understanding of Hierarchical
      System Structures*, 1981.
    """
    layer: dict[Any, int] = dict(_layers(nodes, links))
    chains = {}
    for tail, head in links:
        # An edge takes a place in each layer that it passes.
        between = [(tail, head, at) for at in range(layer[tail] + 1, layer[head])]
        layer |= {one: one[2] for one in between}
        chains[tail, head] = [tail, *between, head]
    short = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    layers = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for one, at in layer.items():
        layers[at].append(one)
    layers = _ordered(layers, short)
    y = _heights(layers, short)
    places = {one: (float(layer[one]), y[one]) for one in layer}
    routes = {link: [places[one] for one in chain] for link, chain in chains.items()}
    return Layout({node: places[node] for node in nodes}, routes)


def _layers(nodes: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """As far left as may be; but what reads nothing stands just before its reader."""
    tails: dict[str, list[str]] = {node: [] for node in nodes}
    heads: dict[str, list[str]] = {node: [] for node in nodes}
    for tail, head in links:
        tails[head].append(tail)
        heads[tail].append(head)
    layer: dict[str, int] = {}
    for node in nodes:
        layer[node] = max((layer[tail] + 1 for tail in tails[node]), default=0)
    for node in nodes:
        if not tails[node] and heads[node]:
            layer[node] = min(layer[head] for head in heads[node]) - 1
    return layer


def _ordered(layers: list[list[Any]], links: Sequence[Link]) -> list[list[Any]]:
    """The order with the fewest crossings that sweeps to and fro have met."""
    best, fewest = layers, _crossings(layers, links)
    current = [list(one) for one in layers]
    for sweep in range(_SWEEPS):
        to_right = sweep % 2 == 0
        numbers = range(len(current)) if to_right else reversed(range(len(current)))
        neighbours = _neighbours(links, before=to_right)
        for at in numbers:
            place = {one: float(i) for layer in current for i, one in enumerate(layer)}
            current[at].sort(
                key=lambda one: _mean(
                    [place[other] for other in neighbours.get(one, ())], place[one]
                )
            )
        crossings = _crossings(current, links)
        if crossings < fewest:
            best, fewest = [list(one) for one in current], crossings
    return best


def _crossings(layers: list[list[Any]], links: Sequence[Link]) -> int:
    place = {
        one: (at, i) for at, layer in enumerate(layers) for i, one in enumerate(layer)
    }
    ends = np.array([(*place[tail], place[head][1]) for tail, head in links])
    count = 0
    for at in range(len(layers)):
        here = ends[ends[:, 0] == at] if len(ends) else ends
        if len(here) > 1:
            tail = np.sign(np.subtract.outer(here[:, 1], here[:, 1]))
            head = np.sign(np.subtract.outer(here[:, 2], here[:, 2]))
            count += int((tail * head < 0).sum()) // 2
    return count


def _heights(layers: list[list[Any]], links: Sequence[Link]) -> dict[Any, float]:
    """Heights near those of the neighbours, 1 apart or more in a layer."""
    before, after = (_neighbours(links, before=side) for side in (True, False))
    y = {one: float(i) for layer in layers for i, one in enumerate(layer)}
    for _ in range(_SWEEPS):
        for layer in layers:
            wanted = [
                _mean(
                    [y[n] for n in (*before.get(one, ()), *after.get(one, ()))], y[one]
                )
                for one in layer
            ]
            y |= zip(layer, _spread(wanted), strict=True)
    middle = (max(y.values(), default=0.0) + min(y.values(), default=0.0)) / 2
    return {one: value - middle for one, value in y.items()}


def _spread(wanted: Sequence[float]) -> list[float]:
    """The nearest heights, in squares, that are 1 apart or more in this order."""
    blocks: list[tuple[float, int]] = []  # The mean, and how many share it.
    for i, value in enumerate(wanted):
        block = (value - i, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, size = blocks.pop()
            total = size + block[1]
            block = ((mean * size + block[0] * block[1]) / total, total)
        blocks.append(block)
    flat = [mean for mean, size in blocks for _ in range(size)]
    return [mean + i for i, mean in enumerate(flat)]


def _neighbours(links: Iterable[Link], *, before: bool) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for tail, head in links:
        one, other = (head, tail) if before else (tail, head)
        found.setdefault(one, []).append(other)
    return found


def _mean(values: Sequence[float], otherwise: float) -> float:
    return float(np.mean(values)) if values else float(otherwise)
