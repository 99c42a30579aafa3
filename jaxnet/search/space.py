"""What may vary in a sweep, and over which values.

    space = {
        "width": choice(16, 64),
        "dropout": uniform(0.0, 0.5),
        "learning_rate": log_uniform(1e-4, 1e-1),
        "batch_size": 32,  # the same in every trial
    }

A name stands for a dimension, which the functions here make, or for a fixed value.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from jaxnet.checks import check_choice
from jaxnet.search.dimensions import (
    Choice,
    Dimension,
    Number,
    Range,
    check_constant,
    plain,
)


def choice(*values: Any) -> Choice:
    """One of several values, each as likely as the others.

    Args:
      *values: numbers, strings, functions, None or tuples, no two equal. Among floats
        write 0.0 and not 0: an int is not traced, and makes a program of its own.

    >>> choice("relu", "tanh").at(0.7)
    'tanh'
    """
    return Choice(values)


def uniform(low: Number, high: Number) -> Range:
    """A float with equal shares for equal differences, ``low + u (high - low)``.

    Args:
      low: the smallest value.
      high: the largest value, above ``low``.

    >>> uniform(0.0, 0.5).grid(3)
    (0.0, 0.25, 0.5)
    """
    return Range(low, high)


def log_uniform(low: Number, high: Number) -> Range:
    """A float with equal shares for equal factors, ``low (high / low)^u``.

    Args:
      low: the smallest value, above 0.
      high: the largest value, above ``low``.

    >>> log_uniform(1e-4, 1e-1).grid(4)
    (0.0001, 0.001, 0.01, 0.1)
    """
    return Range(low, high, log=True)


def integers(low: int, high: int) -> Range:
    """An int, each as likely as the others, ``low + floor(u (high - low + 1))``.

    Args:
      low: the smallest value.
      high: the largest value, above ``low``; it is drawn as well.

    >>> [integers(1, 3).at(u) for u in (0.0, 0.4, 0.9)]
    [1, 2, 3]
    """
    return Range(low, high, integer=True)


def log_integers(low: int, high: int) -> Range:
    """An int, rounded from a float with equal shares for equal factors.

    The float is between ``low - 1/2`` and ``high + 1/2``, so the share of k is
    proportional to ``log((k + 1/2) / (k - 1/2))``, which is nearly 1 / k.

    Args:
      low: the smallest value, at least 1.
      high: the largest value, above ``low``; it is drawn as well.

    >>> log_integers(1, 256).grid(5)
    (1, 4, 16, 64, 256)
    """
    return Range(low, high, log=True, integer=True)


Space: TypeAlias = Mapping[str, Any]
"""For each hyperparameter a `Dimension`, or the value that it has in all trials."""


def varying(space: Space) -> dict[str, Dimension]:
    """The dimensions of a space, sorted by name."""
    return {n: d for n, d in sorted(space.items()) if isinstance(d, Choice | Range)}


def check_space(space: Space) -> None:
    """Raises ValueError or TypeError unless something can be sampled from a space.

    Raises:
      TypeError: if it is no mapping, or a name in it no str.
      ValueError: if it is empty, or a value in it can be no hyperparameter.
    """
    if not isinstance(space, Mapping):
        raise TypeError(
            "a space should be a dict from names to what they may be, such as "
            f"{{'width': choice(16, 64)}}, got {space!r}."
        )
    if not space:
        raise ValueError(
            "the space is empty. Name at least one hyperparameter, such as "
            "{'learning_rate': log_uniform(1e-4, 1e-1)}."
        )
    for name, value in space.items():
        if not isinstance(name, str):
            raise TypeError(f"a name in a space should be a str, got {name!r}.")
        if isinstance(value, Mapping):
            raise ValueError(
                f"{name} should be one value or what it may be, got {value!r}. A space "
                "that was written as JSON is read by from_json."
            )
        if not isinstance(value, Choice | Range):
            check_constant(name, plain(value))


def to_json(space: Space) -> dict[str, Any]:
    """A space as a dict that JSON can hold.

    A fixed tuple, for which JSON has no form, becomes a choice of one.

    Raises:
      ValueError: for a value that is no number, string, bool, None or tuple of them.

    >>> to_json({"width": choice(16, 64), "dropout": uniform(0.0, 0.5), "depth": 2})
    {'width': {'choice': [16, 64]}, 'dropout': {'uniform': [0.0, 0.5]}, 'depth': 2}
    """
    check_space(space)
    written = {}
    for name, value in space.items():
        value = plain(value)
        if isinstance(value, tuple):
            value = Choice((value,))
        if isinstance(value, Choice):
            value = {"choice": list(value.values)}
        elif isinstance(value, Range):
            value = {value.kind: [value.low, value.high]}
        try:
            written[name] = json.loads(json.dumps(value))
        except TypeError:
            raise ValueError(
                f"{name} cannot be written as JSON, got {value!r}. Use a string, and "
                "look up in build what it stands for."
            ) from None
    return written


def from_json(source: str | Mapping[str, Any]) -> dict[str, Any]:
    """Reads a space that was written by `to_json`, or by hand.

    Args:
      source: the text, or the dict that it holds.

    Raises:
      ValueError: for anything else, with the name of what is wrong.

    >>> from_json('{"width": {"choice": [16, 64]}, "dropout": 0.1}')
    {'width': choice(16, 64), 'dropout': 0.1}
    """
    try:
        if isinstance(source, str):
            source = json.loads(source, object_pairs_hook=_without_repeats)
        if not isinstance(source, Mapping):
            raise ValueError(f"an object is due, got {source!r}.")
        space = {name: _read(name, written) for name, written in source.items()}
        check_space(space)
    except RecursionError:
        raise ValueError("not a space in JSON: it is nested too deeply.") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"not a space in JSON: {error}") from None
    return space


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise ValueError(f"{name} is there {times} times.")
    return dict(pairs)


_MAKERS = {
    maker.__name__: maker
    for maker in (choice, uniform, log_uniform, integers, log_integers)
}


def _read(name: str, written: Any) -> Any:
    if not isinstance(written, Mapping):
        return written
    if len(written) != 1:
        raise ValueError(f"{name} should have one of {[*_MAKERS]}, got {[*written]}.")
    ((kind, values),) = written.items()
    check_choice(name, kind, _MAKERS)
    if not isinstance(values, list | tuple):
        raise ValueError(f"{name}: {kind} should have a list, got {values!r}.")
    if kind != "choice" and len(values) != 2:
        raise ValueError(f"{name}: {kind} should have [low, high], got {values!r}.")
    try:
        return _MAKERS[kind](*map(_as_tuples, values))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _as_tuples(value: Any) -> Any:
    """Lists, as which JSON has tuples, as tuples again."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value
