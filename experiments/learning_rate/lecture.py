"""What lecture 001 says about learning rates and gradients, and what came out."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.common.claims import Claim, compared, exact, measured
from experiments.common.results import summarize
from experiments.learning_rate import parabola, ripples
from experiments.learning_rate.ladder import NAMES, NOISE, Ladder
from experiments.learning_rate.valley import Steepest
from jaxnet.statistics import mean_interval, paired_difference

LIMIT = 2 * NOISE**2
"""A training loss that counts as learned: twice the noise's variance."""

SLOW = 0.01
"""A small rate for the parabola, to see what it costs."""


def metrics(ladder: Ladder, shares: dict[str, np.ndarray]) -> dict[str, Any]:
    """What came out for the net, with intervals over the seeds."""
    named = {name.replace(" ", "_"): row for name, row in ladder.rungs.items()}
    stable = _largest_stable(ladder)
    bounds = 2.0 / ladder.curvature
    columns = {
        f"{name}_loss": ladder.train[row, :, -1]
        for name, row in named.items()
        if name != "very_high"
    }
    columns |= {
        f"{name}_epochs_to_learn": _epochs_to(ladder.train[row])
        for name, row in named.items()
        if name != "very_high"
    }
    columns |= {
        "first_loss": ladder.first,
        "bound_at_start": bounds,
        "largest_stable_rate": stable,
        "stable_rate_by_bound": stable / bounds,
        **{f"{name}_explains": shares[name] for name in shares},
    }
    rows = [
        {name: float(column[seed]) for name, column in columns.items()}
        for seed in range(len(ladder.first))
    ]
    return {
        **{f"{name}_rate": float(ladder.rates[row]) for name, row in named.items()},
        **summarize(rows),
    }


def of_parabola(paths: dict[float, np.ndarray]) -> list[Claim]:
    """The walks on the parabola: the iterates, and what is said about them."""
    losses = {rate: (path - parabola.MINIMUM) ** 2 for rate, path in paths.items()}
    first = (parabola.START - parabola.MINIMUM) ** 2
    claims = [
        exact(
            "001",
            f"(w - 1)^2 from -1 at {rate}",
            steps,
            np.round(paths[rate][:3], 6),
        )
        for rate, steps in parabola.SLIDES.items()
    ]
    small, slow = (parabola.steps_to(0.01, rate) for rate in (0.2, SLOW))
    return [
        *claims,
        measured(
            "001",
            "0.2 gets there: steps to 1 %",
            "eventually",
            str(small),
            small is not None,
        ),
        measured(
            "001",
            f"baby steps: the same at {SLOW}",
            "works but slow",
            str(slow),
            slow is not None and small is not None and slow > small,
        ),
        measured(
            "001",
            "0.8: other side after a step",
            "w above 1",
            float(paths[0.8][0]),
            paths[0.8][0] > parabola.MINIMUM,
        ),
        measured(
            "001",
            "0.8: still lower, loss",
            "below 4",
            float(losses[0.8][0]),
            losses[0.8][0] < first,
        ),
        measured(
            "001",
            "1.1: climbs, loss",
            "above 4",
            float(losses[1.1][0]),
            losses[1.1][0] > first,
        ),
        measured(
            "001",
            "1.1: diverges, loss at step 4",
            "grows",
            float(losses[1.1][-1]),
            bool(np.all(np.diff(losses[1.1]) > 0)),
        ),
    ]


def of_gradient(steepest: Steepest) -> list[Claim]:
    """The gradient of exercise 1.1, and that no direction is better than its own."""
    x, y = ripples.POINT
    automatic = ripples.automatic(jnp.asarray([ripples.POINT]))[0]
    by_hand = 2 * np.cos(x**2 + y**2) * np.array([x, y])
    small = mean_interval(steepest.angles[:, 0])
    return [
        exact(
            "001",
            f"grad sin(x^2 + y^2) at ({x:g}, {y:g})",
            np.round(by_hand, 4).tolist(),
            np.round(automatic, 6),
        ),
        measured(
            "001",
            f"no better way: degrees at {steepest.lengths[0]:g}",
            "0",
            small,
            small.high < 1.0,
        ),
        measured(
            "001",
            f"only tiny steps: degrees at {steepest.lengths[-1]:g}",
            "above 0",
            mean_interval(steepest.angles[:, -1]),
            mean_interval(steepest.angles[:, -1]).low > small.high,
        ),
    ]


def of_ladder(ladder: Ladder) -> list[Claim]:
    """The four curves of a real net, judged on seeds that did not choose them."""
    low, good, high, very_high = (ladder.train[ladder.rungs[name]] for name in NAMES)
    tenth = max(1, ladder.train.shape[-1] // 10)

    def early(rows: np.ndarray) -> np.ndarray:
        return rows[:, :tenth].mean(axis=1)

    considered_big = float((ladder.diverged[_row(ladder, 0.2)] > 0).mean())
    lost = float((very_high[:, -1] > ladder.first).mean())
    faster = paired_difference(_epochs_to(high), _epochs_to(good))
    return [
        compared(
            "001",
            "low ends above good, loss",
            paired_difference(low[:, -1], good[:, -1]),
            ">",
            0.0,
        ),
        compared("001", "high learns sooner, epochs", faster, "<", 0.0),
        compared(
            "001",
            "high lower in first tenth",
            paired_difference(early(high), early(good)),
            "<",
            0.0,
        ),
        compared(
            "001",
            "high ends above good, loss",
            paired_difference(high[:, -1], good[:, -1]),
            ">",
            0.0,
        ),
        measured(
            "001",
            "very high: share above start",
            "diverges",
            lost,
            lost > 0.5,
        ),
        measured(
            "001",
            "0.2 is big: share diverged",
            "usually big",
            considered_big,
            considered_big > 0.5,
        ),
    ]


def of_importance(shares: dict[str, np.ndarray]) -> Claim:
    """The rate against whichever else explains most."""
    others = {n: v for n, v in shares.items() if n != "learning_rate"}
    second = max(others, key=lambda name: float(others[name].mean()))
    return compared(
        "001",
        f"rate matters most: - {second}'s",
        paired_difference(shares["learning_rate"], others[second]),
        ">",
        0.0,
    )


def _epochs_to(losses: np.ndarray) -> np.ndarray:
    """Epochs until the loss counts as learned, all of them if never, (seeds,)."""
    reached = losses <= LIMIT
    never = losses.shape[1]
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, never).astype(
        float
    )


def _largest_stable(ladder: Ladder) -> np.ndarray:
    """The largest rate up to which a seed diverged with none, (seeds,)."""
    stable = (ladder.diverged == 0).cumprod(axis=0).sum(axis=0)
    return ladder.rates[np.maximum(stable - 1, 0)]


def _row(ladder: Ladder, rate: float) -> int:
    return int(np.abs(ladder.rates - rate).argmin())
