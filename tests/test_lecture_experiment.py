"""The table of all lectures, and the slips of their slides."""

import json
import math
import re

import pytest

from experiments import lecture
from experiments.lecture.slips import SLIPS


def numbers(text):
    return [float(word) for word in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", text)]


@pytest.fixture(scope="module")
def slips():
    return {make.__name__: make() for make in SLIPS}


def test_there_are_fourteen_and_each_is_seen(slips):
    assert len(slips) == 14
    assert [name for name, slip in slips.items() if not slip.shown] == []


@pytest.mark.parametrize(
    ("name", "gives", "right"),
    [
        ("glorot_scale", math.sqrt(2348 / 2), math.sqrt(2 / 2348)),
        ("dropout_scale_up", 0.6 / 0.4, 1.0),
        ("dropout_scale_down", 0.4 / 0.6, 1.0),
        ("cross_entropy_sign", math.log(0.1), -math.log(0.1)),
        ("forward_difference", (3 + 1e-4) ** 2 / 1e-4, 6.0),
        ("squared_error_half", 2.0, 4.0),
        ("paths_are_added", 2.0, 2.0 + math.cos(1.0)),
        ("default_initializer", 2.0, 1 / 3),
        # Deviations of 64 draws that are 0 or 2 / 64.
        ("dropped_weights", 0.125, 0.0),
    ],
)
def test_a_slip_gives_what_its_formula_gives_by_hand(slips, name, gives, right):
    slip = slips[name]
    # What is counted, and not what comes of it, is before the last number.
    wrong = [n for n in numbers(slip.gives) if n != 200]
    assert wrong[0] == pytest.approx(gives, rel=0.05)
    assert numbers(slip.gives_right)[0] == pytest.approx(right, rel=0.02, abs=1e-6)


def test_the_slips_are_printed_and_written(tmp_path, capsys):
    assert lecture.main(["--slips", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "14 slips" in text
    assert "[idx]" in text  # Brackets are no markup.
    found = json.loads((tmp_path / "slips.json").read_text())
    assert len(found) == 14
    assert {slip["lecture"] for slip in found} == {"001", "002", "003", "004"}


def test_the_table_has_what_the_experiments_found(tmp_path, capsys):
    status = lecture.main(
        ["--quick", "--only", "search", "--no-progress", "--out", str(tmp_path)]
    )
    record = json.loads((tmp_path / "result.json").read_text())
    assert status == 0
    claims = record["claims"]
    assert claims[0]["ours"] == 1_146_132
    assert claims[0]["verdict"] == "holds"
    assert [claim["lecture"] for claim in claims[1:]] == ["004", "002", "004", "002"]
    assert claims[1]["interval"][0] > 0
    assert claims[1]["verdict"] == "holds"
    metrics = record["metrics"]
    assert metrics["statements"] == 5
    total = sum(metrics[k] for k in ("hold", "no_difference_seen", "do_not_hold"))
    assert total == metrics["statements"]
    assert (tmp_path / "search" / "function.png").stat().st_size > 10_000
    assert "grid - random" in capsys.readouterr().out


def test_an_experiment_that_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        lecture.main(["--only", "optimisers"])
    assert caught.value.code == 2
    assert "Did you mean 'optimizers'?" in capsys.readouterr().err
