"""The regression experiment end to end, small enough for every commit."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from matplotlib.image import imread
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from experiments import regression
from experiments.regression import capacity, diabetes, sine
from experiments.regression.config import Config

QUICK = ["--quick", "--seeds", "2"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("regression")
    status = regression.main([*QUICK, "--tensorboard", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    config = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in record["config"].items()
    }
    return SimpleNamespace(status=status, out=out, record=record, config=config)


def numbers(outcome):
    """The metrics of an outcome without what depends on the clock."""
    metrics = dict(outcome.metrics["per_seed"])
    del metrics["steps_per_second"]
    return metrics


def test_the_defaults_are_the_lectures():
    config = Config()
    assert (config.points, config.noise, config.width) == (32, 0.25, 512)
    assert (config.learning_rate, config.momentum, config.steps) == (0.003, 0.9, 1847)


def test_the_net_learns_the_curve_and_all_checks_hold(quick):
    metrics = quick.record["metrics"]
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    assert metrics["steps"] == 1847
    # The curve itself has the noise's variance, 0.0625, as its loss; a constant 0.56.
    assert metrics["train_loss"] < 0.1
    assert metrics["validation_loss"] < 0.12
    assert metrics["curve_rmse"] < 0.25
    assert metrics["steps_per_second"] > 0


def test_validation_loss_is_noise_and_distance_from_the_curve(quick):
    # E (f - y)^2 = E (f - curve)^2 + noise^2; over 256 points the noise's part alone
    # has a standard deviation of 0.0625 * sqrt(2 / 256) = 0.006.
    per_seed = quick.record["metrics"]["per_seed"]
    expected = np.square(per_seed["curve_rmse"]) + 0.25**2
    np.testing.assert_allclose(per_seed["validation_loss"], expected, atol=0.02)
    for net in quick.record["metrics"]["nets"]:
        expected = net["curve_rmse"] ** 2 + 0.25**2
        assert net["validation_loss"] == pytest.approx(expected, abs=0.02)


def test_the_result_says_what_was_run(quick):
    record = quick.record
    assert record["experiment"] == "regression"
    assert Config(**quick.config) == Config(seeds=2, widths=(1, 3, 32), depths=(2,))
    assert record["data"]["name"] == "sine"
    assert record["data"]["sizes"] == {"train": 32, "validation": 256}
    assert len(record["data"]["fingerprint"]) == 64
    assert list(record["wall_seconds"]) == ["data", "train", "capacity", "figures"]


def test_intervals_are_over_the_seeds(quick):
    metrics = quick.record["metrics"]
    for name, (low, high) in metrics["intervals"].items():
        values = metrics["per_seed"][name]
        assert len(values) == 2
        # One degree of freedom: t is 12.706.
        half = 12.7062047 * np.std(values, ddof=1) / np.sqrt(2)
        np.testing.assert_allclose(
            [low, high], [np.mean(values) - half, np.mean(values) + half]
        )
        assert metrics[name] == pytest.approx(np.mean(values))


def test_the_figures_show_something(quick):
    for name in ("fit", "loss", "capacity", "width"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"
        assert (quick.out / f"{name}.svg").read_text().startswith("<?xml")


def test_the_curves_are_written_for_tensorboard(quick):
    (events,) = (quick.out / "tensorboard").iterdir()
    assert b"validation/loss" in events.read_bytes()


def test_the_same_seed_gives_the_same_numbers_alone_or_among_others(quick):
    both = regression.run(Config(**quick.config))
    second = regression.run(Config(**quick.config | {"seed": 1, "seeds": 1}))
    per_seed = quick.record["metrics"]["per_seed"]
    for name, values in numbers(both).items():
        assert values == per_seed[name]
        if not name.endswith("_gap"):  # Which net is best depends on all seeds.
            assert numbers(second)[name] == values[1:]
    assert both.data["fingerprint"] == quick.record["data"]["fingerprint"]
    assert second.data["fingerprint"] != quick.record["data"]["fingerprint"]


def test_a_run_that_diverges_fails_its_checks_and_still_reports(tmp_path, capsys):
    argv = ["--learning-rate", "50", "--adam-learning-rate", "1e30", "--no-progress"]
    assert regression.main([*QUICK, *argv, "--out", str(tmp_path)]) == 1
    record = json.loads((tmp_path / "result.json").read_text())
    failed = {check["name"] for check in record["checks"] if not check["ok"]}
    assert {"steps", "losses that are not finite", "curve_rmse"} <= failed
    # The state kept is the one before the step that went bad: finite, and no use.
    assert record["metrics"]["steps"] < 10
    assert record["metrics"]["first_train_loss"] is None
    assert record["metrics"]["train_loss"] > 1e6
    assert "FAILS" in capsys.readouterr().out


def test_every_problem_is_reported_at_once(capsys):
    with pytest.raises(SystemExit) as error:
        regression.main(
            ["--data", "sinus", "--steps", "0", "--noise", "-1", "--widht", "3"]
        )
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "data='sinus' is not one of ['sine', 'diabetes']. Did you mean" in message
    assert "steps should be at least 1, got 0" in message
    assert "noise should be above 0, got -1.0" in message
    assert "no option --widht. Did you mean --width?" in message


def test_the_curve_is_a_sine_of_period_two():
    x = np.array([[-1.0], [-0.5], [0.0], [0.25], [1.0]])
    # float32's pi is off by 9e-8.
    expected = [[0.0], [-1.0], [0.0], [np.sqrt(0.5)], [0.0]]
    np.testing.assert_allclose(sine.curve(x), expected, atol=2e-7)


def test_points_are_the_curve_with_noise():
    config = Config(points=2000, noise=0.5)
    points = sine.draw_points(config, 0)
    residuals = []
    for x, y in (points.train, points.validation):
        assert x.shape == y.shape
        assert np.abs(x).max() <= 1
        residuals.append(np.asarray(y)[:, 0] - np.sin(np.pi * np.asarray(x)[:, 0]))
    np.testing.assert_allclose(np.diff(points.train[0][:, 0]), 2 / 1999, rtol=1e-2)
    # Kolmogorov and Smirnov's test: noise that is N(0, 1/4), in both parts.
    for residual in residuals:
        assert scipy.stats.kstest(residual / 0.5, "norm").pvalue > 0.01
    assert not np.isin(residuals[0], residuals[1]).any()


def trained(**values):
    """A narrow net after a few steps."""
    config = Config(width=64, steps=10, **values)
    data = [sine.draw_points(config, 0)]
    (run,) = sine.train_all(config, data, progress=False, callbacks=())
    return run


def test_the_net_starts_as_pytorch_starts_it():
    run = trained(learning_rate=1e-12)
    first, second = (run.fit.params[name] for name in ("dense_1", "dense_2"))
    # Weights and biases are U(-b, b) with b = 1 / sqrt(inputs): 1, and 1/8.
    for leaves, bound in ((first, 1.0), (second, 0.125)):
        assert np.abs(leaves["kernel"]).max() <= bound
        assert np.abs(leaves["bias"]).max() <= bound
    uniform = scipy.stats.uniform(-1, 2).cdf
    assert scipy.stats.kstest(first["kernel"][0], uniform).pvalue > 0.01
    assert scipy.stats.kstest(first["bias"], uniform).pvalue > 0.01
    assert scipy.stats.kstest(8 * second["kernel"][:, 0], uniform).pvalue > 0.01
    assert second["bias"][0] != 0


def test_momentum_adds_up_what_the_gradient_does():
    start = trained(learning_rate=1e-12).metrics["train_loss"]
    plain = trained(learning_rate=1e-6, momentum=0.0).metrics["train_loss"]
    heavy = trained(learning_rate=1e-6, momentum=0.9).metrics["train_loss"]
    # While the gradient g hardly changes, step t moves by lr g (1 - u^t) / (1 - u).
    expected = sum((1 - 0.9**t) / (1 - 0.9) for t in range(1, 11)) / 10
    # The losses differ by some 1e-5 and are rounded to 1e-8.
    assert start - plain > 3e-6
    assert (start - heavy) / (start - plain) == pytest.approx(expected, rel=0.02)


def net(depth, width, train_loss, validation_loss, curve_rmse):
    arrays = map(np.array, (train_loss, validation_loss, curve_rmse))
    return capacity.Net(depth, width, *arrays, np.zeros((401, 1)))


def test_gaps_compare_smallest_best_and_largest_on_the_same_seed():
    nets = [
        net(2, 1, [0.16, 0.16], [0.2, 0.2], [0.3, 0.3]),
        net(1, 8, [0.05, 0.06], [0.07, 0.09], [0.10, 0.11]),
        net(1, 1, [0.15, 0.17], [0.2, 0.2], [0.3, 0.3]),
        net(2, 8, [0.01, 0.02], [0.1, 0.1], [0.25, 0.21]),
    ]
    under, over = np.transpose([list(gap.values()) for gap in capacity.gaps(nets)])
    np.testing.assert_allclose(under, [0.14, 0.15])
    np.testing.assert_allclose(over, [0.15, 0.10])
    verdicts = [capacity.verdict(one, 0.25) for one in nets]
    assert verdicts == ["underfits", "", "underfits", "overfits"]


def test_more_freedom_fits_the_points_better(quick):
    losses = {
        one["width"]: (one["train_loss"], one["validation_loss"])
        for one in quick.record["metrics"]["nets"]
    }
    (train_1, _), (train_3, best), (train_32, worse) = (losses[w] for w in (1, 3, 32))
    assert train_1 > train_3 > train_32
    assert best < worse


@pytest.fixture(scope="module")
def patients():
    return diabetes.draw_patients(diabetes.load(), 0)


def test_patients_are_in_one_part_and_standardized_by_the_training_set(patients):
    x, y = diabetes.load()
    parts = [patients.train, patients.validation, patients.test]
    assert [len(part[0]) for part in parts] == [265, 89, 88]
    everyone = np.concatenate([patients.y.invert(part[1])[:, 0] for part in parts])
    np.testing.assert_allclose(np.sort(everyone), np.sort(y[:, 0]), rtol=1e-5)
    rows = np.concatenate([part[0] for part in parts])
    assert len(np.unique(rows, axis=0)) == len(x)
    for array in patients.train:
        np.testing.assert_allclose(array.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(array.std(axis=0), 1, rtol=1e-5)
    assert np.abs(patients.test[0].mean(axis=0)).max() > 0.01


def test_diabetes_beats_predicting_the_mean(tmp_path, capsys):
    argv = ["--data", "diabetes", "--quick", "--no-progress", "--out", str(tmp_path)]
    assert regression.main(argv) == 0
    record = json.loads((tmp_path / "result.json").read_text())
    metrics = record["metrics"]
    assert all(value > 0.2 for value in metrics["per_seed"]["r2"])
    assert metrics["curve_rmse"] is None
    assert 0 < metrics["best_step"] < metrics["steps"] <= 1847
    per_seed = metrics["per_seed"]
    difference = np.subtract(per_seed["r2"], per_seed["ridge_r2"])
    np.testing.assert_allclose(per_seed["r2_minus_ridge"], difference, atol=1e-12)
    assert metrics["net_against_ridge"] in capsys.readouterr().out
    assert record["data"]["sizes"] == {"train": 265, "validation": 89, "test": 88}
    for name in ("predictions", "loss", "baselines"):
        drawn = (imread(tmp_path / f"{name}.png")[..., :3] < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5


def test_ridges_penalty_is_chosen_on_the_validation_set():
    data = diabetes.load()
    for seed in range(5):
        patients = diabetes.draw_patients(data, seed)
        x, y = map(np.concatenate, zip(*patients[:2], strict=True))
        folds = PredefinedSplit([-1] * len(patients.train[0]) + [0] * 89)
        grid = {"alpha": diabetes.RIDGE_PENALTIES}
        score = "neg_mean_squared_error"
        search = GridSearchCV(Ridge(), grid, cv=folds, scoring=score, refit=False)
        chosen = diabetes.ridge(patients).alpha
        assert chosen == search.fit(x, y).best_params_["alpha"]


def test_the_test_score_is_sklearns_of_the_best_state(patients):
    config = Config(data="diabetes", seeds=1)
    (run,) = diabetes.train_all(config, [patients], progress=False, callbacks=())
    x, y = patients.test
    again = np.asarray(run.fit.predict(x))
    assert run.metrics["r2"] == pytest.approx(r2_score(y, again), abs=1e-6)
    assert run.metrics["validation_loss"] == pytest.approx(
        run.fit.history["validation_loss"].min(), rel=1e-5
    )
    assert run.metrics["steps"] - run.metrics["best_step"] == config.patience


def test_the_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().width = 3
