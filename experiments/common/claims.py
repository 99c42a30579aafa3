"""What the lectures say beside what came out here.

An experiment returns `Claim` rows in its `Outcome`; they are printed as a table, and
``experiments.lecture`` collects those of all experiments. There are three kinds:

    exact("001", "third step of gradient descent at 0.8", 1.432, w[3])
    compared("002", "momentum overshoots more than Nesterov", difference, ">", 0.0)
    measured("002", "first loss with plain randn weights", "about 1166", mean, holds)

An exact one has to hold, or the experiment fails. The others are findings: they are
reported as they come out.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxnet.statistics import Interval

TOLERANCE = 1e-4
"""How far an exact number may be from the slide's, absolutely and relatively."""


class Claim(NamedTuple):
    """A number or a statement of a lecture, and what came out.

    Attributes:
      lecture: "000" to "004".
      statement: what it is about, in a few words.
      said: what the lecture says.
      ours: what came out; for a comparison the mean of the paired differences.
      interval: (low, high), of 95 %, of what came out over seeds; None for what has
        no chance in it.
      verdict: "holds", "does not hold", or "no difference seen".
      exact: whether it has to hold.
    """

    lecture: str
    statement: str
    said: str
    ours: Any
    interval: tuple[float, float] | None
    verdict: str
    exact: bool


def exact(lecture: str, statement: str, said: Any, ours: Any) -> Claim:
    """A number, or an array of them, that must be the slide's to 1e-4.

    >>> exact("004", "exp(0.5)", 1.6487, 1.64872).verdict
    'holds'
    """
    same = np.shape(said) == np.shape(ours) and np.allclose(
        np.asarray(ours, np.float64), said, rtol=TOLERANCE, atol=TOLERANCE
    )
    shown = np.asarray(ours).tolist()
    return Claim(lecture, statement, str(said), shown, None, _verdict(same), True)


def compared(
    lecture: str, statement: str, difference: Interval, relation: str, limit: float
) -> Claim:
    """A comparison that holds if the whole interval is on the side that was said.

    Args:
      lecture: "000" to "004".
      statement: what the lecture says, as a sentence.
      difference: of what is compared, paired over seeds.
      relation: "<" or ">".
      limit: what the difference is said to be smaller or larger than; mostly 0.

    >>> compared("003", "dropout helps", Interval(1.1, 0.9, 1.3), ">", 0.0).verdict
    'holds'
    >>> compared("003", "dropout helps", Interval(0.1, -0.2, 0.4), ">", 0.0).verdict
    'no difference seen'
    """
    if relation not in ("<", ">"):
        raise ValueError(f'relation should be "<" or ">", got {relation!r}.')
    above, below = difference.low > limit, difference.high < limit
    verdict = "no difference seen"
    if above or below:
        verdict = _verdict(above if relation == ">" else below)
    said, interval = f"{relation} {limit:g}", (difference.low, difference.high)
    return Claim(lecture, statement, said, difference.mean, interval, verdict, False)


def measured(
    lecture: str,
    statement: str,
    said: str,
    ours: Interval | float | str,
    holds: bool | np.bool_,
) -> Claim:
    """A finding that is no comparison with a number, and whether it holds."""
    verdict = _verdict(bool(holds))
    if isinstance(ours, Interval):
        interval = (ours.low, ours.high)
        return Claim(lecture, statement, said, ours.mean, interval, verdict, False)
    return Claim(lecture, statement, said, ours, None, verdict, False)


def _verdict(holds: bool) -> str:
    return "holds" if holds else "does not hold"
