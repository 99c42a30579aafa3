"""The learning-rate experiment end to end, small enough for every commit."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

from experiments import learning_rate
from experiments.learning_rate import (
    importance,
    ladder,
    lecture,
    parabola,
    ripples,
    valley,
)
from experiments.learning_rate.config import Config

WORDS = "--quick --epochs 40 --width 16 --points 64 --seeds 2 --settings 32 "
WORDS += "--settings-epochs 5 --devices 2 --no-progress"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("learning_rate")
    status = learning_rate.main([*WORDS.split(), "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(status=status, out=out, **record)


def test_it_ends_well_and_every_exact_claim_holds(small):
    assert small.status == 0
    assert all(check["ok"] for check in small.checks)
    exact = [claim for claim in small.claims if claim["exact"]]
    assert [claim["verdict"] for claim in exact] == ["holds"] * 4
    ours = [claim["ours"] for claim in exact]
    np.testing.assert_allclose(ours[0], [-0.2, 0.28, 0.568], rtol=1e-5)
    np.testing.assert_allclose(ours[1], [2.2, 0.28, 1.432], rtol=1e-5)
    np.testing.assert_allclose(ours[2], [3.4, -1.88, 4.456], rtol=1e-5)
    assert len(small.claims) == 19
    assert len({claim["statement"] for claim in small.claims}) == 19


def test_the_result_has_what_was_trained(small):
    metrics = small.metrics
    # 25 rates and the lecture's three, with seeds to choose by and seeds to judge by.
    assert metrics["members"] == 28 * 4
    assert small.data["sizes"] == {"train": 64, "validation": 256}
    rates = [metrics[f"{name}_rate"] for name in ("low", "good", "high", "very_high")]
    assert rates == sorted(rates)
    assert len(metrics["per_seed"]["good_loss"]) == 2
    # A very large rate ends in no loss at all.
    assert small.claims[-3]["statement"] == "very high: share above start"
    assert small.claims[-3]["ours"] > 0.5


def test_the_figures_show_something(small):
    for name in (
        "parabola",
        "stability",
        "valley",
        "steepest",
        "ladder",
        "importance",
    ):
        image = imread(small.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.7, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_a_step_on_the_parabola_multiplies_the_distance():
    for rate, path in parabola.slides().items():
        distance = -2.0 * (1 - 2 * rate) ** np.arange(1, 5)
        np.testing.assert_allclose(path - 1.0, distance, rtol=1e-5)
    # 0.6^9 is 0.0101, and 0.6^10 is 0.006.
    assert parabola.steps_to(0.01, 0.2) == 10
    assert parabola.steps_to(0.01, 0.5) == 1
    assert parabola.steps_to(0.01, 1.1) is None


def test_stability_is_the_spectral_radius_of_a_step():
    found = parabola.stability(rates=41, momenta=4)
    assert found.factors.shape == (4, 40)
    for i, momentum in enumerate(found.momenta):
        for j, rate in enumerate(found.rates):
            # (distance, last move) -> the same a step later, with curvature 2.
            matrix = [[1 - 2 * rate, momentum], [-2 * rate, momentum]]
            radius = np.abs(np.linalg.eigvals(matrix)).max()
            # With complex eigenvalues the size swings about that of its mean.
            assert found.factors[i, j] == pytest.approx(radius, rel=0.03, abs=1e-6)


def test_the_bound_is_two_over_the_curvature_and_more_with_momentum():
    found = parabola.stability(rates=401, momenta=10)
    step = found.rates[1] - found.rates[0]
    due = 1.0 + found.momenta
    assert np.abs(found.bounds() - due).max() <= 1.01 * step
    np.testing.assert_allclose(parabola.bound(found.momenta), due, rtol=1e-6)


def test_descent_in_the_valley_goes_each_way_by_its_own_curvature():
    steps = np.arange(valley.STEPS + 1)[:, None]
    for rate, path in valley.paths().items():
        due = np.array(valley.START) * (1 - rate * np.array([1.0, 10.0])) ** steps
        np.testing.assert_allclose(path, due, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            valley.heights(path), path[:, 0] ** 2 / 2 + 5 * path[:, 1] ** 2, rtol=1e-5
        )


def test_the_best_direction_is_that_of_the_trust_region():
    found = valley.steepest(seed=3, points=4)
    where = jax.random.uniform(jax.random.key(3), (4, 2), minval=-4.0, maxval=4.0)
    curvatures = np.array([1.0, 10.0])
    for point, angles in zip(np.asarray(where, float), found.angles, strict=True):
        for length, angle in zip(found.lengths, angles, strict=True):
            # The lowest point on a circle: (H + m) d = -H p with |d| = length, by
            # bisection for m; none here is so long that the minimum is inside.
            low, high = -1.0 + 1e-9, 1e6
            for _ in range(200):
                m = (low + high) / 2
                d = -curvatures * point / (curvatures + m)
                low, high = (m, high) if np.linalg.norm(d) > length else (low, m)
            down = -curvatures * point
            cosine = d @ down / np.linalg.norm(d) / np.linalg.norm(down)
            due = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            # Directions are 0.1 degrees apart, and float32 heights blur short steps.
            assert angle == pytest.approx(due, abs=0.1 + 0.004 / float(length))


def test_the_gradient_by_hand_is_the_automatic_one_and_a_difference_quotient():
    points = jnp.asarray(ripples.grid(5))
    by_hand = np.asarray(ripples.by_hand(points))
    np.testing.assert_allclose(ripples.automatic(points), by_hand, atol=1e-5)
    p, step = np.asarray(points, float), 1e-6
    for axis in (0, 1):
        move = step * np.eye(2)[axis]
        above, below = (np.sin(((p + s * move) ** 2).sum(1)) for s in (1, -1))
        np.testing.assert_allclose(
            by_hand[:, axis], (above - below) / (2 * step), atol=1e-4
        )


def test_the_four_rates_are_chosen_by_the_rules():
    rates = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
    losses = np.array([[9, 9], [8, 8], [5, 5], [4, 3], [6, 1], [1, np.inf]], float)
    losses = np.concatenate([losses, np.full((1, 2), np.inf)])
    # 0.3 and 1 have the same mean, and the first of them is taken; 3 loses a seed.
    due = {"low": 1, "good": 3, "high": 4, "very high": 6}
    assert ladder.choose(rates, losses) == due
    with pytest.raises(ValueError, match="7 rates are without divergence and 0 with"):
        ladder.choose(rates, np.ones((7, 2)))


def test_the_largest_curvature_is_that_of_the_hessian():
    matrix = np.random.default_rng(0).normal(size=(6, 6))
    hessian = matrix @ matrix.T

    def loss(params):
        w = jnp.concatenate([params["a"], params["b"]])
        return 0.5 * w @ jnp.asarray(hessian, jnp.float32) @ w

    params = {"a": jnp.ones(2), "b": jnp.arange(4.0)}
    found = float(ladder.largest_curvature(loss, params))
    assert found == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-4)


def test_a_ladder_judges_by_seeds_that_did_not_choose():
    config = Config(
        width=4, points=16, epochs=10, batch_size=4, rates=7, seeds=2, devices=2
    )
    climbed = ladder.climb(config)
    curves = climbed.sweep.runs.curves["train_loss"].reshape(10, 4, 10)
    due = np.where(np.isfinite(curves), curves, np.inf)[:, 2:]
    np.testing.assert_array_equal(climbed.train, due)
    # Four steps with a rate of 0.001 hardly change the loss of the initial net, which
    # is another one for each seed.
    np.testing.assert_allclose(climbed.train[0, :, 0], climbed.first, rtol=0.05)
    assert abs(climbed.first[0] / climbed.first[1] - 1) > 0.07
    assert climbed.curvature.shape == (2,)
    chosen = climbed.rates[list(climbed.rungs.values())]
    assert {0.2, 0.8, 1.1} < set(climbed.rates.tolist())
    assert (np.diff(chosen[1:]) >= 0).all()


def test_omega_squared_is_the_share_that_is_explained():
    rng = np.random.default_rng(0)
    matters, does_not = rng.random((2, 4000))
    # Variances 1/12 and 1/12 of uniform numbers: half is explained.
    losses = matters + rng.random(4000)
    assert importance.omega_squared(matters, losses) == pytest.approx(0.5, abs=0.03)
    assert importance.omega_squared(does_not, losses) == pytest.approx(0.0, abs=0.01)
    two = np.tile([16, 64], 2000)
    shifted = losses + (two == 64)
    # Two equal groups a distance of 1 apart have a variance of 1/4.
    due = 0.25 / (0.25 + 1 / 6)
    assert importance.omega_squared(two, shifted) == pytest.approx(due, abs=0.03)


def test_what_explains_nothing_has_a_share_around_zero_with_few_settings():
    rng = np.random.default_rng(1)
    shares = [importance.omega_squared(*rng.random((2, 64))) for _ in range(400)]
    # Their standard deviation is 0.06; with chance left in, the mean would be 0.1.
    assert abs(np.mean(shares)) < 0.012


def test_epochs_to_learn_are_counted_from_one():
    losses = np.array([[0.5, 0.1, 0.3], [0.1, 0.1, 0.1], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(lecture._epochs_to(losses), [2, 1, 3])


def test_every_problem_is_reported_at_once(capsys, tmp_path):
    with pytest.raises(SystemExit) as error:
        learning_rate.main(
            ["--seeds", "1", "--points", "8", "--batch-size", "9", "--rate", "3"]
        )
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert "seeds=1 gives no interval" in message
    assert "batch_size=9 is larger than points=8" in message
    assert "no option --rate. Did you mean --rates?" in message
    assert learning_rate.main(["--devices", "99", "--out", str(tmp_path)]) == 2
    assert "devices=99 are more than the 8 there are" in capsys.readouterr().err
