"""What the lectures say about initialization, beside what came out."""

import numpy as np

from experiments.common.claims import Claim, compared, exact, measured
from experiments.initialization.deep import Kind, Trained, best_start, middle
from experiments.initialization.kinds import variance
from experiments.initialization.scales import SHAPE
from experiments.initialization.shattering import Shattering, near
from experiments.initialization.signals import Signals, factor
from jaxnet.statistics import Interval, mean_interval, paired_difference

SLIDE = 0.01
"""What lecture 002 has a layer multiply by, for weights of 0.01 randn."""


def of_signals(signals: Signals, units: int, shattering: Shattering) -> list[Claim]:
    """Vanishing and shattered gradients."""
    tanh, sigmoid, relu = (
        factor(signals.of("0.01 randn", name).gradients)
        for name in ("tanh", "sigmoid", "relu")
    )
    vanished = {
        name: np.log10(rows[:, 0] / rows[:, -1])
        for name in ("tanh", "relu")
        for rows in [signals.of("PyTorch default", name).gradients]
    }
    few, *_, many = shattering.plain
    plain, skip = near(shattering.plain[many]), near(shattering.skip[many])
    linear = factor(signals.of("Xavier", "linear").gradients)
    return [
        _near(
            "002", f"0.01 randn, tanh, n={units}: gradient a layer", SLIDE, tanh, 0.2
        ),
        _near("002", "the same, of the variance", SLIDE, tanh**2, 0.2),
        compared(
            "002",
            "0.01 randn: relu - tanh, gradient a layer",
            paired_difference(relu, tanh),
            ">",
            0.0,
        ),
        compared(
            "002",
            "0.01 randn: relu - sigmoid, gradient a layer",
            paired_difference(relu, sigmoid),
            ">",
            0.0,
        ),
        _near("002", "Xavier, linear: gradient a layer", 1.0, linear, 0.02),
        *(
            compared(
                "000",
                f"gradients vanish: log10 first/last layer, {name}",
                mean_interval(rows),
                "<",
                0.0,
            )
            for name, rows in vanished.items()
        ),
        compared(
            "000",
            f"gradients shatter: correlation, {many} - {few} layers",
            paired_difference(plain, near(shattering.plain[few])),
            "<",
            0.0,
        ),
        compared(
            "000",
            f"skips keep it: correlation, skip - plain, {many} layers",
            paired_difference(skip, plain),
            ">",
            0.0,
        ),
    ]


def of_scales(
    ratios: dict[str, np.ndarray],
    first: dict[str, dict[str, np.ndarray]],
    equal: dict[str, dict[str, float]],
) -> list[Claim]:
    """Variances, equal units, and the first loss."""
    named = (
        ("003", "0.01 randn"),
        ("003", "randn / sqrt(n)"),
        ("002", "Xavier"),
        ("002", "relu heuristic"),
        ("003", "He"),
    )
    slip = sum(SHAPE) / 2 / variance("Xavier", *SHAPE)
    pytorch = ratios["PyTorch default"] / 6  # Its own formula is n_in / 3, He's 2 n_in.
    return [
        *(
            exact("002", f"{name}: difference of units", 0.0, one["between units"])
            for name, one in equal.items()
        ),
        *(
            _near(lecture, f"variance of {name}, over its formula", 1.0, ratios[name])
            for lecture, name in named
        ),
        measured(
            "003", "variance of Xavier's code, over its formula", "1", slip, False
        ),
        _near("003", "variance of PyTorch's default, over He's", 1.0, pytorch),
        _near("003", "plain randn: logits", 612, first["randn"]["logits"], 0.1),
        _near("003", "plain randn: first loss", 1166, first["randn"]["loss"], 0.1),
        _near("003", "He: first loss, ln 20", 2.996, first["He"]["loss"]),
    ]


def of_training(trained: dict[Kind, Trained], depths: tuple[int, ...]) -> list[Claim]:
    """Which nets can be trained."""
    few, half, deep = depths[0], middle(depths), depths[-1]
    small = {depth: trained[Kind(depth, "plain", "0.01 randn")] for depth in depths}
    plain = best_start(trained, deep, "plain").test

    def difference(help_: str, better: str, worse: str) -> Interval:
        a, b = (trained[Kind(half, help_, start)].test for start in (better, worse))
        return paired_difference(a, b)

    starts = ("0.01 randn", "He", "randn")
    spread = {
        help_: np.ptp(
            [trained[Kind(half, help_, start)].test for start in starts], axis=0
        )
        for help_ in ("plain", "batch norm")
    }
    wide = trained[Kind(deep, "plain", "randn")].diverged
    return [
        measured("002", f"randn, {deep} layers: NaN", "can be", wide, wide > 0),
        _accuracy(f"0.01 randn, {few} layers: accuracy", "trains", small[few], True),
        _accuracy(f"0.01 randn, {deep} layers: accuracy", "fails", small[deep], False),
        compared(
            "003",
            f"relu, {half} layers: He - Xavier, accuracy",
            difference("plain", "He", "Xavier"),
            ">",
            0.0,
        ),
        compared(
            "003",
            f"tanh, {half} layers: Xavier - He, accuracy",
            difference("plain, tanh", "Xavier", "He"),
            ">",
            0.0,
        ),
        *(
            compared(
                "000",
                f"{text} - plain, {deep} layers: accuracy",
                paired_difference(best_start(trained, deep, help_).test, plain),
                ">",
                0.0,
            )
            for help_, text in (
                ("skip", "skips"),
                ("batch norm", "batch norm"),
                ("both", "both"),
            )
        ),
        compared(
            "002",
            f"spread over starts, {half} layers: batch norm - plain",
            paired_difference(spread["batch norm"], spread["plain"]),
            "<",
            0.0,
        ),
    ]


def _near(
    lecture: str, statement: str, said: float, rows: np.ndarray, share: float = 0.01
) -> Claim:
    """That the mean over seeds is what was said, give or take a share of it."""
    ours = mean_interval(rows)
    holds = abs(ours.mean - said) <= share * said
    return measured(lecture, statement, f"{said:g}", ours, holds)


def _accuracy(statement: str, said: str, nets: Trained, trains: bool) -> Claim:
    """A net that guesses has 0.1."""
    ours = mean_interval(nets.test)
    return measured("002", statement, said, ours, (ours.mean > 0.5) == trains)
