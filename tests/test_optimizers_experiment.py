"""The optimizers experiment: beside recurrences by hand, and end to end."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.image import imread

import jaxnet
from experiments import optimizers
from experiments.optimizers import (
    adagrad,
    contours,
    momentum,
    noise,
    race,
    reddi,
    wilson,
)
from experiments.optimizers.batches import Runs
from experiments.optimizers.rules import RULES, any_rule, descend, one_of
from experiments.sweep import digits

FIGURES = ("batches", "paths", "momentum", "adaptive", "race")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("optimizers")
    status = optimizers.main(["--quick", "--devices", "2", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(
        status=status, out=out, record=record, metrics=record["metrics"]
    )


def test_all_checks_hold_and_the_result_is_complete(quick):
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    assert quick.record["data"]["sizes"]["train"] == 1078
    assert quick.record["config"]["seeds"] == len(quick.metrics["splits"]) == 3
    claims = {claim["statement"]: claim for claim in quick.record["claims"]}
    assert all(len(statement) <= 52 for statement in claims)
    assert all(len(claim["said"]) <= 20 for claim in claims.values())
    printed = claims["eq. (4) as first printed, w for the new v, moves x"]
    assert (printed["ours"], printed["verdict"]) == (0, "does not hold")


def test_the_main_findings_do_not_hang_on_the_seed(quick):
    metrics = quick.metrics
    assert metrics["noise_exponent"] == pytest.approx(-0.5, abs=0.03)
    assert metrics["overshoot_nesterov"] < 0.4 < 0.9 < metrics["overshoot_momentum"]
    more = metrics["more"]
    assert more["game_theorem_adam"] > 0.9 > -0.9 > more["game_theorem_amsgrad"]
    assert more["wilson_accuracy_sgd"] == 100 > 80 > more["wilson_accuracy_adam"]
    assert more["steps_valley_newton"] < 10 < more["steps_valley_nesterov"]
    # More examples make fewer steps of more epochs.
    assert more["epochs_with_one"] < more["epochs_with_some"] < more["epochs_with_all"]
    assert more["steps_with_one"] > more["steps_with_some"] > more["steps_with_all"]
    assert 0 < metrics["test_error_adam"] < 15


def test_the_figures_show_something(quick):
    for name in FIGURES:
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.5, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_a_run_of_the_race_is_that_of_the_rule_alone(quick):
    i = RULES.index("adam")
    epochs = quick.record["config"]["epochs"]
    problem = digits.load(1)
    split = quick.metrics["splits"][1]
    best = split["best"][i]

    def build(h):
        return jaxnet.Task(
            jaxnet.mlp(race.WIDTH, 10),
            jaxnet.softmax_cross_entropy,
            jaxnet.optimizer("adam", h["learning_rate"]),
            metrics={"accuracy": jaxnet.accuracy},
        )

    key = jax.random.split(jax.random.fold_in(jax.random.key(1), 2))[1]
    alone = jaxnet.fit(
        build,
        {"learning_rate": 10.0 ** (-3 + 0.5 * best)},
        problem.train,
        problem.validation,
        key=jax.random.fold_in(key, 0),
        epochs=epochs,
        progress=False,
    )
    # Adam divides small numbers, and rounding grows with every step.
    assert split["losses"][i][best] == pytest.approx(
        alone.history["validation_loss"][-1], rel=1e-3
    )
    tested = alone.evaluate(problem.test)
    assert split["test_loss"][i] == pytest.approx(tested["loss"], rel=1e-3)
    assert split["test_error"][i] == pytest.approx(
        100 * (1 - tested["accuracy"]), abs=100 / 360 + 1e-3
    )
    assert min(split["losses"][i]) == split["losses"][i][best]


@pytest.mark.parametrize("name", ["momentum", "adadelta", "amsgrad"])
def test_one_of_all_rules_is_that_rule(name):
    start = jnp.array([1.0, -2.0])

    def gradient(x):
        return jnp.array([1.0, 7.0]) * x

    chosen = any_rule(float(RULES.index(name)), 0.1)
    found = descend(gradient, chosen, start, 9)
    due = descend(gradient, jaxnet.optimizer(name, 0.1), start, 9)
    # Compiled in one piece and in several, products are rounded elsewhere.
    np.testing.assert_allclose(found, due, rtol=1e-4, atol=1e-6)


def test_a_rule_that_does_not_count_may_be_infinite():
    rule = one_of([optax.sgd(jnp.inf), optax.sgd(0.5)], jnp.float32(1))
    update, _ = rule.update(jnp.zeros(1), rule.init(jnp.zeros(1)))
    np.testing.assert_array_equal(update, [0.0])


def test_momentum_and_nesterov_are_their_recurrences_of_second_order():
    rate, u, due = 0.3, 0.9, {"momentum": [1.0, 0.7], "nesterov": [1.0, 0.7]}
    for _ in range(30):
        (a, b), (c, d) = due["momentum"][-2:], due["nesterov"][-2:]
        due["momentum"].append((1 + u - rate) * b - u * a)
        due["nesterov"].append((1 - rate) * (d + u * (d - c)))
    for rule, places in due.items():
        found, _ = momentum.walk(rule, lambda x: x, np.ones(1), rate, 31)
        np.testing.assert_allclose(found[:, 0], places, atol=1e-12)
        over = momentum.overshoot(rule, np.array([rate]), 31)
        assert over[0] == pytest.approx(-min(places))


def test_the_printed_slip_moves_nothing_and_the_library_is_the_slide():
    assert momentum.moved_as_printed() == 0.0
    assert momentum.same_as_library(20) < 1e-5


@pytest.mark.parametrize("rule", momentum.FAST)
def test_the_speed_is_the_spectral_radius_of_a_step(rule):
    condition = np.array([10.0, 100.0])
    rates, us = momentum.best_numbers(rule, condition)
    for k, rate, u, due in zip(
        condition, rates, us, momentum.formula(rule, condition), strict=True
    ):
        radii = []
        for curvature in np.geomspace(1, k, 50):
            shrink = 1 - rate * curvature
            if rule == "nesterov":
                row = [shrink * (1 + u), -shrink * u]
            else:
                row = [shrink + u, -u]
            radii.append(abs(np.linalg.eigvals([row, [1, 0]])).max())
        # A double root of the polynomial is found to the root of the rounding.
        assert max(radii) == pytest.approx(due, rel=1e-6)


def test_the_measured_speed_is_the_formulas():
    condition = np.array([10.0, 100.0])
    for rule, rates in momentum.shrinking(condition, range(2)).items():
        found = momentum.steps_for_a_tenth(rates).mean(axis=1)
        due = momentum.steps_for_a_tenth(momentum.formula(rule, condition))
        # Where two roots meet, momentum is slower by log(2) over half of the way.
        np.testing.assert_allclose(found, due, rtol=0.06)


def test_a_race_in_a_bowl_takes_the_steps_of_the_closed_form():
    found = contours.race_all(range(3))
    race_ = found["along"]
    rate = race_.rates["sgd"]
    for start, steps in zip(race_.starts, race_.steps["sgd"], strict=True):
        t = np.arange(1000)[:, None]
        x = (1 - rate * np.array([1.0, contours.CONDITION])) ** t * start
        values = 0.5 * (x[:, 0] ** 2 + contours.CONDITION * x[:, 1] ** 2)
        late = np.flatnonzero(values >= contours.ENOUGH)[-1] + 1
        assert abs(steps - late) <= 1  # A value may be equal to rounding.
    np.testing.assert_array_equal(found["across"].steps["newton"], 1)
    # Adagrad sees the axes: turning the bowl is all that has changed.
    slow = found["across"].steps["adagrad"].mean()
    assert race_.steps["adagrad"].mean() < 0.2 * slow


@pytest.mark.parametrize("name", contours.SURFACES)
def test_the_minimum_of_a_surface_is_zero(name):
    surface = contours.SURFACES[name]
    at = jnp.array(surface.minimum)
    assert float(surface.value(at)) == 0.0
    np.testing.assert_allclose(jax.grad(surface.value)(at), 0.0, atol=1e-6)
    assert float(surface.value(at + 0.1)) > contours.ENOUGH


def test_the_noise_is_the_formulas_and_zero_with_all_examples(key):
    centred = np.asarray(jax.random.normal(key, (64, 30)))
    centred = centred - centred.mean(axis=0)
    single = np.sqrt(np.mean(np.sum(centred**2, axis=1)))
    sizes, rng = np.array([1, 4, 16, 64]), np.random.default_rng(0)
    replaced = noise.draws(centred, sizes, rng, True) / single
    unreplaced = noise.draws(centred, sizes, rng, False) / single
    # 50 draws of a norm with 30 directions spread by about 1 / sqrt(50 * 60).
    np.testing.assert_allclose(replaced, sizes**-0.5, rtol=0.1)
    np.testing.assert_allclose(unreplaced[:3], noise.shares(sizes, 64)[:3], rtol=0.1)
    assert unreplaced[3] < 1e-6
    exact = noise.Noise(sizes, np.stack([sizes**-0.5, sizes**-0.25]), unreplaced)
    np.testing.assert_allclose(exact.slopes(), [-0.5, -0.25])


def test_the_clock_stops_where_the_loss_is_first_below_the_target():
    losses = np.array([[0.5, 0.09, 0.2], [0.5, 0.4, 0.3]])
    seconds = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    runs = Runs(0.1, np.array([5, 10, 15]), np.array([1, 2, 3]), seconds, losses)
    np.testing.assert_array_equal(runs.until(runs.epochs), [10, 15])
    np.testing.assert_array_equal(runs.until(runs.seconds), [2.0, 6.0])


@pytest.mark.parametrize("player", ["adam", "amsgrad"])
@pytest.mark.parametrize("name", ["theorem", "rare"])
def test_a_game_is_the_algorithm_written_out(player, name):
    game, rounds = reddi.GAMES[name], 300
    slopes = reddi.slopes(game, rounds, 0)
    which = jnp.float32(reddi.PLAYERS.index(player))
    found = jax.jit(reddi.play)(reddi.Game(*map(jnp.float32, game)), slopes, which)
    x, m, r, largest, due = 0.0, 0.0, 0.0, 0.0, []
    for t, slope in enumerate(np.asarray(slopes, float), start=1):
        m = game.b1 * m + (1 - game.b1) * slope
        r = game.b2 * r + (1 - game.b2) * slope**2
        largest = max(largest, r)
        kept = r if player == "adam" else largest
        step = m / (1 - game.b1**t) / (np.sqrt(kept / (1 - game.b2**t)) + 1e-8)
        x = np.clip(x - game.rate / np.sqrt(t) * step, -1, 1)
        due.append(x)
    # 1 - b2^t is rounded in float32, by up to 6e-5; see `jaxnet.optimizer`.
    np.testing.assert_allclose(found, due, atol=2e-3)


def test_every_game_is_best_lost_at_minus_one():
    for name, game in reddi.GAMES.items():
        assert game.mean > 0, name
        drawn = np.asarray(reddi.slopes(game, 20_000, 3))
        error = 4 * drawn.std() / np.sqrt(len(drawn))
        assert abs(drawn.mean() - game.mean) < error, name


def test_wilsons_problem_has_the_property_of_their_lemma():
    problem = wilson.draw(40, 0)
    sign = np.sign(problem.x.T @ problem.y)
    used = abs(problem.x).sum(axis=0) > 0
    assert (sign[used] != 0).all()
    np.testing.assert_array_equal(problem.x @ sign, 4 * problem.y)


def test_gradient_descent_finds_the_least_norm_and_adam_a_multiple_of_the_sign():
    found = wilson.solve_all(range(2))
    for seed in range(2):
        problem = wilson.draw(wilson.EXAMPLES, seed)
        least = np.linalg.pinv(problem.x) @ problem.y
        np.testing.assert_allclose(found["sgd"].weights[seed], least[:3], atol=1e-4)
        np.testing.assert_allclose(found["adam"].weights[seed], 0.25, atol=1e-4)
    np.testing.assert_array_equal(found["adam"].accuracy, found["adam"].always)
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    assert wilson.accuracy(np.array([1.0, 0.1, 0.1]), labels) == 100
    assert wilson.accuracy(np.array([0.1, 1.0, 0.1]), labels) == 50


def test_adagrads_and_rmsprops_multipliers_are_their_formulas():
    walk = adagrad.measure(range(2), steps=5)
    steep, flat = adagrad.STEEP**2, adagrad.FLAT**2
    squares = np.where(np.arange(adagrad.STEPS) < adagrad.STEEP_STEPS, steep, flat)
    # Sums of a thousand numbers in float32.
    np.testing.assert_allclose(
        walk.slope["adagrad"], squares.cumsum() ** -0.5, rtol=1e-5
    )
    mean, due = 0.0, []
    for square in squares:
        mean = 0.99 * mean + 0.01 * square
        due.append(mean**-0.5)
    np.testing.assert_allclose(walk.slope["rmsprop"], due, rtol=1e-4)
    # The first step goes as far in both directions, whatever the slopes.
    start = contours.SURFACES["along"]
    low, high = np.array(start.low), np.array(start.high)
    places = low + (high - low) * np.random.default_rng((0, 2)).random(2)
    slopes = abs(places * [1.0, contours.CONDITION])
    np.testing.assert_allclose(walk.bowl[0, 0], 1 / slopes, rtol=1e-5)


def test_every_problem_is_reported_at_once(capsys, tmp_path):
    with pytest.raises(SystemExit) as error:
        optimizers.main(["--seeds", "1", "--rates", "1", "--rule", "adam"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "rates should be at least 2, got 1" in message
    assert "no option --rule" in message
    assert optimizers.main(["--devices", "99", "--out", str(tmp_path)]) == 2
    assert "devices=99 are more than the 8 there are" in capsys.readouterr().err
