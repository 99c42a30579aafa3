"""The kinds of what may vary: one of several values, or the numbers of a range.

Three rules hold for both:

* What cannot be is refused where it is written.
* Both ends of a range can be drawn.
* A number ``u`` in [0, 1) stands for one of the values: samplers draw such numbers,
  and figures have them as coordinates.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np

from jaxnet.checks import check_int

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
