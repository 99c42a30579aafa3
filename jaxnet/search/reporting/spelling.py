"""A space as the Python that makes it."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Any

from jaxnet.search.dimensions import Choice, Range, plain
from jaxnet.search.showing import shown


def space_in_code(space: Mapping[str, Any]) -> str:
    """Python that makes a space, with bounds rounded outward to three digits.

    >>> from jaxnet.search.space import choice, uniform
    >>> print(space_in_code({"width": choice(16, 64), "dropout": uniform(0.0123, 0.5)}))
    from jaxnet.search import choice, uniform
    <BLANKLINE>
    space = {
        "width": choice(16, 64),
        "dropout": uniform(0.0123, 0.5),
    }
    """
    makers = {d.kind for d in space.values() if isinstance(d, Range)}
    makers |= {"choice" for d in space.values() if isinstance(d, Choice)}
    lines = [f"    {_quoted(name)}: {_code(value)}," for name, value in space.items()]
    head = (
        f"from jaxnet.search import {', '.join(sorted(makers))}\n\n" if makers else ""
    )
    return "\n".join([f"{head}space = {{", *lines, "}"])


def _quoted(text: str) -> str:
    said = repr(text)
    return said if '"' in said else f'"{said[1:-1]}"'


def _code(value: Any) -> str:
    value = plain(value)
    if isinstance(value, Choice):
        return f"choice({', '.join(map(_code, value.values))})"
    if isinstance(value, Range):
        return repr(_rounded(value))
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if type(value) is tuple:
        return f"({', '.join(map(_code, value))}{',' if len(value) == 1 else ''})"
    return shown(value)


def _rounded(of: Range) -> Range:
    if of.integer:
        return of
    low = float(Context(prec=3, rounding=ROUND_FLOOR).create_decimal(str(of.low)))
    high = float(Context(prec=3, rounding=ROUND_CEILING).create_decimal(str(of.high)))
    if high >= 1.0 > of.high:  # A share stays one.
        high = of.high
    try:
        return Range(low, high, of.log)
    except ValueError:  # Beyond what a float32 can be.
        return of
