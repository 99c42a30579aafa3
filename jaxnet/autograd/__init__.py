"""See how derivatives are computed, and whether they are right.

print(graph(f, x))                  values and gradients of each operation
graph(f, x).draw()                  the computation graph as a figure
print(check_gradients(f, params))   jax.grad against finite differences, by leaf
"""

from jaxnet.autograd.checking import check_gradients
from jaxnet.autograd.graphs import Graph, Path
from jaxnet.autograd.nodes import Edge, Node
from jaxnet.autograd.reports import GradientReport, LeafCheck
from jaxnet.autograd.tracing import graph

__all__ = [
    "Edge",
    "GradientReport",
    "Graph",
    "LeafCheck",
    "Node",
    "Path",
    "check_gradients",
    "graph",
]
