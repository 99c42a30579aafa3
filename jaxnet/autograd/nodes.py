"""What a computation graph consists of: values, and derivatives between them."""

from typing import Any, Literal, NamedTuple


class Node(NamedTuple):
    """A value of the computation.

    Attributes:
      name: "x" or "params/kernel" for an input, a letter for what is computed.
      kind: where it comes from.
      operation: what made it: a name such as "sin"; "" for inputs and constants.
      formula: the same with the names of what went in: "sin(y)", "a / b".
      value: what it is for these inputs.
      gradient: the derivative of the output with respect to it, of the shape of
        ``value``. None if there is none: for integers, for functions with other than
        one scalar output, and where an operation on the way has no derivative.
      outputs: the paths in what the function returns at which it stands; ("output",)
        if it is all that is returned, () if it is on the way.
      problem: why the operation has no derivative, "" if it has one.
    """

    name: str
    kind: Literal["input", "constant", "operation"]
    operation: str
    formula: str
    value: Any
    gradient: Any = None
    outputs: tuple[str, ...] = ()
    problem: str = ""


class Edge(NamedTuple):
    """One value enters the computation of another.

    Attributes:
      tail: the name of what goes in.
      head: the name of what comes out.
      derivative: of head with respect to tail, ``(*head.shape, *tail.shape)``; None
        for integers, and if it has more than 10,000 entries.
      gradient: what arrives at the tail by this edge, the gradient at the head times
        ``derivative``. The gradient at a node is the sum over the edges that leave it.
    """

    tail: str
    head: str
    derivative: Any
    gradient: Any
