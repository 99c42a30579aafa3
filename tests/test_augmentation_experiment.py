"""The augmentation experiment, and its transforms against SciPy and closed forms."""

import json
from collections import Counter
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread
from scipy import ndimage
from sklearn.datasets import load_digits

from experiments import augmentation
from experiments.augmentation import data, geometry, seeds, training
from experiments.augmentation.config import Config
from experiments.augmentation.transforms import (
    TRANSFORMS,
    augment,
    augment_each,
    augmented,
    noise,
    occlude,
    reflect,
)
from jaxnet.checks import LayerError

STRONG = {
    "translate": 1.7,
    "rotate": 50.0,
    "reflect": 0.5,
    "scale": 0.4,
    "crop": 0.3,
    "noise": 0.3,
    "occlude": 3.0,
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One run from the command line: exit status, files and what they say."""
    out = tmp_path_factory.mktemp("augmentation")
    status = augmentation.main(["--quick", "--seeds", "2", "--out", str(out)])
    record = json.loads((out / "result.json").read_text())
    return SimpleNamespace(
        status=status, out=out, record=record, metrics=record["metrics"]
    )


@pytest.fixture(scope="module")
def images():
    """Not square, so that rows and columns cannot be exchanged unseen."""
    return np.random.default_rng(0).uniform(0.1, 1.0, (5, 7, 10)).astype(np.float32)


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(1).uniform(-1, 1, (2, 5)).astype(np.float32)


def test_all_checks_hold_and_claims_are_complete(quick):
    assert quick.status == 0
    assert all(check["ok"] for check in quick.record["checks"])
    claims = quick.record["claims"]
    assert len(claims) == 28
    assert {claim["lecture"] for claim in claims} == {"002"}
    assert all(len(claim["statement"]) <= 50 for claim in claims)
    assert quick.record["data"]["sizes"] == {
        "train": 150,
        "validation": 201,
        "test": 997,
    }


def test_claims_are_differences_paired_over_seeds(quick):
    each = {k: np.array(v) for k, v in quick.metrics["per_seed"].items()}
    ours = {one["statement"]: one["ours"] for one in quick.record["claims"]}
    for statement, due in {
        "rotation helps: test error": each["rotate_of_150"] - each["none_of_150"],
        "four together help, 600 digits": each["together_of_600"] - each["none_of_600"],
        "interpolation helps: linear - nearest": each["together_of_150"]
        - each["nearest_of_150"],
        "few digits gain more than many": each["together_of_50"]
        - each["none_of_50"]
        - each["together_of_600"]
        + each["none_of_600"],
        "150 augmented as good as 600 digits": each["together_of_150"]
        - each["none_of_600"],
        "no invariance: occlusion": each["none_on_occlude"] - each["none_on_plain"],
        "learned from data: scaling": each["scale_on_scale"] - each["none_on_scale"],
    }.items():
        assert ours[statement] == pytest.approx(due.mean(), abs=1e-9), statement


def test_the_figures_show_something(quick):
    for name in ("digits", "gains", "invariance", "sizes"):
        image = imread(quick.out / f"{name}.png")[..., :3]
        assert min(image.shape[:2]) >= 600
        drawn = (image < 0.9).any(axis=-1).mean()
        assert 0.005 < drawn < 0.9, f"{name}: {drawn:.3f} of the pixels are drawn on"


def test_the_error_of_a_net_is_that_of_its_weights_by_numpy(quick):
    del quick  # Its program is there already.
    config = Config(epochs=3)
    problem = data.load(config, 1)
    nets = training.study(config, problem, 1)
    assert {size: len(of) for size, of in nets.items()} == {50: 6, 150: 18, 600: 6}
    x, y = map(np.asarray, problem.validation)
    for size, one in ((50, ("none", 0.0)), (150, ("crop", 0.1)), (600, ("none", 0.0))):
        trained = nets[size][one]
        first, last = (
            layer for layer in trained.state.params.values() if isinstance(layer, dict)
        )
        hidden = np.maximum(x.reshape(len(x), 64) @ first["kernel"] + first["bias"], 0)
        answers = (hidden @ last["kernel"] + last["bias"]).argmax(axis=1)
        due = 100.0 * (answers != y).mean()
        # One digit of them, where two answers are as good to rounding.
        assert trained.error == pytest.approx(due, abs=100.0 / len(y) + 1e-4)
    errors = [nets[size]["none", 0.0].error for size in (50, 150, 600)]
    assert len(set(errors)) == 3


def test_the_weakest_of_the_best_strengths_is_chosen():
    strengths = training.STRENGTHS["rotate"]
    nets = {150: {("rotate", s): training.Trained(8.0, None) for s in strengths}}
    assert training.chosen(nets, 150, "rotate") == strengths[0]
    nets[150]["rotate", strengths[0]] = training.Trained(float("nan"), None)
    assert training.chosen(nets, 150, "rotate") == strengths[1]


def test_training_sets_hold_each_other_and_no_digit_of_the_test_set():
    config = Config()
    problem = data.load(config, 3)
    rows = {size: _rows(x) for size, (x, _) in problem.train.items()}
    # All as often: 12 times, and 4 times.
    assert set(Counter(rows[50]).values()) == {12}
    assert set(Counter(rows[150]).values()) == {4}
    assert set(rows[50]) < set(rows[150]) < set(rows[600])
    assert len(rows[50]) == len(rows[150]) == len(rows[600]) == 600
    # Shares of ten digits are rounded, and one image is there twice.
    everything = _rows(load_digits().images.astype(np.float32) / 16)
    held = _rows(problem.validation[0]) + _rows(problem.test[0])
    assert abs(len(set(rows[600])) - 600) <= 5
    assert len(set(rows[600]) & set(held)) <= 1
    assert set(rows[600]) | set(held) == set(everything)
    counts = np.bincount(problem.train[150][1][:150])
    assert set(counts) <= {14, 15, 16}


def test_translation_is_scipys_shift(images, draws):
    moved = geometry.warp(images, geometry.translations(draws, images.shape, 2.5))
    for image, ours, shift in zip(images, moved, 2.5 * draws.T, strict=True):
        due = ndimage.shift(image, shift, order=1, mode="grid-constant")
        # Places are in float32: to 1e-6 of a pixel.
        np.testing.assert_allclose(ours, due, atol=1e-5)


def test_rotation_is_scipys(images, draws):
    turned = geometry.warp(images, geometry.rotations(draws, images.shape, 70.0))
    for image, ours, angle in zip(images, turned, 70.0 * draws[0], strict=True):
        due = ndimage.rotate(
            image, float(angle), reshape=False, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(ours, due, atol=1e-5)


@pytest.mark.parametrize("nearest", [0, 1])
def test_maps_one_after_the_other_are_one_affine_transform(images, draws, nearest):
    maps = geometry.compose(
        geometry.scalings(draws, images.shape, 0.5),
        geometry.compose(
            geometry.rotations(draws, images.shape, 40.0),
            geometry.translations(draws[::-1], images.shape, 2.0),
        ),
    )
    warped = geometry.warp(images, maps, float(nearest))
    center = (np.array(images.shape[1:]) - 1) / 2
    for i, (image, ours) in enumerate(zip(images, warped, strict=True)):
        # What is done last to the image comes first to a place of the new one.
        angle = np.deg2rad(40.0 * draws[0, i])
        turn = np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )
        matrix = 1.5 ** -draws[0, i] * turn
        offset = center - matrix @ (center + 2.0 * draws[::-1][:, i])
        due = ndimage.affine_transform(
            image, matrix, offset, order=1 - nearest, mode="grid-constant"
        )
        np.testing.assert_allclose(ours, due, atol=1e-5)


def test_a_crop_is_a_window_inside_that_fills_the_image(images, draws):
    cropped = geometry.warp(images, geometry.crops(draws, images.shape, 0.5))
    center = (np.array(images.shape[1:]) - 1) / 2
    for i, (image, ours) in enumerate(zip(images, cropped, strict=True)):
        shift = 0.25 * np.array(images.shape[1:]) * draws[:, i]
        due = ndimage.affine_transform(
            image, [0.5, 0.5], center + shift - 0.5 * center, order=1,
            mode="grid-constant",
        )  # fmt: skip
        np.testing.assert_allclose(ours, due, atol=1e-5)
    corners = np.full((2, 4), 1.0), -np.full((2, 4), 1.0)
    for at, end in zip(corners, (1.0, -1.0), strict=True):
        maps = geometry.crops(jnp.asarray(at), (4, 8, 12), 0.25)
        # The window's edge is that of the image: half a pixel from the last center.
        edge = maps[:2, :, 0] @ jnp.array([4.0 * end, 6.0 * end, 1.0])
        np.testing.assert_allclose(edge, [4.0 * end, 6.0 * end], rtol=1e-6)


def test_reflection_twice_is_the_identity(key, images):
    keys = jax.random.split(key)
    once = reflect(keys[0], images, 1.0)
    np.testing.assert_array_equal(once, images[:, :, ::-1])
    np.testing.assert_array_equal(reflect(keys[1], once, 1.0), images)


def test_as_many_are_reflected_as_its_probability_says(key):
    images = jnp.tile(jnp.arange(3.0), (4000, 2, 1))
    reflected = (reflect(key, images, 0.3)[:, 0, 0] == 2.0).mean()
    # Four standard deviations of the share.
    assert reflected == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / 4000))


@pytest.mark.parametrize("side", [0, 1, 3, 7])
def test_occlusion_covers_a_square_of_just_its_side(key, side):
    images = jnp.ones((200, 7, 9, 2))
    hidden = np.asarray(jax.jit(occlude)(key, images, float(side))) == 0
    assert (hidden[..., 0] == hidden[..., 1]).all()
    rows, columns = hidden[..., 0].any(axis=2), hidden[..., 0].any(axis=1)
    assert (hidden[..., 0].sum(axis=(1, 2)) == side**2).all()
    assert (rows.sum(axis=1) == side).all()
    assert (columns.sum(axis=1) == side).all()
    if side:
        # Every place that there is.
        assert set(columns.argmax(axis=1)) == set(range(9 - side + 1))
        assert set(rows.argmax(axis=1)) == set(range(7 - side + 1))


def test_noise_has_its_variance_and_is_new_in_every_pixel(key):
    x = jnp.full((500, 8, 8), 0.5)
    added = np.asarray(noise(key, x, 0.3)) - 0.5
    # The deviation of a variance of n draws is sqrt(2 / n) of it; four of them.
    n = added.size
    assert added.var() == pytest.approx(0.09, rel=4 * np.sqrt(2 / n))
    assert added.mean() == pytest.approx(0.0, abs=4 * 0.3 / np.sqrt(n))
    assert len(np.unique(added)) > 0.99 * n


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_draws_for_each_image_and_leaves_all_at_strength_zero(
    key, name
):
    x = jnp.tile(jax.random.uniform(jax.random.key(5), (1, 6, 9, 2)), (40, 1, 1, 1))
    keys = jax.random.split(key, 3)
    run = jax.jit(TRANSFORMS[name])
    np.testing.assert_array_equal(run(keys[0], x, 0.0), x)
    changed = np.asarray(run(keys[1], x, STRONG[name]))
    assert changed.shape == x.shape
    kinds = len(np.unique(changed.reshape(40, -1), axis=0))
    assert kinds == 2 if name == "reflect" else kinds > 15
    other = run(keys[2], x, STRONG[name])
    assert np.abs(other - changed).max() > 0.05


def test_augment_with_strengths_of_zero_is_the_identity(key, images):
    zeros = dict.fromkeys(TRANSFORMS, 0.0)
    for nearest, one in enumerate(jax.random.split(key)):
        same = jax.jit(augment)(one, images, zeros, float(nearest))
        np.testing.assert_array_equal(same, images)


def test_traced_strengths_under_vmap_are_the_same_as_known_ones(key, images):
    settings = [{}, {"rotate": 30.0}, STRONG, STRONG]
    nearest = [0.0, 0.0, 0.0, 1.0]
    keys = [jax.random.clone(key) for _ in settings]
    together = jax.jit(lambda key: augment_each(key, images, settings, nearest))(key)
    np.testing.assert_array_equal(together[0], images)
    for one, setting, rounded, ours in zip(
        keys, settings, nearest, together, strict=True
    ):
        alone = augment(one, images, setting, rounded)
        np.testing.assert_allclose(ours, alone, atol=1e-5)
    assert np.abs(together[2] - together[3]).max() > 0.05


def test_the_layer_changes_images_in_training_only(key, images):
    layer = augmented({"translate": 1.0, "noise": 0.1})
    init_key, train_key = jax.random.split(key)
    params, state = layer.init(init_key, images)
    assert (params, state) == ((), ())
    kept, _ = layer.apply(params, state, images)
    assert kept is images
    copy = jax.random.clone(train_key)
    changed, _ = layer.apply(params, state, images, train=True, key=train_key)
    due = augment(copy, images, {"translate": 1.0, "noise": 0.1})
    np.testing.assert_array_equal(changed, due)
    with pytest.raises(LayerError, match="needs a key"):
        layer.apply(params, state, images, train=True)
    with pytest.raises(ValueError, match="Did you mean 'rotate'"):
        augmented({"rotat": 3.0})


def test_every_setting_turns_on_what_its_name_says():
    config = Config(epochs=3)
    off = dict.fromkeys(TRANSFORMS, 0.0)
    off |= {"nearest": 0.0, "width": 64, "steps": 60}
    half = {name: 0.5 * middle for name, middle in training.MIDDLE.items()}
    for kind, strength, on in (
        ("none", 0.0, {}),
        ("rotate", 20.0, {"rotate": 20.0}),
        ("together", 0.5, half),
        ("nearest", 0.5, half | {"nearest": 1.0}),
    ):
        assert training.setting(config, kind, strength) == off | on


def test_moved_digits_are_moved_by_one_whole_pixel():
    images = np.arange(1.0, 1.0 + 5 * 3 * 4, dtype=np.float32).reshape(5, 3, 4)
    moved = seeds.moved(images)
    for i, shift in enumerate([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 0)]):
        due = ndimage.shift(images[i], shift, order=0)
        np.testing.assert_array_equal(moved[i], due)


def test_arguments_that_make_no_sense_are_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        augmentation.main(["--seeds", "1", "--examples", "400"])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "seeds=1 gives no interval" in said
    assert "examples should be at least 60 and below 301" in said


def _rows(images):
    return [row.tobytes() for row in np.asarray(images)]
