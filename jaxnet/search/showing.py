"""Names and values in few letters, for tables, plans, figures and pages."""

import re
from typing import Any

from jaxnet.search.dimensions import plain

LONGEST = 24
"""Letters of a name or value that are shown."""


def printable(text: str) -> str:
    """Text on one line, without what a page or a figure could not hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value, or a name, in few letters.

    >>> shown(0.0123456), shown("tanh"), shown((64, 32)), shown(None)
    ('0.01235', 'tanh', '(64, 32)', 'none')
    """
    value = plain(value)
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    name = getattr(value, "__name__", None) or getattr(value, "name", None)
    if isinstance(name, str):
        text = name
    elif isinstance(value, tuple):
        text = f"({', '.join(shown(v) for v in value)})"
    else:
        text = without_addresses(str(value))
    text = printable(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def without_addresses(text: str) -> str:
    """What Python says of an object, without where in memory it was."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
