"""Grid against random search end to end, small enough for every commit."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from matplotlib.image import imread

import jaxnet
from experiments import search
from experiments.search import digits, function
from experiments.search.budgets import Tried, squares
from experiments.search.config import Config

SMALL = Config(trials=9, epochs=3, functions=60, seeds=3, devices=2)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("search")
    status = search.main(["--quick", "--devices", "2", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(
        status=status, out=out, record=record, metrics=record["metrics"]
    )


def test_random_search_beats_a_grid_and_all_checks_hold(quick):
    metrics = quick.metrics
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    low, high = metrics["intervals"]["function_regret_9_grid_minus_random"]
    assert 0.1 < low < metrics["function_regret_9_grid_minus_random"] < high < 0.4
    assert metrics["verdicts"]["function_regret_9_grid_minus_sobol"] == "larger"
    assert metrics["digits_loss_16_grid_minus_random"] > 0
    # Sobol's points are spread more evenly than random ones.
    assert metrics["function_regret_9_sobol"] < metrics["function_regret_9_random"]
    assert 0.05 < metrics["digits_loss_16_random"] < 0.5


def test_the_result_counts_what_was_trained(quick):
    # Grids of 1, 4, 9 and 16 settings, and 16 of either other sampler.
    assert quick.metrics["members"] == 6 * (1 + 4 + 9 + 16 + 16 + 16)
    assert quick.record["data"]["sizes"] == {"train": 1078, "validation": 360}


def test_the_figures_show_something(quick):
    for name in ("points", "function", "digits", "influence"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_a_grid_of_nine_has_three_values_of_what_matters():
    tried = Tried(function.SPACE, [9], jax.random.key(0))
    counts = {
        name: len({tried.settings[row]["x"] for row in tried.rows(name)})
        for name in ("grid", "random", "sobol")
    }
    assert counts == {"grid": 3, "random": 9, "sobol": 9}


def test_the_best_with_a_budget_is_of_its_own_settings():
    tried = Tried(function.SPACE, [1, 2, 4], jax.random.key(0))
    # 1 + 2 + 4 of the grids, then four random and four of Sobol's.
    scores = np.array([5, 9, 8, 4, 7, 6, 9, 3, 2, 9, 1, 8, 7, 0, 6.0])
    best = tried.best(scores)
    np.testing.assert_array_equal(best["grid"], [5, 8, 4])
    np.testing.assert_array_equal(best["random"], [3, 2, 1])
    np.testing.assert_array_equal(best["sobol"], [8, 7, 0])


def test_budgets_are_those_of_square_grids():
    assert squares(9) == [1, 4, 9]
    assert squares(24) == [1, 4, 9, 16]


def test_the_function_is_largest_where_both_bumps_are():
    bumps = function.draw(3)
    assert bumps == function.draw(3) != function.draw(4)
    assert bumps(*np.array(bumps)) == pytest.approx(1.0)
    far = bumps.x - 5.0
    # What is left without g is h: a tenth.
    assert bumps(np.array(far), np.array(bumps.y)) == pytest.approx(0.1)
    assert bumps(np.array(bumps.x), np.array(far)) == pytest.approx(0.9)


def test_a_repeats_loss_is_that_of_the_run_alone():
    once = digits.search_once(SMALL, [1, 4], 5)
    row, *_ = once.tried.rows("random")
    problem = digits.digits.load(5)
    key = jax.random.split(jax.random.fold_in(jax.random.key(5), 1))[1]
    alone = jaxnet.fit(
        digits.build,
        once.tried.settings[row],
        problem.train,
        problem.validation,
        key=jax.random.fold_in(key, 0),
        epochs=3,
        progress=False,
    )
    loss = min(alone.history["validation_loss"][-1], np.log(10))
    assert once.losses[row] == pytest.approx(loss, rel=1e-4)
    # A float32 of the loss of a guess.
    assert once.losses.max() <= np.log(10) + 1e-6


def test_the_same_seed_gives_the_same_numbers():
    first, second = (search.run(SMALL).metrics for _ in range(2))
    for metrics in (first, second):
        for clock in ("compile_seconds", "run_seconds"):
            del metrics[clock]
    assert first == second


def test_every_problem_is_reported_at_once(capsys, tmp_path):
    with pytest.raises(SystemExit) as error:
        search.main(["--seeds", "1", "--trials", "4", "--budget", "3"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "trials should be at least 9, got 4" in message
    assert "no option --budget" in message
    assert search.main(["--devices", "99", "--out", str(tmp_path)]) == 2
    assert "devices=99 are more than the 8 there are" in capsys.readouterr().err
