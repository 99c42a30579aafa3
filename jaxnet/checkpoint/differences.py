"""What differs between two values that JSON holds, in words."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

LINES = 20
"""Differences that are shown; of the others there is the number."""

LONGEST = 60
"""Letters of a value that are shown."""

_NOTHING = object()


def difference(saved: Any, now: Any) -> str:
    """A line for each value that differs, with its path: what it was, what it is.

    Args:
      saved: what JSON holds: nested dicts, lists, numbers, strings, bools, None.
      now: likewise.

    Returns:
      Lines, indented by two spaces; "" if there is no difference.

    >>> print(difference({"epochs": 5, "hypers": {"rate": 0.1}},
    ...                  {"epochs": 5, "hypers": {"rate": 0.2, "width": 8}}))
      hypers/rate: 0.1 there, 0.2 here
      hypers/width: nothing there, 8 here
    """
    lines = [
        f"  {_shown(path or 'all')}: {_shown(there)} there, {_shown(here)} here"
        for path, there, here in _different("", saved, now)
    ]
    if len(lines) > LINES:
        lines[LINES:] = [f"  and {len(lines) - LINES} more"]
    return "\n".join(lines)


def _different(path: str, there: Any, here: Any) -> Iterator[tuple[str, Any, Any]]:
    """Path and both values of all that differs."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        names = [*there, *(name for name in here if name not in there)]
        for name in names:
            yield from _different(
                f"{path}/{name}" if path else str(name),
                there.get(name, _NOTHING),
                here.get(name, _NOTHING),
            )
    elif _holds_parts(there) and _holds_parts(here):
        numbered = [dict(enumerate(parts)) for parts in (there, here)]
        yield from _different(path, *numbered)
    elif not _same(there, here):
        yield path, there, here


def _holds_parts(value: Any) -> bool:
    """Whether it is a list of which to look at each part, and not at the whole."""
    return isinstance(value, list) and any(isinstance(v, dict | list) for v in value)


def _same(there: Any, here: Any) -> bool:
    # True is 1 and 1 is 1.0 in Python, but neither is in a program. NaN is itself.
    return repr(there) == repr(here)


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    # What is not printable could write over what is on the terminal.
    plain = isinstance(value, str) and value.isprintable()
    text = value if plain else repr(value)
    if re.fullmatch(r"[0-9a-f]{64}", text):  # A fingerprint.
        return f"{text[:8]}…"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
