"""A case: contestants that do the same work, and what we expect of ours."""

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Case(NamedTuple):
    """What is measured, and by whom.

    Attributes:
      unit: of what contestants measure, less of which is better.
      contestants: functions by name, the first of them ours. Each prepares itself,
        and returns the function that measures.
      targets: for some of the others the largest ratio of our measurement to theirs
        that the project allows itself.
    """

    unit: str
    contestants: Mapping[str, Callable[[], Callable[[], float]]]
    targets: Mapping[str, float]
