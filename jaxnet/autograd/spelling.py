"""Operations, numbers and arrays as a reader would write them."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_INFIX = {"add": "+", "add_any": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}

_NAMES = {
    "logistic": "sigmoid",
    "integer_pow": "power",
    "dot_general": "matmul",
    "broadcast_in_dim": "broadcast",
    "convert_element_type": "convert",
    "select_n": "select",
    "neg": "minus",
}

_COMPARISONS = {"gt": ">", "lt": "<", "ge": ">=", "le": "<=", "eq": "==", "ne": "!="}


def spelled(operation: str) -> str:
    """The name of an operation for people: "reduce_sum" is "sum"."""
    return _NAMES.get(operation, operation.removeprefix("reduce_"))


def spelled_call(operation: str, equation: Any, operands: Sequence[Any]) -> str:
    """A formula such as "a / b" or "sin(y)".

    Args:
      operation: its name.
      equation: of JAX, for what is not an operand.
      operands: names, and numbers for what stands in the program.
    """
    words = [one if isinstance(one, str) else number(one) for one in operands]
    symbol = {**_INFIX, **_COMPARISONS}.get(operation)
    if operation == "dot_general" and _is_matmul(equation):
        symbol = "@"
    if symbol and len(words) == 2:
        return f"{words[0]} {symbol} {words[1]}"
    if operation == "integer_pow":
        return f"{words[0]} ** {equation.params['y']}"
    if operation == "square":
        return f"{words[0]} ** 2"
    if operation == "neg":
        return f"-{words[0]}"
    return f"{spelled(operation)}({', '.join(words)})"


def _is_matmul(equation: Any) -> bool:
    """Whether a product is what ``@`` computes: last axis by first, no batch."""
    (left, right), batch = equation.params["dimension_numbers"]
    last = len(equation.invars[0].aval.shape) - 1
    return (*left, *right) == (last, 0) and not any(map(len, batch))


def number(value: Any) -> str:
    """A scalar with four digits.

    >>> number(2.0), number(-0.13403), number(True)
    ('2', '-0.134', 'True')
    """
    if _is_key(value):
        return "key"
    value = np.asarray(value)
    if value.dtype.kind in "bc":
        return str(value.item())
    return f"{value.item():.4g}"


def shown(value: Any, *, entries: int = 3, shape: bool = True) -> str:
    """A value in little space: a number, or a shape and the first entries.

    Args:
      value: an array of any shape.
      entries: how many to show at most, and one more if that is all.
      shape: whether to say the shape of an array that is not shown as a whole.

    >>> shown(np.array([1.0, 2.5])), shown(np.zeros((2, 3)))
    ('[1, 2.5]', '(2, 3) [0, 0, 0, ...]')
    """
    if np.ndim(value) == 0:
        return number(value)
    if _is_key(value):
        return f"{tuple(value.shape)} keys"
    array = np.asarray(value)
    if array.size <= entries + 1:
        return _nested(array.tolist())
    first = ", ".join(map(_entry, array.ravel()[:entries].tolist()))
    return f"{tuple(array.shape)} [{first}, ...]" if shape else f"[{first}, ...]"


def derivative_shown(derivative: Any, head: Any, tail: Any, *, entries: int = 3) -> str:
    """The derivative on an edge in little space.

    A derivative of one array by another is a matrix. If that is diagonal, as that of
    every elementwise operation, its diagonal is shown, else its shape.

    Args:
      derivative: ``(*head.shape, *tail.shape)``, or None.
      head: the value that is differentiated.
      tail: the value by which.
      entries: how many to show at most.
    """
    if derivative is None:
        return ""
    array = np.asarray(derivative)
    if np.ndim(head) == 0 or np.ndim(tail) == 0:
        return _uniform(array, entries)
    square = array.reshape(np.size(head), np.size(tail))
    if np.shape(head) == np.shape(tail):
        diagonal = np.diagonal(square)
        if np.array_equal(square, np.diag(diagonal)):
            return f"diag {_uniform(diagonal.reshape(np.shape(head)), entries)}"
    return f"{square.shape[0]}x{square.shape[1]} matrix"


def _uniform(array: np.ndarray, entries: int) -> str:
    flat = array.ravel()
    if array.ndim and flat.size > 1 and (flat == flat[0]).all():
        return f"all {number(flat[0])}"
    return shown(array, entries=entries)


def _nested(entries: Any) -> str:
    if isinstance(entries, list):
        return f"[{', '.join(map(_nested, entries))}]"
    return _entry(entries)


def _entry(one: Any) -> str:
    return f"{one:.3g}" if isinstance(one, float) else str(one)


def _is_key(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
