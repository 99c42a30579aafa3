"""What single hyperparameters say about trials: their order, and which diverge."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from jaxnet.search.dimensions import Choice, Dimension
from jaxnet.search.reporting.trials import Trials

SEPARATES = 0.8
"""How well a cause has to tell diverged trials from others, at most 1."""

AT_LEAST = 3
"""Diverged trials, and others, that there have to be for a cause to be named."""


class Cause(NamedTuple):
    """Where along one hyperparameter trials diverge.

    Attributes:
      name: of the hyperparameter.
      side: "from" for values not below ``value``, "up to" for those not above it, and
        "among" for those in it.
      value: a number, or a tuple of a choice's values.
      inside: trials there.
      diverged_inside: how many of them diverged.
      outside: the other trials.
      diverged_outside: how many of them diverged.
    """

    name: str
    side: str
    value: Any
    inside: int
    diverged_inside: int
    outside: int
    diverged_outside: int


class Influence(NamedTuple):
    """What one hyperparameter alone says about the order of trials.

    Attributes:
      share: of the variance of ranks, in [0, 1].
      p: how often chance alone would look like this, or more so.
    """

    share: float
    p: float


def influences(trials: Trials) -> dict[str, Influence]:
    """What each hyperparameter alone says about the order of the feasible settings.

    These are ranked and put into groups: by the value if there are at most 5, else
    into up to 5 of equal size. The share is that of the variance of ranks between
    groups, less what chance is expected to give: ``(H - k + 1) / (n - k)`` with k
    groups of n trials and Kruskal & Wallis's H, at least 0.

    Returns:
      By name, the largest first; empty with fewer than 8 feasible settings.

    References:
      Kruskal & Wallis, *Use of Ranks in One-Criterion Variance Analysis*, 1952;
      Kelley, *An Unbiased Correlation Ratio Measure*, 1935.
    """
    chosen = np.flatnonzero(trials.feasible & trials.distinct)
    ranks = trials.places[chosen]
    n, found = len(ranks), {}
    if n < 8 or np.ptp(ranks) == 0:
        return {}
    for name, dimension in trials.varied.items():
        values = trials.values(name)
        number = _grouped(dimension, [values[i] for i in chosen])
        _, group = np.unique(number, return_inverse=True)
        sizes = np.bincount(group)
        k = len(sizes)
        if k == 1 or k == n:
            continue
        means = np.bincount(group, ranks) / sizes
        h = (n - 1) * float((sizes * (means - ranks.mean()) ** 2).sum())
        h /= float(((ranks - ranks.mean()) ** 2).sum())
        from scipy import special  # Here, since it takes longer to import than jaxnet.

        share = min(max((h - k + 1) / (n - k), 0.0), 1.0)
        found[name] = Influence(share, float(special.chdtrc(k - 1, h)))
    return dict(sorted(found.items(), key=lambda item: -item[1].share))


def causes(trials: Trials) -> list[Cause]:
    """The hyperparameters that tell trials that diverged from the others.

    For each the part of its dimension is looked for that holds the most of the
    diverged trials and the least of the others, in shares of both. It is a cause if
    these shares differ by 0.8 or more, and there are three trials of both kinds.
    """
    bad = ~trials.feasible
    if min(bad.sum(), (~bad).sum()) < AT_LEAST:
        return []
    found = []
    for name, dimension in trials.varied.items():
        side, value, inside = _region(dimension, trials.values(name), bad)
        if inside[bad].mean() - inside[~bad].mean() >= SEPARATES:
            counts = [int(part.sum()) for part in (inside, inside & bad)]
            counts += [int(part.sum()) for part in (~inside, ~inside & bad)]
            found.append(Cause(name, side, value, *counts))
    return found


def _grouped(dimension: Dimension, values: list[Any]) -> np.ndarray:
    """A number for each value; equal ones are a group."""
    if isinstance(dimension, Choice):
        return np.array([dimension.values.index(value) for value in values])
    numbers = np.array(values, float)
    if len(np.unique(numbers)) <= 5:
        return numbers
    k = min(5, max(2, len(numbers) // 5))
    cuts = np.quantile(numbers, np.arange(1, k) / k)
    return np.searchsorted(cuts, numbers, side="right")


def _region(
    dimension: Dimension, values: list[Any], bad: Bool[np.ndarray, " trials"]
) -> tuple[str, Any, Bool[np.ndarray, " trials"]]:
    """Where along a dimension the share of bad trials stands out the most.

    Among all values from one on, or up to one, or those of a choice of which more
    than half are bad.
    """
    if isinstance(dimension, Choice):
        at = np.array([dimension.values.index(value) for value in values])
        counts = np.bincount(at, minlength=len(dimension.values))
        most = np.bincount(at, bad, len(counts)) > 0.5 * counts
        named = tuple(
            v for v, is_in in zip(dimension.values, most, strict=True) if is_in
        )
        return "among", named, most[at]
    numbers = np.array(values, float)
    levels, at = np.unique(numbers, return_inverse=True)
    # How many of the bad ones, and of the others, are at each level or below it.
    shares = [
        np.cumsum(np.bincount(at, kind, len(levels))) / kind.sum()
        for kind in (bad, ~bad)
    ]
    ahead = (shares[0] - shares[1])[:-1]
    if not len(ahead):
        return "from", values[0], np.zeros(len(values), bool)
    split = int(np.argmax(np.abs(ahead)))
    if ahead[split] > 0:
        return "up to", values[int(np.argmax(at == split))], at <= split
    return "from", values[int(np.argmax(at == split + 1))], at > split
