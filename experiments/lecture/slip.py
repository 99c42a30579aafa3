"""What a slip of the slides is: what it says, what that gives, and what is right."""

from typing import NamedTuple


class Slip(NamedTuple):
    """A formula or a line of code of the slides that gives something else than meant.

    Attributes:
      lecture: "000" to "004".
      what: it is about.
      slide: how the slide has it.
      gives: what comes of that, in numbers.
      right: how it should be.
      gives_right: what comes of that.
      shown: whether the numbers show the difference.
    """

    lecture: str
    what: str
    slide: str
    gives: str
    right: str
    gives_right: str
    shown: bool


def number(value: float) -> str:
    """Four digits of it."""
    return f"{value:.4g}"
