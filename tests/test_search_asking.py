"""Sweeps whose settings an Optuna study chooses, with the real Optuna."""

import sys
import warnings

import jax
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

import jaxnet
from jaxnet import search
from jaxnet.search.asking import optimize

optuna.logging.set_verbosity(optuna.logging.WARNING)

X = np.linspace(-1.0, 1.0, 32, dtype=np.float32)[:, None]
TRAIN = X, 2.0 * X + 1.0
VALIDATION = X[::3] + 0.1, 2.0 * X[::3] + 1.2

SPACE = {"rate": search.log_uniform(1e-3, 1e-1), "momentum": search.uniform(0.0, 0.9)}


def build(h):
    return jaxnet.Task(
        model=jaxnet.dense(1),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer("momentum", h["rate"], momentum=h["momentum"]),
        batch_size=16,
    )


def study(direction="minimize", sampler=None):
    sampler = sampler or optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(direction=direction, sampler=sampler)


def optimized(of, space=SPACE, *, build=build, **arguments):
    defaults = {"trials": 6, "batch": 3, "epochs": 4, "seeds": 2, "devices": 2}
    return optimize(
        of,
        build,
        space,
        TRAIN,
        VALIDATION,
        key=jax.random.key(0),
        **defaults | arguments,
    )


@pytest.fixture(scope="module")
def asked():
    """A study after two batches, and the sweep that they were."""
    of = study()
    return of, optimized(of)


def test_the_study_is_told_the_mean_over_the_seeds(asked):
    of, result = asked
    assert [trial.state for trial in of.trials] == [TrialState.COMPLETE] * 6
    assert result.plan.settings == [trial.params for trial in of.trials]
    frame = result.to_frame()
    for trial in of.trials:
        values = frame[frame["trial"] == trial.number]["validation_loss"]
        assert len(values) == 2
        assert trial.value == pytest.approx(values.mean(), rel=1e-6)
        low, high = trial.user_attrs["interval"]
        assert low < trial.value < high
        # One degree of freedom: t is 12.706, and the half width t |a - b| / 2.
        spread = 12.7062047 * abs(np.diff(values)[0]) / 2
        assert high - trial.value == pytest.approx(spread, rel=1e-4)
        assert trial.user_attrs["status"] == "done"
        assert trial.user_attrs["epochs"] == 4
    assert result.settings[0] == of.best_params


def test_all_batches_are_one_sweep_with_the_same_seeds(asked):
    of, result = asked
    settings = [trial.params for trial in of.trials]
    at_once = search.sweep(
        build,
        settings,
        TRAIN,
        VALIDATION,
        key=jax.random.key(0),
        epochs=4,
        seeds=2,
        devices=2,
    )
    np.testing.assert_array_equal(result.trials, at_once.trials)
    for name, curve in at_once.runs.curves.items():
        np.testing.assert_allclose(result.runs.curves[name], curve, rtol=1e-5)
    assert result.plan.members == 12
    assert sorted(t for one in result.plan.groups for t in one.group.trials) == [
        *range(6)
    ]
    for i in (0, 5, 11):
        alone = result.replay(i)
        assert alone.difference < 1e-5
        kernel = result.member(i).params["kernel"]
        np.testing.assert_allclose(kernel, alone.fit.params["kernel"], rtol=1e-5)


def test_later_batches_of_the_same_size_compile_nothing():
    of = study()
    optimized(of, trials=3)
    before = search.engine.train_members._cache_size()
    optimized(of, trials=6)
    assert search.engine.train_members._cache_size() == before
    assert len(of.trials) == 9


def test_a_sampler_is_asked_again_after_it_was_told():
    class Watcher(optuna.samplers.RandomSampler):
        told = ()

        def before_trial(self, study, trial):
            super().before_trial(study, trial)
            finished = [t for t in study.trials if t.state.is_finished()]
            self.told = (*self.told, len(finished))

    sampler = Watcher(seed=0)
    optimized(study(sampler=sampler), trials=5, batch=2)
    assert sampler.told == (0, 0, 2, 2, 4)


def test_diverged_trials_are_pruned_and_samplers_avoid_them():
    space = {"rate": search.log_uniform(1e-3, 1e6), "momentum": 0.9}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=8)
    of = study(sampler=sampler)
    result = optimized(of, space, trials=24, batch=8, epochs=20)
    diverged = [t for t in of.trials if t.state == TrialState.PRUNED]
    assert diverged
    for trial in diverged:
        assert trial.value is None
        assert trial.user_attrs["status"] == "diverged"
        assert "interval" not in trial.user_attrs
    rates = [trial.params["rate"] for trial in of.trials]
    # In logarithms 8 of 9 of the space diverge; the sampler learns where not to look.
    assert np.mean(np.array(rates[8:]) < 10) > np.mean(np.array(rates[:8]) < 10)
    assert of.best_params["rate"] < 1
    assert result.scores[0].mean == pytest.approx(of.best_value, rel=1e-6)


def test_what_halving_dropped_is_pruned_with_its_last_value():
    of = study()
    result = optimized(of, trials=6, epochs=9, halving=search.Halving(3, 1))
    states = [trial.state for trial in of.trials]
    # Of three settings in each batch one goes on to the end.
    assert states.count(TrialState.COMPLETE) == 2
    for number, trial in enumerate(of.trials):
        if trial.state == TrialState.PRUNED:
            assert list(trial.intermediate_values) == [1]
            place = result.trials.tolist().index(number)
            score = result.scores[place].mean
            assert trial.intermediate_values[1] == pytest.approx(score)
            assert result.runs.halved[number] == 1


def test_more_is_better_where_the_study_says_so():
    of = study("maximize")
    result = optimized(of)
    assert result.maximize
    assert result.scores[0].mean == pytest.approx(of.best_value, rel=1e-6)
    assert of.best_value == max(trial.value for trial in of.trials)


def test_every_kind_of_dimension_has_its_distribution():
    def built(h):
        del h["depth"], h["pair"], h["note"]
        model = jaxnet.mlp(h["width"], 1, activation=h["activation"])
        momentum = jaxnet.optimizer("momentum", h["rate"], momentum=h["momentum"])
        return jaxnet.Task(model, jaxnet.mean_squared_error, momentum)

    def build(h):
        return built(dict(h))

    space = {
        "rate": search.log_uniform(1e-3, 1e-2),
        "momentum": search.uniform(0.0, 0.9),
        "width": search.log_integers(1, 4),
        "depth": search.integers(3, 5),
        "activation": search.choice(jaxnet.tanh, jaxnet.relu),
        "pair": search.choice((1, 2), (3, 4)),
        "note": "fixed",
    }
    of = study()
    result = optimized(of, space, build=build, trials=2, batch=2, epochs=1)
    distributions = optuna.distributions
    known = of.trials[0].distributions
    assert known["rate"] == distributions.FloatDistribution(1e-3, 1e-2, log=True)
    assert known["momentum"] == distributions.FloatDistribution(0.0, 0.9)
    assert known["width"] == distributions.IntDistribution(1, 4, log=True)
    assert known["depth"] == distributions.IntDistribution(3, 5)
    assert known["pair"].choices == ("0: (1, 2)", "1: (3, 4)")
    assert "note" not in known
    for trial, setting in zip(of.trials, result.plan.settings, strict=True):
        assert setting["activation"] in space["activation"].values
        assert setting["pair"] in space["pair"].values
        assert trial.params["pair"].endswith(str(setting["pair"]))
        assert setting["note"] == "fixed"
        assert isinstance(setting["width"], int)


def test_a_build_that_raises_leaves_no_trial_running():
    def broken(h):
        raise RuntimeError(f"no rate {h['rate']}")

    of = study()
    with pytest.raises(RuntimeError, match="no rate"):
        optimized(of, build=broken)
    assert [trial.state for trial in of.trials] == [TrialState.FAIL] * 3


def test_what_cannot_be_is_refused_before_anything_is_asked():
    of = study()
    with pytest.raises(ValueError, match="nothing varies in the space"):
        optimized(of, {"rate": 0.1, "momentum": 0.9})
    with pytest.raises(ValueError, match="the space is empty"):
        optimized(of, {})
    with pytest.raises(ValueError, match="batch should be an int of at least 1"):
        optimized(of, batch=0)
    with pytest.raises(ValueError, match="trials should be an int of at least 1"):
        optimized(of, trials=0)
    with pytest.raises(ValueError, match="maximize is the study's to say"):
        optimized(of, maximize=True)
    two = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match="one objective, got a study with 2"):
        optimized(two)
    assert of.trials == []


def test_without_optuna_the_cure_is_named(monkeypatch):
    of = study()
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError) as error:
        optimized(of)
    assert error.value.__notes__ == ["Install it with: pip install 'optuna>=4,<5'"]
