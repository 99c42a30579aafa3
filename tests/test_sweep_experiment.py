"""The sweep experiment end to end, small enough for every commit."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest

import jaxnet
from experiments import sweep
from experiments.regression import sine
from experiments.sweep import digits, regression, rounds
from experiments.sweep.config import Config
from jaxnet.search import choice, log_uniform

SMALL = ["--problem", "regression", "--trials", "6", "--seeds", "2", "--devices", "2"]
ROUNDS = [*SMALL, "--rounds", "2", "--epochs", "400", "--no-progress"]

SMALL_CONFIG = Config(problem="regression", trials=4, seeds=2, epochs=40, devices=2)


@pytest.fixture(scope="module")
def coarse_to_fine(tmp_path_factory):
    """Two rounds from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("sweep")
    status = sweep.main([*ROUNDS, "--tensorboard", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    trials = pd.read_parquet(out / "trials.parquet")
    curves = pd.read_parquet(out / "curves.parquet")
    return SimpleNamespace(
        status=status,
        out=out,
        record=record,
        metrics=record["metrics"],
        trials=trials,
        curves=curves,
    )


def numbers(outcome):
    """The metrics of an outcome without what depends on the clock."""
    clock = ("steps_per_second", "compile_seconds", "run_seconds")
    return {k: v for k, v in outcome.metrics.items() if k not in clock}


def test_the_best_net_is_near_the_curve_and_all_checks_hold(coarse_to_fine):
    metrics = coarse_to_fine.metrics
    assert coarse_to_fine.status == 0
    assert all(check["ok"] for check in coarse_to_fine.record["checks"])
    # A constant is at 0.5 from the curve; the noise's variance is 0.0625.
    assert metrics["test_loss"] < 0.0625
    assert metrics["ensemble_test_loss"] < 0.0625
    assert 0.0625 < metrics["best_validation_loss"] < 0.2


def test_every_run_of_the_last_round_is_written_for_tensorboard(coarse_to_fine):
    written = (coarse_to_fine.out / "tensorboard").glob("trial_*/seed_*/events*")
    runs = {tuple(path.parts[-3:-1]) for path in written}
    last = coarse_to_fine.trials[coarse_to_fine.trials["round"] == 2]
    assert runs == {
        (f"trial_{trial}", f"seed_{seed}")
        for trial, seed in zip(last["trial"], last["seed"], strict=True)
    }


def test_the_result_counts_what_was_done(coarse_to_fine):
    metrics, trials = coarse_to_fine.metrics, coarse_to_fine.trials
    assert metrics["members"] == len(trials) == 2 * 6 * 2
    diverged = trials["status"].str.startswith("diverged")
    assert metrics["diverged"] == pytest.approx(diverged.mean())
    assert metrics["devices"] == 2
    # An epoch is one step here; those that diverged have a step more or less.
    steps = metrics["steps_per_second"] * metrics["run_seconds"]
    finished = trials["epochs"][~diverged].sum()
    assert finished <= round(steps) <= finished + diverged.sum() * 400
    assert coarse_to_fine.record["data"]["sizes"]["train"] == 32


def test_the_second_round_is_finer_and_trains_for_longer(coarse_to_fine):
    trials = coarse_to_fine.trials
    first, second = (trials[trials["round"] == number] for number in (1, 2))
    done = first["status"] == "done"
    assert first["epochs"][done].unique() == [200]
    assert second["epochs"][second["status"] == "done"].unique() == [400]
    spans = [np.ptp(np.log(part["learning_rate"])) for part in (first, second)]
    assert spans[1] < spans[0]
    assert coarse_to_fine.metrics["best"]["setting"].keys() == {
        "learning_rate",
        "momentum",
        "width",
    }


def test_the_tables_and_the_metrics_are_of_the_same_runs(coarse_to_fine):
    metrics, trials = coarse_to_fine.metrics, coarse_to_fine.trials
    best = trials[(trials["round"] == 2) & (trials["rank"] == 1)]
    assert len(best) == 2
    mean = best["validation_loss"].mean()
    assert metrics["best_validation_loss"] == pytest.approx(mean, rel=1e-6)
    others = trials[(trials["round"] == 2) & (trials["rank"] > 1)]
    assert mean <= others.groupby("rank")["validation_loss"].mean().min()
    curves = coarse_to_fine.curves
    last = curves[
        (curves["round"] == 2)
        & (curves["trial"] == metrics["best"]["trial"])
        & (curves["metric"] == "validation_loss")
        & (curves["epoch"] == 400)
    ]
    np.testing.assert_allclose(last["value"], best["validation_loss"], rtol=1e-6)


def test_the_test_score_is_that_of_the_runs_alone(coarse_to_fine):
    problem, metrics = regression.load(0), coarse_to_fine.metrics
    key = jax.random.split(rounds._key(Config(), 1))[1]
    losses = []
    for seed in range(2):
        alone = jaxnet.fit(
            sine.build,
            metrics["best"]["setting"],
            problem.train,
            key=jax.random.fold_in(key, seed),
            epochs=400,
            every=400,
            progress=False,
        )
        distance = np.asarray(alone.predict(problem.test[0]) - problem.test[1])
        losses.append(np.mean(distance**2))
    # Members and runs alone agree to 1e-4 after hundreds of steps.
    assert metrics["test_loss"] == pytest.approx(np.mean(losses), rel=1e-3)


def test_the_report_stands_alone(coarse_to_fine):
    text = (coarse_to_fine.out / "report.html").read_text()
    assert "learning_rate" in text
    assert 'src="http' not in text


def one_width(problem, width):
    """The problem as one program, which compiles in half the time."""
    return problem._replace(space={**problem.space, "width": width})


def test_the_same_seed_gives_the_same_numbers_on_any_layout(monkeypatch):
    load = regression.load
    monkeypatch.setattr(regression, "load", lambda seed: one_width(load(seed), 8))
    once = numbers(sweep.run(SMALL_CONFIG))
    assert numbers(sweep.run(SMALL_CONFIG)) == once
    values = {"devices": 1, "chunk": "1"}
    other = numbers(sweep.run(Config(**vars(SMALL_CONFIG) | values)))
    assert (other["chunk"], other["devices"]) == (1, 1)
    assert other["best"]["setting"] == once["best"]["setting"]
    for name in ("best_validation_loss", "test_loss", "ensemble_test_loss"):
        # Forty steps in float32, summed in another order.
        assert other[name] == pytest.approx(once[name], rel=1e-4)
    second = numbers(sweep.run(Config(**vars(SMALL_CONFIG) | {"seed": 1})))
    assert second["test_loss"] != once["test_loss"]


def test_digits_are_learned_and_halving_spares_work(tmp_path, capsys, monkeypatch):
    load = digits.load
    monkeypatch.setattr(digits, "load", lambda seed: one_width(load(seed), 64))
    argv = ["--trials", "6", "--seeds", "2", "--epochs", "9", "--halving", "3"]
    assert sweep.main([*argv, "--devices", "2", "--out", str(tmp_path)]) == 0
    metrics = json.loads((tmp_path / "result.json").read_text())["metrics"]
    assert metrics["test_accuracy"] > 0.95
    assert metrics["ensemble_settings"] == 5
    trials = pd.read_parquet(tmp_path / "trials.parquet")
    # Six settings for one epoch, two for three, one for nine; two seeds each.
    assert sorted(trials["epochs"]) == [1] * 8 + [3] * 2 + [9] * 2
    steps = metrics["steps_per_second"] * metrics["run_seconds"]
    assert steps == pytest.approx((8 + 2 * 3 + 2 * 9) * (1078 // 32))
    shown = capsys.readouterr().out
    assert shown.index("6 settings x 2 seeds") < shown.index("rank  trial")


def test_digits_parts_have_no_image_in_common():
    problem = digits.load(0)
    parts = [problem.train[0], problem.validation[0], problem.test[0]]
    rows = np.concatenate(parts)
    assert len(np.unique(rows, axis=0)) == len(rows) == 1797


def test_optuna_chooses_settings_in_batches(monkeypatch):
    monkeypatch.setattr(rounds, "BATCH", 3)
    said = []
    values = {"search": "optuna", "trials": 6}
    outcome = sweep.run(Config(**vars(SMALL_CONFIG) | values), say=said.append)
    assert outcome.metrics["members"] == 12
    assert "3 settings x 2 seeds" in said[0]
    assert "12 members" in said[1]


def test_newsgroups_sweeps_the_lectures_model(capsys):
    values = {"problem": "newsgroups", "corpus": "sample", "trials": 2, "seeds": 1}
    outcome = sweep.run(Config(**values, epochs=3, devices=1))
    metrics = outcome.metrics
    assert metrics["best"]["setting"].keys() == {
        "dropout",
        "learning_rate",
        "weight_decay",
    }
    assert metrics["best_validation_accuracy"] >= 0.1
    assert outcome.data["name"] == "sample"


def test_the_plan_alone_trains_nothing(tmp_path, capsys):
    assert sweep.main([*SMALL, "--plan", "--out", str(tmp_path)]) == 0
    assert "6 settings x 2 seeds = 12 members" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())


def test_when_every_setting_diverges_the_checks_say_so(tmp_path, monkeypatch):
    space = {"width": 8, "momentum": 0.9, "learning_rate": log_uniform(1e5, 1e6)}
    load = regression.load
    wild = load(0)._replace(space=space, epochs=40)
    monkeypatch.setattr(regression, "load", lambda seed: wild)
    assert sweep.main([*SMALL, "--rounds", "2", "--out", str(tmp_path)]) == 1
    metrics = json.loads((tmp_path / "result.json").read_text())["metrics"]
    assert metrics["diverged"] == 1.0
    assert metrics["members"] == 12  # There is nothing to refine.
    assert metrics["best_validation_loss"] is None


def test_every_problem_is_reported_at_once(capsys):
    argv = ["--problem", "digit", "--chunk", "0", "--halving", "1", "--trials", "0"]
    with pytest.raises(SystemExit) as error:
        sweep.main([*argv, "--corpus", "sample"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "problem='digit' is not one of" in message
    assert "chunk should be auto or an int of at least 1, got '0'" in message
    assert "halving=1 would drop nobody" in message
    assert "trials should be at least 1, got 0" in message
    assert "corpus is not used: add --problem newsgroups" in message


def test_what_only_the_plan_can_tell_is_a_bad_argument_too(capsys, tmp_path):
    argv = ["--problem", "regression", "--out", str(tmp_path)]
    assert sweep.main([*argv, "--devices", "99"]) == 2
    assert "devices=99 are more than the 8 there are" in capsys.readouterr().err
    assert sweep.main([*argv, "--search", "grid", "--trials", "1"]) == 2
    assert "the choices alone have 2 combinations" in capsys.readouterr().err
    assert sweep.main([*argv, "--epochs", "1", "--halving", "3"]) == 2
    assert "leaves nothing to decide" in capsys.readouterr().err


def test_spaces_are_written_in_one_line():
    space = {"depth": 2, "width": choice(8, 64), "rate": log_uniform(1e-3, 2 / 3)}
    assert rounds.written(space) == "width 8 or 64, rate 0.001 to 0.667 (log)"
