"""What the lectures say of regularization, beside what came out."""

from collections.abc import Sequence

import numpy as np

from experiments.common.claims import Claim, compared, exact, measured
from experiments.regularization.data import TASKS
from experiments.regularization.seeds import LECTURE_RATES, SAME
from jaxnet.statistics import Interval, mean_interval

Rows = Sequence[dict[str, float]]
"""The numbers of each seed."""

SAID_GAIN = 1.18
"""Points that dropout adds on lecture 003's newsgroups: 71.35 - 70.17 %."""

_LABELS = {"true": "true labels", "noisy": "wrong labels"}


def of_rows(rows: Rows) -> list[Claim]:
    """The claims about the trained nets."""

    def of(name: str) -> Interval:
        return mean_interval([row[name] for row in rows])

    claims = []
    for task in TASKS:
        label = _LABELS[task]
        gap, known = of(f"{task}_train_minus_test"), of(f"{task}_none_train_accuracy")
        worse = of(f"{task}_last_minus_stopped_loss")
        flat = of(f"{task}_underfit_minus_none")
        claims += [
            compared("003", f"overfits: train - test, {label}", gap, ">", 0.0),
            measured(
                "003",
                f"training set memorized, %, {label}",
                "memorized",
                known,
                known.mean >= 99.0,
            ),
            compared("000", f"loss rises after stopping, {label}", worse, ">", 0.0),
            compared("004", f"strong L2 underfits: train, {label}", flat, "<", 0.0),
        ]
    for name, kind in _MAIN.items():
        for task in TASKS:
            change = of(f"{task}_{kind}_minus_none")
            statement = f"{name} helps: test error, {_LABELS[task]}"
            claims.append(compared("000", statement, change, "<", 0.0))
    for task in TASKS:
        half, lower = (
            of(f"{task}_none_minus_dropout_{rate}") for rate in LECTURE_RATES
        )
        label = _LABELS[task]
        claims += [
            compared("002", f"dropout of 50 % helps, {label}", half, ">", 0.0),
            compared(
                "003", f"40 % gain more than 1.18, {label}", lower, ">", SAID_GAIN
            ),
        ]
    removal = of("removal_dropout_minus_none")
    claims += [
        compared("000", "dropout: the worst unit matters less", removal, "<", 0.0),
        *_of_weights(of),
        *_of_decay(of),
        *_of_subnets(of),
        compared(
            "002",
            "split beats 5 folds: test error",
            of("split_minus_folds"),
            "<",
            0.0,
        ),
    ]
    for name, among in (("peeking", "7 settings"), ("wide", "all settings")):
        statement = f"a peeked-at score flatters, {among}"
        flattery = of(f"{name}_seemed_minus_gained")
        claims.append(compared("004", statement, flattery, ">", 0.0))
    return claims


_MAIN = {"L1": "l1", "L2": "l2", "dropout": "dropout", "early stopping": "stopping"}


def _of_weights(of) -> list[Claim]:
    peak = of("l2_peak_minus_none")
    return [
        compared(
            "000", "L1 pulls weights down: norm", of("l1_norm_minus_none"), "<", 0
        ),
        compared(
            "000", "L2 pulls weights down: norm", of("l2_norm_minus_none"), "<", 0
        ),
        compared(
            "000", "more near zero, L1 - L2, points", of("l1_near_minus_l2"), ">", 0
        ),
        compared("003", "L2: largest weight", of("l2_largest_minus_none"), "<", 0),
        compared("003", "L2: largest over root mean square", peak, "<", 0),
    ]


def _of_decay(of) -> list[Claim]:
    claims = []
    for rule, kinds in (
        ("momentum", "decay_minus_l2"),
        ("adam", "adam_decay_minus_adam_l2"),
    ):
        name = rule.capitalize()
        for task in TASKS:
            best = of(f"{task}_{rule}_{kinds}")
            claims.append(
                _differs("003", f"{name}: decay - L2, best, {_LABELS[task]}", best)
            )
        same = of(f"noisy_{rule}_{kinds}_at_{SAME:g}")
        claims.append(_differs("003", f"{name}: decay - L2, both {SAME:g}", same))
    for task in TASKS:
        biases = of(f"{task}_biases_l2_biases_minus_l2")
        claims.append(
            _differs("003", f"L2 on biases too - not, {_LABELS[task]}", biases)
        )
    return claims


def _of_subnets(of) -> list[Claim]:
    net, agreement = of("net_minus_subnets_error"), of("agreement")
    nearer = Interval(*(of("subnets_kl_minus_one_kl")))
    return [
        measured(
            "003",
            "net and 1000 sub-nets agree, % of images",
            "roughly equivalent",
            agreement,
            agreement.low > 95.0,
        ),
        measured(
            "002",
            "error, net - 1000 sub-nets, points",
            "good approximation",
            net,
            net.low > -1.0 and net.high < 1.0,
        ),
        compared("003", "KL to net, sub-nets' mean - one's", nearer, "<", 0.0),
    ]


def of_exact(
    apart: dict[str, np.ndarray],
    expectation: dict[float, float],
    geometric: dict[float, float],
    gains: dict[float, np.ndarray],
) -> list[Claim]:
    """The claims about what holds to rounding, and those that show why.

    Args:
      apart: by rule, how far L2 and decoupled decay part, (seeds,).
      expectation: by dropout rate, how far its mean over all masks is from the input.
      geometric: likewise, the geometric mean of all sub-networks from the whole net.
      gains: likewise, mean output over mean input in each draw.
    """
    claims = [
        exact("003", "SGD: L2 = weight decay, largest gap", 0.0, apart["sgd"].max())
    ]
    for rule in ("momentum", "adam"):
        statement = f"{rule.capitalize()}: L2 is not weight decay, gap"
        claims.append(compared("003", statement, mean_interval(apart[rule]), ">", 1e-3))
    for rate, error in expectation.items():
        percent = f"{100.0 * rate:.0f} %"
        gain = mean_interval(gains[rate])
        claims += [
            exact("003", f"dropout {percent}: mean of all masks - x", 0.0, error),
            measured(
                "003",
                f"dropout {percent}: output over input",
                "1",
                gain,
                gain.low > 0.99 and gain.high < 1.01,
            ),
            exact(
                "002", f"{percent}: one softmax layer - sub-nets", 0.0, geometric[rate]
            ),
        ]
    return claims


def _differs(lecture: str, statement: str, difference: Interval) -> Claim:
    """A comparison that says only that there is a difference."""
    relation = ">" if difference.mean > 0.0 else "<"
    claim = compared(lecture, statement, difference, relation, 0.0)
    return claim._replace(said="not equal")
