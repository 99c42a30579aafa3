"""The best model: against scikit-learn's machine, and on posts it has to learn."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jaxnet
from experiments.newsgroups import best
from experiments.newsgroups.arrays import save_array
from experiments.newsgroups.tokens import words_and_pairs
from jaxnet.layers import Bag

WORDS = {0: "moon orbit rocket", 1: "puck goalie ice", 2: "disk drive cable"}


def corpus(posts, seed):
    """Posts of common words, each with one word of its class in the body."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, posts)
    texts = [
        f"Subject: re\n\nthe {rng.choice(WORDS[label].split())} and "
        + " ".join(rng.choice(["a", "is", "not", "very"], 4))
        for label in labels
    ]
    return texts, labels


TRAIN, TEST = corpus(120, 0), corpus(60, 1)


@pytest.fixture(scope="module")
def model():
    return best.train_best(*TRAIN, 3, key=jax.random.key(0))


def test_it_learns_and_its_probabilities_add_up(model):
    texts, labels = TEST
    log_p = model.predict_log_probabilities(texts)
    assert log_p.dtype == np.float32
    assert (log_p.argmax(axis=1) == labels).mean() > 0.95
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-5)


def test_each_prediction_is_of_its_own_post(model):
    texts, _ = TEST
    log_p = model.predict_log_probabilities(texts[:7])
    turned = model.predict_log_probabilities(texts[:7][::-1])
    np.testing.assert_allclose(turned[::-1], log_p, rtol=1e-5)
    assert model.predict_log_probabilities([]).shape == (0, 3)


def test_an_empty_post_gets_what_the_constant_says(model):
    log_p = model.predict_log_probabilities(["", "qqqq zzzz"])
    bias = sum(table[-1] for table in model.tables)
    due = jax.nn.log_softmax(best.SHARPNESS * bias)
    np.testing.assert_allclose(log_p, np.stack([due, due]), rtol=1e-5)


def test_a_seed_is_a_model_and_a_loaded_one_is_the_same(model, tmp_path):
    again = best.train_best(*TRAIN, 3, key=jax.random.key(0))
    chex.assert_trees_all_equal(again.tables, model.tables)
    model.save(tmp_path)
    loaded = best.BestModel.load(tmp_path)
    np.testing.assert_array_equal(
        loaded.predict_log_probabilities(TEST[0]),
        model.predict_log_probabilities(TEST[0]),
    )


def test_more_slack_and_more_posts_are_less_decay(monkeypatch):
    def size(slack, times):
        view = best.View(words_and_pairs, slack)
        monkeypatch.setattr(best, "VIEWS", {"words": view})
        texts, labels = TRAIN
        trained = best.train_best(
            texts * times, np.tile(labels, times), 3, key=jax.random.key(0)
        )
        return np.linalg.norm(trained.tables[0])

    assert size(0.01, 1) < 0.7 * size(1.0, 1)
    assert size(0.01, 1) < 0.7 * size(0.01, 8)


def test_files_that_do_not_fit_one_another_are_refused(model, tmp_path):
    model.save(tmp_path)
    path = tmp_path / "pieces" / "table.npy"
    save_array(path, np.ones((model.features[1].ids, 2), np.float32))
    with pytest.raises(ValueError, match=r"pieces.table\.npy should hold"):
        best.BestModel.load(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        best.BestModel.load(tmp_path)


def test_the_layer_is_a_linear_map_with_scaled_weights(key):
    rng = np.random.default_rng(0)
    ratios, w = rng.normal(size=(2, 5, 3)).astype(np.float32)
    bag = Bag(jnp.array([[0, 4, 2]]), jnp.array([[0.5, 2.0, -1.0]]))
    layer = best.naive_bayes_bag(jnp.asarray(ratios))
    params, state = layer.init(key, bag)
    assert not params["embedding"].any()
    y, _ = layer.apply({"embedding": jnp.asarray(w)}, state, bag)
    v = np.array([[0.5, 0, -1.0, 0, 2.0]])
    np.testing.assert_allclose(y, v @ (w * ratios), rtol=1e-5)


def test_the_loss_is_the_squared_hinge_of_each_class_against_the_rest():
    scores = jnp.array([[0.5, -2.0, 0.0], [3.0, 1.0, -1.0]])
    # (1 - 0.5)^2 + 0 + 1 and (1 + 3)^2 + 0 + 0.
    labels = jnp.array([0, 1])
    assert float(best.squared_hinge(scores, labels)) == pytest.approx((1.25 + 16) / 2)
    weighted = best.squared_hinge(scores, labels, jnp.array([3.0, 1.0]))
    assert float(weighted) == pytest.approx((3 * 1.25 + 16) / 4)


def test_training_ends_at_the_minimum_of_the_support_vector_machine(key):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6)).astype(np.float32)
    labels = rng.integers(0, 3, 40)
    ratios = rng.uniform(0.5, 2.0, (6, 3)).astype(np.float32)
    ids = np.broadcast_to(np.arange(6, dtype=np.int32), x.shape)
    hypers = {
        "ratios": ratios,
        "learning_rate": 0.1,
        "steps": 1000,
        "l2": 0.05,
        "batch_size": 40,
    }
    data = (Bag(jnp.asarray(ids), jnp.asarray(x)), labels)
    fitted = jaxnet.fit(
        best.build, hypers, data, key=key, epochs=1000, every=1000, progress=False
    )
    targets = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)

    def objective(flat):
        w = flat.reshape(6, 3)
        slack = np.maximum(0, 1 - targets * (x @ (w * ratios)))
        loss = (slack**2).sum(axis=1).mean() + 0.025 * (w**2).sum()
        gradient = ratios * (x.T @ (-2 * slack * targets)) / 40 + 0.05 * w
        return loss, gradient.ravel()

    due = scipy.optimize.minimize(objective, np.zeros(18), jac=True, tol=1e-12)
    # Adam with a rate that falls to 0 stops short of the minimum by about 1e-5.
    np.testing.assert_allclose(
        fitted.params["embedding"], due.x.reshape(6, 3), rtol=1e-3, atol=1e-4
    )
