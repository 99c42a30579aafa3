"""What may vary in a sweep, and over which values.

    space = {
        "width": choice(16, 64),
        "dropout": uniform(0.0, 0.5),
        "learning_rate": log_uniform(1e-4, 1e-1),
        "batch_size": 32,  # the same in every trial
    }

A name stands for a `Dimension` or for a fixed value. Three rules hold for every
dimension:

* What cannot be is refused where it is written.
* Both ends of a range can be drawn.
* A number ``u`` in [0, 1) stands for one of the values: samplers draw such numbers,
  and figures have them as coordinates.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np

from jaxnet.checks import check_choice, check_int

Number: TypeAlias = float | int

# Floats are float32 in the program, and ints have to be exact as floats here.
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).tiny)
LARGEST_INT = 2**53


@dataclass(frozen=True)
class Choice:
    """One of several values, each as likely as the others; made by `choice`."""

    values: tuple[Any, ...]

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(map(plain, self.values)))
        if not self.values:
            raise ValueError("choice: got no value. Name some, as in choice(16, 64).")
        seen = {}
        for value in self.values:
            check_constant("choice: a value", value)
            if value in seen:
                raise ValueError(
                    f"choice: values should differ, got {seen[value]!r} and {value!r}. "
                    "Leave one of them out."
                )
            seen[value] = value

    def __repr__(self) -> str:
        return f"choice({', '.join(map(repr, self.values))})"

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)

    def at(self, u: float) -> Any:
        """The value at ``u`` in [0, 1)."""
        return self.values[min(int(u * self.size), self.size - 1)]

    def where(self, value: Any) -> float:
        """The middle of a value's part of [0, 1]; ValueError if it is none of ours."""
        if value not in self.values:
            raise ValueError(f"{value!r} is not a value of {self}.")
        return (self.values.index(value) + 0.5) / self.size

    def grid(self, n: int) -> tuple[Any, ...]:
        """At most ``n`` of the values, evenly from the first to the last."""
        check_int("grid: n", n)
        if self.size == 1:
            return self.values
        places = Range(0, self.size - 1, integer=True).grid(n)
        return tuple(self.values[int(i)] for i in places)


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; made by `uniform` and its like.

    Attributes:
      low: the smallest value.
      high: the largest value, above ``low``.
      log: whether equal factors, and not equal differences, are equally likely.
      integer: whether the values are ints.
    """

    low: Number
    high: Number
    log: bool = False
    integer: bool = False

    def __post_init__(self):
        for side in ("low", "high"):
            object.__setattr__(self, side, _bound(self, side))
        if self.low > self.high:
            raise ValueError(
                f"{self.kind}: low should be below high, got low={self.low!r} and "
                f"high={self.high!r}. Swap them."
            )
        if not differ(self.low, self.high):
            raise ValueError(
                f"{self.kind}: low and high should differ, got {self.low!r} and "
                f"{self.high!r}, which are one number to the program. Write the number "
                "itself for a value that does not vary."
            )

    def __repr__(self) -> str:
        return f"{self.kind}({self.low!r}, {self.high!r})"

    @property
    def kind(self) -> str:
        """The name of the function that makes such a range."""
        return ("log_" if self.log else "") + (
            "integers" if self.integer else "uniform"
        )

    @property
    def size(self) -> Number:
        """The number of values, infinite for floats."""
        return self.high - self.low + 1 if self.integer else math.inf

    def point(self, u: float) -> float:
        """The real number at ``u``, not rounded; ``u`` may be outside of [0, 1]."""
        return _between(*self._ends(), u, self.log)

    def at(self, u: float) -> Number:
        """The value at ``u`` in [0, 1)."""
        x = self.point(u)
        # Rounding errors may lead a little out of the range.
        return min(max(_nearest(x) if self.integer else x, self.low), self.high)

    def where(self, value: Number) -> float:
        """The ``u`` in [0, 1] of a value; ValueError if it is outside of the range."""
        is_kind = isinstance(value, float | int | np.number) and (
            not self.integer or float(value).is_integer()
        )
        inside = is_kind and (
            self.low <= value <= self.high
            # A value that was in float32 in between may have left by its rounding.
            or math.isclose(value, self.low, rel_tol=1e-6)
            or math.isclose(value, self.high, rel_tol=1e-6)
        )
        if not inside:
            raise ValueError(f"{value!r} is not a value of {self}.")
        numbers = (*self._ends(), min(max(float(value), self.low), self.high))
        low, high, x = map(math.log10, numbers) if self.log else numbers
        return min(max((x - low) / (high - low), 0.0), 1.0)

    def grid(self, n: int) -> tuple[Number, ...]:
        """At most ``n`` different values, evenly from low to high; one is the middle.

        There are fewer only if the range has fewer integers.
        """
        check_int("grid: n", n)
        n = int(min(n, self.size))
        if n == 1:
            return (self.at(0.5),)
        shares = (i / (n - 1) for i in range(1, n - 1))
        inner = [_between(self.low, self.high, u, self.log) for u in shares]
        if self.integer:
            last = self.low
            # The small ones of a log range are further apart than the grid.
            inner = [last := max(_nearest(x), last + 1) for x in inner]
        return (self.low, *inner, self.high)

    def _ends(self) -> tuple[float, float]:
        """The ends of the real numbers that become values, by rounding if integer."""
        half = 0.5 if self.integer else 0.0
        return self.low - half, self.high + half


Dimension: TypeAlias = Choice | Range
"""What a hyperparameter may be, if it varies."""


def plain(value: Any) -> Any:
    """A single number of NumPy or JAX as Python's; anything else as it is."""
    if isinstance(value, np.generic | np.ndarray | jax.Array) and value.ndim == 0:
        return value.item()
    return value


def differ(low: Number, high: Number) -> bool:
    """Whether two bounds are told apart where they are used: floats are float32."""
    if isinstance(low, int):
        return low != high
    return bool(np.float32(low) != np.float32(high))


def check_constant(what: str, value: Any) -> None:
    """Raises ValueError unless ``value`` can be a hyperparameter's value."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} should be finite, got {value!r}.")
    if isinstance(value, Choice | Range):
        raise ValueError(f"{what} cannot vary in itself, got {value!r}.")
    several = isinstance(value, list | set | range | np.ndarray | jax.Array)
    if several:
        values = list(map(plain, value))
        said = ", ".join(map(repr, values[:3])) + (", ..." if values[3:] else "")
        raise ValueError(
            f"{what} should be one value, got {len(values)} in a "
            f"{type(value).__name__}. Write choice({said}) to try each of them, or a "
            "tuple if they are one value together."
        )
    try:
        hash(value)
    except TypeError:
        raise ValueError(
            f"{what} should be a number or something that can be hashed, got {value!r}."
        ) from None


def _bound(of: Range, side: str) -> Number:
    """One bound of a range as a Python number, checked by itself."""
    value = plain(getattr(of, side))
    said = f"{of.kind}: {side} should be"
    due, types = ("an int", int) if of.integer else ("a number", int | float)
    if not isinstance(value, types) or isinstance(value, bool):
        raise ValueError(f"{said} {due}, got {value!r}.")
    largest = LARGEST_INT if of.integer else LARGEST
    if not abs(value) <= largest:
        raise ValueError(f"{said} finite, at most {largest:.3g}, got {value!r}.")
    if of.log and value < (1 if of.integer else SMALLEST):
        raise ValueError(
            f"{said} positive, since it is on a log scale, got {value!r}. Use a small "
            f"number, or {of.kind.removeprefix('log_')}."
        )
    return value if of.integer else float(value)


def _between(low: Number, high: Number, u: float, log: bool) -> float:
    if log:
        low, high = math.log10(low), math.log10(high)
    x = low + u * (high - low)
    return 10.0**x if log else x


def _nearest(x: float) -> int:
    return math.floor(x + 0.5)


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
