"""What the lectures say beside what came out: verdicts, checks, the printed table."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from experiments.common import reports
from experiments.common.claims import compared, exact, measured
from experiments.common.cli import Options
from experiments.common.results import Outcome, all_checks, check
from jaxnet.statistics import Interval


@dataclass(frozen=True)
class Config:
    seed: int = 0


@pytest.mark.parametrize(
    ("said", "ours", "verdict"),
    [
        (1.6487, 1.64872, "holds"),
        (1.6487, 1.6490, "does not hold"),
        ([2.2, 0.28], np.array([2.2, 0.28]), "holds"),
        ([2.2, 0.28], np.array([2.2, 0.29]), "does not hold"),
        ([2.2, 0.28], np.array([2.2]), "does not hold"),
        (0.0, 5e-5, "holds"),
        (1.0, float("nan"), "does not hold"),
        (1_146_132, 1_146_132, "holds"),
    ],
)
def test_an_exact_number_is_the_slides_to_four_digits(said, ours, verdict):
    claim = exact("001", "a number", said, ours)
    assert claim.verdict == verdict
    assert claim.exact


@pytest.mark.parametrize(
    ("low", "high", "relation", "verdict"),
    [
        (0.1, 0.3, ">", "holds"),
        (-0.3, -0.1, ">", "does not hold"),
        (-0.1, 0.3, ">", "no difference seen"),
        (-0.3, -0.1, "<", "holds"),
        (0.1, 0.3, "<", "does not hold"),
        (-0.1, 0.3, "<", "no difference seen"),
        (float("nan"), float("nan"), ">", "no difference seen"),
    ],
)
def test_a_comparison_holds_if_its_whole_interval_does(low, high, relation, verdict):
    claim = compared("002", "a is better", Interval(0.1, low, high), relation, 0.0)
    assert claim.verdict == verdict
    assert not claim.exact


def test_a_relation_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match='"<" or ">", got \'>=\''):
        compared("002", "a", Interval(0.1, 0.0, 0.2), ">=", 0.0)


def outcome(*claims):
    checks = [check("loss", 1.0, "<", 2.0)]
    return Outcome({}, checks, {}, {}, lambda out: [out / "a.png"], list(claims))


@pytest.mark.parametrize(("ours", "status"), [(1.0, 0), (1.1, 1)])
def test_an_exact_number_that_is_not_fails_the_experiment(
    tmp_path, capsys, ours, status
):
    claims = [
        exact("001", "one", 1.0, ours),
        # These are findings, whatever they say.
        compared("002", "more", Interval(-1.0, -2.0, -0.5), ">", 0.0),
        measured("003", "few", "0", Interval(3.0, 2.0, 4.0), False),
    ]
    made = outcome(*claims)
    assert [one.name for one in all_checks(made)] == ["loss", "one"]
    options = Options("demo", tmp_path, False, False)
    assert reports.finish(Config(), options, made) == status
    printed = capsys.readouterr().out
    assert printed.count("does not hold") == 2 + status
    assert "-2 to -0.5" in printed
    record = json.loads((tmp_path / "result.json").read_text())
    assert record["claims"][1] == {
        "lecture": "002",
        "statement": "more",
        "said": "> 0",
        "ours": -1.0,
        "interval": [-2.0, -0.5],
        "verdict": "does not hold",
        "exact": False,
    }
