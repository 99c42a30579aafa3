"""The newsgroups experiment on its sample: small, and still it has to learn."""

import dataclasses
import io
import json
import shutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from experiments import newsgroups
from experiments.newsgroups import Config, models, saving
from experiments.newsgroups.checksums import sealed, sums_of
from experiments.newsgroups.comparisons import (
    COMPARED_DROPOUT,
    COMPARED_L2,
    COMPARED_WEIGHT_DECAY,
    DIFFERENCES,
    print_differences,
    variants,
)
from experiments.newsgroups.corpus import load_corpus
from experiments.newsgroups.tables import judge

HYPERS = {
    "model": "lecture",
    "classes": 4,
    "dropout": None,
    "learning_rate": 1e-3,
    "l2": 0.0,
    "weight_decay": 0.0,
    "batch_size": 8,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the command line, and its folder."""
    out = tmp_path_factory.mktemp("newsgroups")
    status = newsgroups.main(["--corpus", "sample", "--seeds", "2", "--out", str(out)])
    return status, out


def test_it_learns_and_records_what_it_ran_on(finished):
    status, out = finished
    record = json.loads((out / "result.json").read_text())
    assert status == 0
    assert record["data"]["name"] == "sample"
    assert record["data"]["comparable"] is False
    assert len(record["data"]["fingerprint"]) == 64
    metrics = record["metrics"]
    assert metrics["test_accuracy"] > 0.35  # Guessing gives 0.05.
    assert len(metrics["test_accuracy_by_seed"]) == 2
    low, high = metrics["test_accuracy_interval"]
    assert low < metrics["test_accuracy"] < high
    assert sum(group["posts"] for group in metrics["groups"]) == 200
    for name in ("confusion", "curves"):
        assert (out / f"{name}.png").stat().st_size > 10_000


def test_a_finished_run_can_be_asked(finished, capsys, monkeypatch):
    _, out = finished
    post = "The goalie stopped thirty shots, and the puck hit the post in overtime."
    assert newsgroups.main(["--ask", post, "--run", str(out)]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.split()[1] == "rec.sport.hockey"
    assert len(others) == 4
    shares = [float(line.split("%")[0]) for line in (first, *others)]
    assert shares == sorted(shares, reverse=True)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(post.encode())))
    newsgroups.main(["--ask=-", "--run", str(out)])
    assert capsys.readouterr().out.splitlines()[0] == first


def test_a_loaded_classifier_says_what_the_run_said(finished):
    _, out = finished
    test = load_corpus("sample").test
    classifier = saving.load(out)
    predicted = classifier.probabilities(test.texts).argmax(axis=1)
    accuracy = np.mean(predicted == test.labels)
    record = json.loads((out / "result.json").read_text())
    assert accuracy == pytest.approx(record["metrics"]["test_accuracy_by_seed"][0])


def test_the_best_model_can_be_saved_and_asked(tmp_path):
    argv = ["--corpus", "sample", "--model", "best", "--out", str(tmp_path)]
    assert newsgroups.main(argv) == 0
    record = json.loads((tmp_path / "result.json").read_text())
    test = load_corpus("sample").test
    predicted = saving.load(tmp_path).probabilities(test.texts).argmax(axis=1)
    accuracy = np.mean(predicted == test.labels)
    assert accuracy == pytest.approx(record["metrics"]["test_accuracy"])
    assert accuracy > 0.35  # Guessing gives 0.05.


def test_an_empty_post_is_classified(finished):
    classifier = saving.load(finished[1])
    (probabilities,) = classifier.probabilities([""])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(), 1.0, rtol=1e-5)


def test_the_same_seed_gives_the_same_numbers():
    config = Config(corpus="sample", epochs=2)
    one, other = (newsgroups.run(config) for _ in range(2))
    assert one.metrics["per_seed"] == other.metrics["per_seed"]
    assert one.metrics["most_confused"] == other.metrics["most_confused"]


def test_dropout_is_compared_over_the_same_seeds():
    config = Config(corpus="sample", epochs=2, seeds=3, compare_dropout=True)
    outcome = newsgroups.run(config)
    gain, per_seed = outcome.metrics["dropout_gain"], outcome.metrics["per_seed"]
    differences = np.subtract(
        per_seed["test_accuracy_with_dropout"],
        per_seed["test_accuracy_without_dropout"],
    )
    assert gain["mean"] == pytest.approx(differences.mean())
    assert gain["low"] < gain["mean"] < gain["high"]
    # Without a rate of its own, the run reported is the one without dropout.
    assert per_seed["test_accuracy"] == per_seed["test_accuracy_without_dropout"]
    other = newsgroups.run(dataclasses.replace(config, dropout=0.4)).metrics
    assert other["dropout_gain"] == gain
    assert other["test_accuracy"] == other["test_accuracy_with_dropout"]
    alone = dataclasses.replace(config, dropout=0.4, compare_dropout=False)
    metrics = newsgroups.run(alone).metrics
    assert metrics["test_accuracy"] == other["test_accuracy"]
    assert "dropout_gain" not in metrics


def test_decay_is_compared_with_none_and_with_the_other_kind():
    config = Config(corpus="sample", epochs=2, seeds=2, l2=0.02, weight_decay=300.0)
    compared = newsgroups.run(dataclasses.replace(config, compare_decay=True)).metrics

    def alone(**decay):
        metrics = newsgroups.run(dataclasses.replace(config, **decay)).metrics
        return metrics["per_seed"]["test_accuracy"]

    per_seed = compared["per_seed"]
    nothing = alone(l2=0.0, weight_decay=0.0)
    l2, decoupled = alone(weight_decay=0.0), alone(l2=0.0)
    assert len({tuple(nothing), tuple(l2), tuple(decoupled)}) == 3
    assert per_seed["test_accuracy"] == nothing
    assert per_seed["test_accuracy_without_decay"] == nothing
    assert per_seed["test_accuracy_with_l2"] == l2
    assert per_seed["test_accuracy_with_weight_decay"] == decoupled
    for name, (a, b) in {
        "l2_gain": (l2, nothing),
        "weight_decay_gain": (decoupled, nothing),
        "weight_decay_minus_l2": (decoupled, l2),
    }.items():
        found, due = compared[name], np.subtract(a, b)
        assert found["mean"] == pytest.approx(due.mean())
        assert found["low"] <= found["mean"] <= found["high"]
        assert found["verdict"] in ("larger", "smaller", "no difference seen")


def test_strengths_are_those_given_or_else_those_that_were_chosen():
    compared = Config(compare_decay=True, seeds=2)
    given = dataclasses.replace(compared, l2=0.5, weight_decay=7.0, dropout=0.1)
    assert variants(given) == {
        "without_decay": {"l2": 0.0, "weight_decay": 0.0},
        "with_l2": {"l2": 0.5, "weight_decay": 0.0},
        "with_weight_decay": {"l2": 0.0, "weight_decay": 7.0},
    }
    chosen = variants(compared)
    assert chosen["with_l2"]["l2"] == COMPARED_L2
    assert chosen["with_weight_decay"]["weight_decay"] == COMPARED_WEIGHT_DECAY
    compared = Config(compare_dropout=True, seeds=2)
    without = ("without_dropout", {"dropout": None})
    assert list(variants(compared).items()) == [
        without,
        ("with_dropout", {"dropout": COMPARED_DROPOUT}),
    ]
    assert list(variants(dataclasses.replace(compared, dropout=0.7)).items()) == [
        ("with_dropout", {"dropout": 0.7}),
        without,
    ]
    assert variants(Config(dropout=0.7)) == {"": {}}


def test_training_accuracy_is_reported_with_dropout_and_without(capsys):
    config = Config(corpus="sample", epochs=8, seeds=2, dropout=0.9)
    metrics = newsgroups.run(config).metrics
    # What is seen in training has nine of ten units missing.
    assert metrics["running_train_accuracy"] < metrics["train_accuracy"] - 0.1
    per_seed = metrics["per_seed"]
    for name in ("train", "running_train"):
        for other in ("test", "validation"):
            due = np.subtract(
                per_seed[f"{name}_accuracy"], per_seed[f"{other}_accuracy"]
            )
            assert metrics[f"{name}_minus_{other}"]["mean"] == pytest.approx(due.mean())
    print_differences(metrics)
    printed = capsys.readouterr().out
    points = f"{100 * metrics['train_minus_test']['mean']:+.2f}"
    (row,) = [line for line in printed.splitlines() if line.startswith("train_minus_t")]
    assert row.split()[1] == points
    assert metrics["train_minus_test"]["verdict"] in row


def test_one_seed_has_no_differences(capsys):
    metrics = newsgroups.run(Config(corpus="sample", epochs=1)).metrics
    assert not set(DIFFERENCES) & set(metrics)
    print_differences(metrics)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("dropout", [None, 0.4])
def test_the_low_level_model_is_the_lectures(key, dropout):
    easy, hard = models.lecture(4, dropout), models.low_level(4, dropout)
    x = jax.random.normal(key, (6, 10))
    params, state = easy.init(jax.random.key(1), x)
    matrices = {
        f"{letter}{i}": params[f"dense_{i}"][name]
        for i in (1, 2, 3)
        for letter, name in (("W", "kernel"), ("b", "bias"))
    }
    due, _ = easy.apply(params, state, x)
    # The same products in the same order: at most the last bit differs.
    chex.assert_trees_all_close(hard.apply(matrices, (), x)[0], due, rtol=1e-6)
    own, _ = hard.init(jax.random.key(2), x)
    chex.assert_trees_all_equal_shapes(own, matrices)
    for name, leaf in own.items():
        # Uniform on +-1/sqrt(fan_in), which the largest of many comes close to.
        fan_in = {"1": 10, "2": 2048, "3": 256}[name[1]]
        assert jnp.abs(leaf).max() <= fan_in**-0.5
    assert jnp.abs(own["W2"]).max() > 0.99 * 2048**-0.5


def test_dropout_of_the_low_level_model_keeps_the_mean(key):
    model = models.low_level(2, 0.5)
    x = jnp.ones((1, 3))
    params, _ = model.init(key, x)
    keys = jax.random.split(jax.random.key(1), 200)

    def trained(key):
        return model.apply(params, (), x, train=True, key=key)[0]

    draws = jax.vmap(trained)(keys)
    assert draws.std(axis=0).min() > 0
    # The second relu is not linear, so means agree only roughly.
    spread = 4 * draws.std(axis=0) / np.sqrt(200)
    due, _ = model.apply(params, (), x)
    assert jnp.all(jnp.abs(draws.mean(axis=0) - due) < spread + 0.05)


def test_predictions_are_judged_by_group():
    judged = judge(
        np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 2]), ["a", "b", "c"]
    )
    first = judged.groups[0]
    assert (first["precision"], first["recall"]) == (2 / 3, 2 / 3)
    np.testing.assert_array_equal(judged.confusion, [[2, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert judged.pairs == [("a", "b", 1), ("b", "a", 1)]


def resealed(out):
    """Notes the checksums of the files as they are now."""
    record = json.loads((out / "run.json").read_text())
    del record["sha256"]
    record["files"] = sums_of(out, [out / name for name in record["files"]])
    (out / "run.json").write_text(json.dumps(sealed(record)))


def without_a_leaf(out):
    leaves = load_file(out / "params.safetensors")
    del leaves["dense_2/bias"]
    save_file(leaves, out / "params.safetensors")


def without_features(out):
    record = json.loads((out / "run.json").read_text())
    del record["features"]
    (out / "run.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda out: (out / "params.safetensors").write_bytes(b"\0" * 20),
            "params.safetensors cannot be read",
        ),
        (without_a_leaf, "dense_2/bias should be float32.256., got nothing"),
        (without_features, "run.json lacks or misnames 'features'"),
    ],
)
def test_files_that_do_not_fit_are_refused_whatever_their_checksums(
    finished, tmp_path, damage, says
):
    _, out = finished
    folder = tmp_path / "run"
    shutil.copytree(out, folder)
    saving.load(folder)
    damage(folder)
    resealed(folder)
    with pytest.raises(ValueError, match=says):
        saving.load(folder)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--corpus", "no/such/folder"], "no/such/folder"),
        (["--strip", "headers,feet"], "'feet'"),
        (["--features", "vectors"], "--vectors FILE"),
        (["--vectors", "x.txt"], "--features vectors"),
        (["--dropout", "1.0"], "dropout"),
        (["--compare-dropout"], "at least 2 seeds"),
        (["--compare-dropout", "--model=best", "--seeds=2"], "no hidden unit"),
        (["--compare-decay"], "compare_decay needs at least 2 seeds"),
        (["--compare-decay", "--model=best", "--seeds=2"], "decay of its own"),
        (["--compare-decay", "--compare-dropout", "--seeds=2"], "one at a time"),
        (
            ["--features", "vectors", "--vectors", "no.txt", "--corpus", "sample"],
            "no.txt",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_is_explained_and_ends_with_2(argv, says, capsys, tmp_path):
    try:
        status = newsgroups.main([*argv, "--out", str(tmp_path)])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr().err
    assert status == 2
    assert says in captured
    assert "Traceback" not in captured
