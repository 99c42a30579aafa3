"""What the lecture says about rates, batches and noise, beside what came out."""

import functools

import jax
import numpy as np
from jaxtyping import Array, Float

from experiments.batch_size.grid import RATES, Grid, diagonal
from experiments.batch_size.growth import CONSTANT, FACTOR, Growth
from experiments.batch_size.listening import Listening, falls
from experiments.batch_size.noise import gradient
from experiments.batch_size.problem import Data, task
from experiments.batch_size.rule import SMALL, Rule, breaks_at
from experiments.common.claims import Claim, compared, exact, measured
from jaxnet.programs import ONCE
from jaxnet.statistics import Interval, mean_interval, paired_difference
from jaxnet.types import Params

LECTURE = "002"

NOTHING = Interval(float("nan"), float("nan"), float("nan"))

ALIKE = 0.05
"""How far two losses may part, relatively, and still be called equal."""


def all_claims(
    data: Data, grid: Grid, rule: Rule, growth: Growth, listening: Listening
) -> list[Claim]:
    """One row for each statement."""
    return [
        exact(LECTURE, "rate x mean - rate / b x sum of gradients", 0.0, ratio(data)),
        *_of_the_rule(grid, rule),
        *_of_equal_noise(grid),
        *_of_warm_up(grid),
        *_of_decay(growth),
        _of_plateau(listening),
        *_of_growth(growth),
    ]


def ratio(data: Data) -> float:
    """How far the two ways to write a step of SGD are apart, at most.

    One takes the rate times the mean of the gradients, as is done here; the other
    ``rate / b`` times their sum, summed example by example.
    """
    rate, size = 0.5, 16

    @functools.partial(jax.jit, compiler_options=ONCE)
    def steps(params: Params, x: Array, y: Array) -> tuple[Params, Params]:
        of_mean = jax.tree.map(lambda g: rate * g, gradient(params, (x, y)))
        each = jax.lax.map(
            lambda one: gradient(params, jax.tree.map(lambda a: a[None], one)), (x, y)
        )
        return of_mean, jax.tree.map(lambda g: rate / size * g.sum(axis=0), each)

    x, y = (a[:size] for a in data.train)
    init = task(rate, size).model.init
    shapes, _ = jax.eval_shape(init, jax.random.key(0), x)
    # Any weights will do, and these are not compiled for.
    draw = np.random.default_rng(0).normal
    params = jax.tree.map(lambda a: draw(0.0, 0.1, a.shape).astype(a.dtype), shapes)
    of_mean, of_sum = jax.device_get(steps(params, x, y))
    apart = jax.tree.map(lambda a, b: np.abs(a - b).max(), of_mean, of_sum)
    return float(max(jax.tree.leaves(apart)))


def best_ratio(grid: Grid) -> float:
    """``rate / b`` of the best constant rate with the smallest batch."""
    j = int(np.argmin(grid.losses[0, :, 0].mean(axis=-1)))
    return float(RATES[j] / grid.batch_sizes[0])


def curves_at(grid: Grid, ratio: float, kind: int) -> dict[int, np.ndarray]:
    """The training curves with one ratio, by batch size, each (seeds, epochs)."""
    return {
        int(grid.batch_sizes[i]): grid.curves[i, j, kind]
        for i, j in diagonal(grid, ratio)
    }


def parting(
    a: Float[np.ndarray, "seeds epochs"], b: Float[np.ndarray, "seeds epochs"]
) -> Interval:
    """How far curve a is above b, relatively: the mean over the epochs, in pairs."""
    return mean_interval((a / b - 1.0).mean(axis=1))


def _alike(difference: Interval) -> bool:
    return difference.low > -ALIKE and difference.high < ALIKE


def _of_the_rule(grid: Grid, rule: Rule) -> list[Claim]:
    claims = []
    for kind, name in enumerate(("", ", warm-up")):
        power = mean_interval(rule.small[kind])
        linear = power.low <= 1.0 <= power.high and power.low > 0.5
        text = f"power of b in best rate, b <= {SMALL}{name}"
        claims.append(measured(LECTURE, text, "1: linear", power, linear))
    falls = paired_difference(rule.large[0], rule.small[0])
    at = breaks_at(rule, grid, 0)
    text = "the power is smaller as b goes to N"
    claims.append(compared(LECTURE, text, falls, "<", 0.0))
    where = "nowhere" if at is None else f"from b = {at}"
    text = "best rate falls behind the linear rule"
    claims.append(measured(LECTURE, text, "near N", where, at is not None))
    return claims


def _of_equal_noise(grid: Grid) -> list[Claim]:
    """Training curves with equal rate / b, against the smallest batch's."""
    curves = curves_at(grid, best_ratio(grid) / 4, 0)
    (first, reference), *rest = curves.items()
    claims = []
    for size, curve in rest:
        difference = parting(curve, reference)
        text = f"equal rate N/b: curve of b = {size} over b = {first}"
        if size <= SMALL:
            holds = _alike(difference)
            claims.append(measured(LECTURE, text, "equal", difference, holds))
        else:
            claims.append(compared(LECTURE, text, difference, ">", 0.0))
    return claims


def _of_warm_up(grid: Grid) -> list[Claim]:
    """The error on the linear rule with warm-up, less that without."""
    claims = []
    for i, j in diagonal(grid, best_ratio(grid)):
        size = int(grid.batch_sizes[i])
        constant, climbing = grid.errors[i, j]
        difference = paired_difference(climbing, constant)
        text = f"linear rule, b = {size}: error, warm-up - constant"
        if size > grid.batch_sizes[0]:
            claims.append(compared(LECTURE, text, difference, "<", 0.0))
    return claims


def _of_decay(growth: Growth) -> list[Claim]:
    curves, losses = growth.curves, growth.losses
    third = curves["decay"].shape[1] // 3
    constant, decay = curves["constant"], curves["decay"]
    drop = paired_difference(decay[:, third], constant[:, third])
    end = paired_difference(decay[:, -1], constant[:, -1])
    best = min(CONSTANT, key=lambda name: losses[name][:, -1].mean())
    claims = [
        compared(LECTURE, "rate / 4: training loss at once", drop, "<", 0.0),
        compared(LECTURE, "rate / 4 twice: training loss at the end", end, "<", 0.0),
    ]
    for what, rows in (("loss", losses), ("error", growth.errors)):
        against = paired_difference(rows["decay"][:, -1], rows[best][:, -1])
        text = f"rate / 4 twice - best constant: validation {what}"
        claims.append(compared(LECTURE, text, against, "<", 0.0))
    return claims


def _of_plateau(listening: Listening) -> Claim:
    more = mean_interval(falls(listening)) if len(falls(listening)) else NOTHING
    text = "plateau: loss falls at once with the rate"
    return compared(LECTURE, text, more, "<", 0.0)


def _of_growth(growth: Growth) -> list[Claim]:
    curves = growth.curves
    apart = parting(curves["growth"], curves["decay"])
    end = paired_difference(
        growth.losses["growth"][:, -1], growth.losses["decay"][:, -1]
    )
    few, many = growth.steps["growth"], growth.steps["decay"]
    text = f"b x {FACTOR} in place of rate / {FACTOR}: training loss"
    return [
        measured(LECTURE, text, "equal", apart, _alike(apart)),
        measured(
            LECTURE,
            "the same: validation loss, difference",
            "equal",
            end,
            end.verdict() == "no difference seen",
        ),
        measured(
            LECTURE, "the same: steps", "fewer", f"{few:,} of {many:,}", few < many
        ),
    ]
