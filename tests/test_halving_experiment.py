"""The halving experiment end to end, small enough for every commit."""

import json

import pytest

from experiments import halving


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    out = tmp_path_factory.mktemp("halving")
    # Its exit status hangs on times, which no test does.
    halving.main(["--quick", "--out", str(out)])
    assert (out / "halving.png").stat().st_size > 10_000
    return json.loads((out / "result.json").read_text())


def test_it_trains_as_little_as_the_rule_says(record):
    # Of 27 settings for 9 epochs: 27 for 1, then 9 for 2 more, then 3 for 6 more.
    due = (27 * 1 + 9 * 2 + 3 * 6) / (27 * 9)
    assert record["metrics"]["per_seed"]["epochs_ratio"] == [due, due]


def test_what_it_chooses_is_no_better_than_the_best(record):
    per_seed = record["metrics"]["per_seed"]
    pairs = zip(
        per_seed["loss_of_the_best"], per_seed["loss_of_the_chosen"], strict=True
    )
    for (best, chosen), rank in zip(pairs, per_seed["rank_of_the_chosen"], strict=True):
        # Half of the settings end above 1.
        assert best * (1 - 1e-4) <= chosen < 0.6
        assert rank <= 9


def test_a_decision_after_the_end_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        halving.main(["--epochs", "3", "--min-epochs", "3"])
    assert caught.value.code == 2
    assert "min_epochs=3 leaves nothing to decide" in capsys.readouterr().err
