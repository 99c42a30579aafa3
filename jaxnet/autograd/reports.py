"""What a gradient check found, leaf by leaf, as a table."""

import math
from dataclasses import dataclass
from typing import NamedTuple

VERDICTS = {
    "right": "agrees with differences",
    "wrong": "the gradient is not that of the function",
    "not finite": "the gradient has NaN or infinity where the function is finite",
    "not linear": (
        "a backward rule does not multiply by the gradient that arrives: twice the "
        "loss should have twice the gradient"
    ),
    "kink": (
        "the function bends within the step, as relu does at 0; the gradient jumps "
        "with it, and its mean over the step agrees"
    ),
    "unclear": "too small beside rounding to tell",
}
"""What each verdict means."""

_FAILURES = ("wrong", "not finite", "not linear")


class LeafCheck(NamedTuple):
    """One leaf: its worst entry or direction.

    Attributes:
      path: such as "params/dense_1/kernel".
      shape: of the leaf.
      dtype: of the leaf.
      at: the index of an entry, such as "[1, 2]", or the direction.
      gradient: the derivative there from ``jax.grad``.
      difference: that from central differences.
      relative_error: their distance over the larger of both.
      resolution: the relative error that rounding and the step alone may make: what
        is smaller is not seen.
      verdict: a name in `VERDICTS`.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    at: str
    gradient: float
    difference: float
    relative_error: float
    resolution: float
    verdict: str


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found. Print it for a table.

    Attributes:
      leaves: one for each leaf of the arguments.
      rtol: the relative error up to which a gradient is right, beside what rounding
        and the step make.
    """

    leaves: tuple[LeafCheck, ...]
    rtol: float

    @property
    def ok(self) -> bool:
        """Whether no leaf is wrong. One that is unclear is not wrong."""
        return not self.wrong

    @property
    def wrong(self) -> list[str]:
        """The paths of leaves whose gradient cannot be right."""
        return [one.path for one in self.leaves if one.verdict in _FAILURES]

    @property
    def unclear(self) -> list[str]:
        """The paths of leaves of which nothing can be said in this precision."""
        return [one.path for one in self.leaves if one.verdict == "unclear"]

    def __str__(self) -> str:
        titles = ("leaf", "shape", "worst at", "jax.grad", "differences")
        rows: list[tuple[str, ...]] = [(*titles, "relative error", "resolution", "")]
        for one in self.leaves:
            rows.append(
                (
                    one.path,
                    str(one.shape),
                    one.at,
                    _cell(one.gradient, ".6g"),
                    _cell(one.difference, ".6g"),
                    _cell(one.relative_error, ".1e"),
                    _cell(one.resolution, ".0e"),
                    one.verdict,
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join(line.rstrip() for line in [*lines, *self._remarks()])

    def _remarks(self) -> list[str]:
        """What the verdicts mean, and what to do about the precision."""
        found = dict.fromkeys(one.verdict for one in self.leaves)
        remarks = [f"{one}: {VERDICTS[one]}." for one in found if one != "right"]
        coarse = [one for one in self.leaves if one.resolution > self.rtol]
        if coarse and any(one.dtype == "float32" for one in coarse):
            remarks.append(
                "float32 hides errors up to the resolution, here up to "
                f"{max(one.resolution for one in coarse):.0e}. To see smaller ones, "
                "repeat in float64: with jax.enable_x64(True), and arguments of it."
            )
        return remarks


def _cell(number: float, form: str) -> str:
    return "" if math.isnan(number) else format(number, form)
