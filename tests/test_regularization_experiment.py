"""The regularization experiment end to end, small enough for every commit."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.image import imread
from sklearn.linear_model import LogisticRegression

import jaxnet
from experiments import regularization
from experiments.regularization import (
    choosing,
    data,
    decay,
    quadratic,
    subnets,
    weights,
)
from experiments.regularization.config import Config
from experiments.regularization.linear import first_weights
from experiments.regularization.training import STRENGTHS, either, setting, study

SMALL = Config(epochs=12, seeds=2, devices=1)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("regularization")
    words = ["--quick", "--seeds", "2", "--devices", "1", "--out", str(out)]
    status = regularization.main(words)
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(
        status=status, out=out, record=record, metrics=record["metrics"]
    )


@pytest.fixture(scope="module")
def problem():
    return data.load(SMALL, 0)


@pytest.fixture(scope="module")
def noisy(problem):
    """The study of seed 0 with wrong labels, by the program that there is already."""
    return study(SMALL, problem.train["noisy"], problem.validation, problem.test, 0)


@pytest.fixture(scope="module")
def classifiers():
    """Two seeds of digits, where linear classifiers start, and what they become."""
    problems = [data.load(SMALL, seed) for seed in (0, 1)]
    digits = [one.train["true"] for one in problems]
    stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *digits)
    start = first_weights(range(2))
    return stacked, start, weights.train_linear(stacked, start)


def test_all_checks_and_exact_claims_hold(quick):
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    claims = quick.record["claims"]
    assert {claim["lecture"] for claim in claims} == {"000", "002", "003", "004"}
    exact = [claim for claim in claims if claim["exact"]]
    assert len(exact) == 5
    assert all(claim["verdict"] == "holds" for claim in exact)
    assert all(len(claim["statement"]) <= 50 for claim in claims)


def test_the_result_says_what_was_learned_from(quick):
    sizes = quick.record["data"]["sizes"]
    assert sizes == {"train": 150, "validation": 150, "test": 1497}
    metrics = quick.metrics
    assert 0 < metrics["true_none_test_error"] < metrics["noisy_none_test_error"] < 50
    assert metrics["l1_near"] > metrics["none_near"]
    assert len(metrics["per_seed"]["true_l2_minus_none"]) == 2


def test_the_figures_show_something(quick):
    for name in ("curves", "strengths", "weights", "decay", "gains"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        # Bands are wide with two seeds.
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.8, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_a_share_of_the_labels_is_wrong():
    labels = np.arange(150) % 10
    changed = data.replaced(labels, 0.2, 3)
    assert (changed != labels).sum() == 30
    assert set(changed) == set(range(10))
    np.testing.assert_array_equal(changed, data.replaced(labels, 0.2, 3))


def test_stopping_early_gives_what_the_net_had_then(quick, noisy):
    del quick
    curve = noisy.curve("validation_loss", "none", 0.0)
    for epochs in (8.0, 4.0, 2.0, 1.0):
        stopped = noisy.curve("validation_loss", "stopping", epochs)
        np.testing.assert_allclose(stopped[: int(epochs)], curve[: int(epochs)], 1e-5)
        # Not a step more.
        np.testing.assert_allclose(stopped[int(epochs) :], curve[int(epochs) - 1], 1e-5)
    # In twelve epochs nothing stops after 32 or 16.
    assert noisy.errors("stopping")[0] == noisy.errors("none")[0]


@pytest.mark.parametrize(("share", "same"), [(0.0, 0), (1.0, 1)])
def test_a_traced_share_picks_the_rule(share, same):
    rules = [jaxnet.optimizer("momentum", 0.1), jaxnet.optimizer("adam", 0.01)]
    params, gradient = {"kernel": jnp.ones(3)}, {"kernel": jnp.array([1.0, -2.0, 0.5])}

    def walk(rule):
        new, state = params, rule.init(params)
        for _ in range(3):
            updates, state = rule.update(gradient, state, new)
            new = optax.apply_updates(new, updates)
        return new["kernel"]

    picked = jax.jit(lambda share: walk(either(*rules, share)))(share)
    np.testing.assert_allclose(picked, walk(rules[same]), rtol=1e-6)
    assert np.abs(picked - walk(rules[1 - same])).min() > 0.01


def test_every_setting_turns_on_what_its_name_says(problem):
    off = {"l1": 0.0, "l2": 0.0, "bias_l2": 0.0, "decay": 0.0, "dropout": 0.0}
    off |= {"steps": 12.0 * 5, "adam": 0.0, "width": 64}
    for kind, strength, on in (
        ("none", 0.0, {}),
        ("l1", 1e-3, {"l1": 1e-3}),
        ("l2_biases", 0.01, {"l2": 0.01, "bias_l2": 0.01}),
        ("decay", 0.3, {"decay": 0.3}),
        ("dropout", 0.5, {"dropout": 0.5}),
        ("stopping", 4.0, {"steps": 20.0}),
        ("stopping", 32.0, {}),
        ("adam_l2", 0.1, {"l2": 0.1, "adam": 1.0}),
        ("adam_decay", 3.0, {"decay": 3.0, "adam": 1.0}),
    ):
        assert setting(SMALL, problem.train["true"], kind, strength) == off | on


def test_what_is_chosen_has_the_lowest_error_and_is_the_weakest(noisy):
    errors = noisy.errors("dropout")
    chosen = STRENGTHS["dropout"].index(noisy.chosen("dropout"))
    assert errors[chosen] == errors.min()
    assert (errors[:chosen] > errors.min()).all()
    outputs = noisy.member("dropout", 0.3).predict(noisy.test[0])
    error = 100 * np.mean(np.argmax(outputs, axis=1) != np.asarray(noisy.test[1]))
    assert noisy.on_test("dropout", 0.3)["error"] == pytest.approx(
        float(error), rel=1e-5
    )


def test_the_best_of_all_settings_is_the_best_and_that_of_one_is_the_mean():
    generator = np.random.default_rng(0)
    peeked, fresh = generator.permutation(len(choosing.WIDE) * 2).reshape(2, -1) * 1.0
    rows = {one: i for i, one in enumerate(choosing.WIDE)}
    fake = SimpleNamespace(
        error=lambda *one: peeked[rows[one]],
        on_test=lambda *one: {"error": fresh[rows[one]]},
    )
    seemed, gained = choosing.gains(fake, 0)
    none, best = rows[("none", 0.0)], peeked.argmin()
    assert seemed[-1] == peeked[none] - peeked[best]
    assert gained[-1] == pytest.approx(fresh[none] - fresh[best])
    # Five standard errors of the mean over the orders.
    room = 5 * peeked.std() / np.sqrt(choosing.ORDERS)
    assert seemed[0] == pytest.approx(peeked[none] - peeked.mean(), abs=room)
    assert gained[0] == pytest.approx(fresh[none] - fresh.mean(), abs=room)
    assert (np.diff(seemed) >= 0).all()


def test_l1_stays_at_the_minimum_that_scikit_learn_finds(classifiers):
    (x, y), *_ = classifiers
    images, labels = np.asarray(x[0]), np.asarray(y[0])
    oracle = LogisticRegression(
        l1_ratio=1.0, C=1 / (150 * weights.STRENGTH), solver="saga", max_iter=5000
    )
    oracle.fit(images, labels)
    chances = oracle.predict_proba(images)[np.arange(150), labels]
    least = -np.log(chances).mean() + weights.STRENGTH * abs(oracle.coef_).sum()
    there = {"kernel": oracle.coef_.T, "bias": oracle.intercept_}
    start = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32)[None], there)
    found = weights.train_linear((x[:1], y[:1]), start)
    proximal = found["L1, proximal"]
    # The tolerance at which scikit-learn stops.
    assert proximal.objectives[0] == pytest.approx(least, rel=1e-3)
    assert np.mean(proximal.kernels == 0) == pytest.approx(
        np.mean(oracle.coef_ == 0), abs=0.03
    )


def test_only_the_proximal_step_gives_zeros(classifiers):
    *_, found = classifiers
    zeros = {name: np.mean(one.kernels == 0.0) for name, one in found.items()}
    near = {name: np.mean(abs(one.kernels) < 0.01) for name, one in found.items()}
    assert zeros["L1"] == zeros["L2"] == 0.0
    assert zeros["L1, proximal"] > 0.5
    assert near["L1"] == pytest.approx(near["L1, proximal"], abs=0.02)
    assert near["L2"] < 0.2


def test_the_proximal_step_shrinks_and_stops_at_zero():
    step = weights.proximal_l1(0.5)
    params = {"kernel": jnp.array([2.0, -2.0, 0.3, 0.0]), "bias": jnp.array([2.0])}
    updates = {"kernel": jnp.array([1.0, 1.0, 0.1, -0.6]), "bias": jnp.array([1.0])}
    new, _ = step.update(updates, step.init(params), params)
    due = jnp.array([2.5, -0.5, 0.0, -0.1])
    np.testing.assert_allclose(params["kernel"] + new["kernel"], due, rtol=1e-6)
    np.testing.assert_array_equal(new["bias"], [1.0])


def test_l2_and_decay_part_as_far_as_by_hand(classifiers):
    (x, y), start, _ = classifiers
    found = decay.differences((x, y), start)
    # Weights are below 1: equal but for the last bit, which depends on the compiler.
    assert found["sgd"].max() <= np.finfo(np.float32).eps / 2
    x, targets = np.asarray(x[1], float), np.eye(10)[np.asarray(y[1])]

    def descend(penalty, decayed):
        w = np.vstack([start["kernel"][1], start["bias"][1][None]]).astype(float)
        rows, speed = np.hstack([x, np.ones((len(x), 1))]), 0.0
        for _ in range(decay.STEPS):
            logits = rows @ w
            chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            gradient = rows.T @ (chances - targets) / len(x) + penalty * w
            speed = decay.MOMENTUM * speed + gradient
            w = w - decay.RATES["momentum"] * (speed + decayed * w)
        return w

    gap = descend(decay.STRENGTH, 0.0) - descend(0.0, decay.STRENGTH)
    # Float32 against float64 over 100 steps.
    assert found["momentum"][1] == pytest.approx(abs(gap).max(), rel=1e-3)
    assert (found["adam"] > 0.1).all()


def test_dropout_of_all_masks_and_of_many(key):
    masks, chances = subnets._all_masks(0.4)
    assert masks.shape == (2**subnets.UNITS, subnets.UNITS)
    np.testing.assert_allclose(chances @ masks, 0.6)
    gains = subnets.mean_gains((0.5, 0.4), key)
    assert gains.shape == (2, subnets.DRAWS)
    # The variance of a unit's factor is rate / (1 - rate); of 64, about a 64th.
    np.testing.assert_allclose(gains.std(axis=1), [0.127, 0.104], rtol=0.1)
    np.testing.assert_allclose(gains.mean(axis=1), 1.0, atol=0.01)


def test_subnets_are_the_net_if_hardly_a_unit_is_dropped(noisy, problem, key):
    params = noisy.member("dropout", 0.5).state.params
    (x, y), (first, second) = problem.validation, jax.random.split(key)
    same = subnets.compare(params, 1e-7, x, y, first)
    assert same["agreement"] == 100.0
    assert same["subnets_kl"] < 1e-5
    half = subnets.compare(params, 0.5, x, y, second)
    layers = jax.tree.map(np.asarray, params)
    hidden = np.asarray(x) @ layers["dense_1"]["kernel"] + layers["dense_1"]["bias"]
    hidden = np.maximum(hidden, 0.0)

    def chances(scale):
        logits = (
            hidden * scale @ layers["dense_2"]["kernel"] + layers["dense_2"]["bias"]
        )
        raised = np.exp(logits)
        return raised / raised.sum(axis=1, keepdims=True)

    keep = jax.random.bernoulli(jax.random.clone(second), 0.5, (subnets.SUBNETS, 64))
    each, net = np.stack([chances(row / 0.5) for row in np.asarray(keep)]), chances(1.0)
    mean = each.mean(axis=0)
    kl = [(p * np.log(p / net)).sum(axis=-1).mean() for p in (mean, each)]
    np.testing.assert_allclose([half["subnets_kl"], half["one_kl"]], kl, rtol=1e-3)
    agree = 100 * np.mean(mean.argmax(axis=1) == net.argmax(axis=1))
    assert half["agreement"] == pytest.approx(agree, rel=1e-5)


def test_the_unit_that_matters_most_is_found(noisy, problem):
    params = jax.tree.map(np.asarray, noisy.member("none", 0.0).state.params)
    x, y = map(np.asarray, problem.validation)
    hidden = np.maximum(x @ params["dense_1"]["kernel"] + params["dense_1"]["bias"], 0)

    def error(hidden):
        outputs = hidden @ params["dense_2"]["kernel"] + params["dense_2"]["bias"]
        return 100 * np.mean(outputs.argmax(axis=1) != y)

    without = [error(np.delete(np.eye(64), i, 0).sum(0) * hidden) for i in range(64)]
    found = subnets.worst_removal(params, *problem.validation)
    assert found == pytest.approx(max(without) - error(hidden), abs=1e-3)


def test_both_kinds_of_shrinkage_are_minima_and_walks():
    found = quadratic.shrink()
    np.testing.assert_allclose(found.descended, found.formula, atol=1e-5)
    # Where h = a, the penalty halves a weight, and descent leaves about 1 - 1/e.
    at = np.abs(found.curvatures - 0.1).argmin()
    assert found.penalized[at] == pytest.approx(0.5, abs=1e-3)
    assert found.formula[at] == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_every_problem_is_reported_at_once(capsys, tmp_path):
    with pytest.raises(SystemExit) as error:
        regularization.main(["--seeds", "1", "--noise", "1.5", "--folds", "3"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "noise should be" in message
    assert "no option --folds" in message
    assert regularization.main(["--devices", "99", "--out", str(tmp_path)]) == 2
    assert "devices=99 are more than the 8 there are" in capsys.readouterr().err
