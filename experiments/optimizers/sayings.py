"""What lecture 002 says of optimizers, in its order, beside what was found."""

from collections.abc import Iterator

import numpy as np

from experiments.common.claims import Claim, compared, measured
from experiments.optimizers import adagrad, momentum, race
from experiments.optimizers.found import Found
from experiments.optimizers.race import Runner
from experiments.optimizers.rules import RULES
from jaxnet.statistics import mean_interval, paired_difference

ADAPTIVE = RULES[3:]

_ADAM = Runner("adam", False)

NAMED = ("momentum", "nesterov", "adagrad", "rmsprop", "adam")
"""What the lecture calls accelerations of SGD."""


def claims(found: Found) -> list[Claim]:
    """All of them; where chance is in it, with an interval over seeds."""
    parts = (_batches, _momentum, _adaptive_rates, _adam, _generalization)
    return [claim for part in parts for claim in part(found)]


def _batches(found: Found) -> Iterator[Claim]:
    logs = {n: np.log10(r.until(r.seconds)) for n, r in found.batches.items()}
    for other, what in (("all", "gradient descent"), ("one", "SGD with one")):
        difference = paired_difference(logs["some"], logs[other])
        text = f"mini-batch faster than {what}, log10 s"
        yield compared("002", text, difference, "<", 0.0)
    slope = mean_interval(found.noise.slopes())
    near = abs(slope.mean + 0.5) < 0.02
    yield measured("002", "gradient noise falls as b to the", "-1/2", slope, near)
    final = {
        rule: np.array([split.curves[i, -1] for split in found.splits])
        for i, rule in enumerate(RULES)
    }
    for rule in NAMED:
        text = f"SGD is slower than {rule}: training loss"
        difference = paired_difference(final["sgd"], final[rule])
        yield compared("002", text, difference, ">", 0.0)


def _momentum(found: Found) -> Iterator[Claim]:
    moved = momentum.moved_as_printed()
    text = "eq. (4) as first printed, w for the new v, moves x"
    yield measured("002", text, "it does", moved, moved > 0)
    steps = {
        r: momentum.steps_for_a_tenth(s[-1])
        for r, s in found.functions.shrinking.items()
    }
    text = (
        f"momentum accelerates: steps, condition {found.functions.conditions[-1]:.0f}"
    )
    gain = paired_difference(steps["momentum"], steps["sgd"])
    yield compared("002", text, gain, "<", 0.0)
    over = found.functions.overshoot
    worst = {rule: float(each.max()) for rule, each in over.items()}
    text = "momentum can overshoot, share of the way"
    yield measured("002", text, "> 0", worst["momentum"], worst["momentum"] > 0)
    less = (over["nesterov"] <= over["momentum"] + 1e-9).all()
    text = "Nesterov's method overshoots less, at every rate"
    yield measured("002", text, f"< {worst['momentum']:.2g}", worst["nesterov"], less)


def _adaptive_rates(found: Found) -> Iterator[Claim]:
    after = found.functions.walk.bowl[:, 9]
    ratio = mean_interval(np.log10(after[:, 0] / after[:, 1]))
    text = "Adagrad's rate, flat over steep direction, log10"
    yield compared("002", text, ratio, ">", 0.0)
    slope = found.functions.walk.slope
    rises = float(np.diff(slope["adagrad"]).max())
    yield measured("002", "Adagrad's rate falls always", "< 0", rises, rises < 0)
    gain = float(slope["rmsprop"][-1] / slope["rmsprop"][adagrad.STEEP_STEPS - 1])
    text = "RMSprop's rate follows when steep turns flat"
    yield measured("002", text, "> 1 times", gain, gain > 1)


def _adam(found: Found) -> Iterator[Claim]:
    for name in ("theorem", "rare"):
        x = float(found.functions.games[name].last["adam"].mean())
        text = f"Adam's proof was wrong: x, best -1 ({name})"
        yield measured("002", text, "not -1", x, x > 0.9)
    last = found.functions.games["random"].last
    text = "Adam ends above AMSGrad; -1 is best (random)"
    gap = paired_difference(last["adam"], last["amsgrad"])
    yield compared("002", text, gap, ">", 0.0)
    beaten = race.better_than_adam(found.splits)
    text = "Adam is a good default: rules that beat it"
    yield measured("002", text, "none", ", ".join(beaten) or "none", not beaten)
    default = [split.default_error for split in found.splits]
    adam = race.row(_ADAM, found.splits, "test_error")
    gap = paired_difference(default, adam)
    text = f"Adam with {race.DEFAULT:g} is as good as tuned: error, %"
    yield measured("002", text, "0", gap, gap.low <= 0 <= gap.high)


def _generalization(found: Found) -> Iterator[Claim]:
    accuracy = np.stack([found.functions.solved[rule].accuracy for rule in ADAPTIVE])
    others = np.stack([found.functions.solved[rule].accuracy for rule in RULES[:3]])
    adam = found.functions.solved["adam"]
    guess = (accuracy == adam.always).all() and (others == 100).all()
    text = "adaptive rules may not generalize: accuracy, %"
    yield measured("002", text, "a guess", mean_interval(adam.accuracy), guess)
    text = "momentum with decay is better than Adam: error, %"
    gap = race.above_adam(Runner("momentum", True), found.splits)
    yield compared("002", text, gap, "<", 0.0)
    width = race.width_of_valley(found.splits)
    i, j = (race.RUNNERS.index(r) for r in (Runner("momentum", True), _ADAM))
    text = "it requires tuning: good rates less those of Adam"
    gap = paired_difference(width[:, i], width[:, j])
    yield compared("002", text, gap, "<", 0.0)
