"""What ``run(config)`` of an experiment returns, and how its parts are made."""

import hashlib
import math
import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.common.claims import Claim
from jaxnet.statistics import mean_interval

_RELATIONS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


class Check(NamedTuple):
    """A fact that should hold, and whether it does."""

    name: str
    expected: str
    got: Any
    ok: bool


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes:
      metrics: numbers by name, as `summarize` makes them.
      checks: facts that should hold.
      data: as `describe` makes it.
      wall_seconds: by phase, as `phase` fills it.
      draw: writes the figures into a folder and returns their paths.
      claims: what the lectures say beside what came out; exact ones are checks too.
      log: writes a sweep's runs into a folder, for TensorBoard.
    """

    metrics: dict[str, Any]
    checks: list[Check]
    data: dict[str, Any]
    wall_seconds: dict[str, float]
    draw: Callable[[Path], list[Path]]
    claims: list[Claim] = field(default_factory=list)
    log: Callable[[Path], Any] | None = None


def check(name: str, got: float, relation: str, limit: float) -> Check:
    """The check that ``got relation limit``; it never holds for NaN.

    >>> check("curve_rmse", 0.1, "<", 0.25)
    Check(name='curve_rmse', expected='< 0.25', got=0.1, ok=True)
    """
    holds = _RELATIONS[relation](got, limit)
    return Check(name, f"{relation} {limit:g}", got, bool(holds))


def all_checks(outcome: Outcome) -> list[Check]:
    """Its checks, and those that its exact claims make."""
    return outcome.checks + [
        Check(claim.statement, claim.said, claim.ours, claim.verdict == "holds")
        for claim in outcome.claims
        if claim.exact
    ]


def summarize(runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Metrics: means by name, and in "intervals" and "per_seed" what is behind them.

    Args:
      runs: the metrics of each seed, all with the same names.

    >>> metrics = summarize([{"loss": 1.0}, {"loss": 3.0}])
    >>> metrics["loss"], metrics["per_seed"]["loss"]
    (2.0, [1.0, 3.0])
    """
    per_seed = {name: [run[name] for run in runs] for name in runs[0]}
    intervals = {name: mean_interval(values) for name, values in per_seed.items()}
    return {
        **{name: one.mean for name, one in intervals.items()},
        "intervals": {name: [one.low, one.high] for name, one in intervals.items()},
        "per_seed": per_seed,
    }


def describe(name: str, arrays: Any, **sizes: int) -> dict[str, Any]:
    """Which data were used: a name, a fingerprint, and how many examples.

    Args:
      name: of the data set.
      arrays: a PyTree of all that was used. The fingerprint is the SHA-256 of
        shapes, dtypes and bytes, in the order of ``jax.tree.leaves``.
      **sizes: number of examples by part, such as ``train=32``.
    """
    digest = hashlib.sha256()
    for leaf in map(np.asarray, jax.tree.leaves(arrays)):
        digest.update(f"{leaf.shape} {leaf.dtype.str}\n".encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return {"name": name, "fingerprint": digest.hexdigest(), "sizes": sizes}


@contextmanager
def phase(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Adds the wall-clock time of the block to ``seconds[name]``."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start


def epochs_per_second(history: Mapping[str, np.ndarray]) -> float:
    """The speed of a `jaxnet.fit`, with its evaluations but without compilation.

    Compilation is in the first block and, if that is shorter, in the last: both are
    left out. NaN if that leaves nothing.
    """
    epochs, seconds = history["epoch"], history["seconds"]
    if len(epochs) < 3:
        return math.nan
    return float((epochs[-2] - epochs[0]) / (seconds[-2] - seconds[0]))
