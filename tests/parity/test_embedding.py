"""jaxnet.layers.embedding against PyTorch: values and gradients.

Float32 sums of at most a dozen terms of order one. Rounding is a few 1e-7 of the
largest term: rtol for what is of that size, atol for a sum in which terms cancel.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxnet.layers.embedding import Bag, embedding, embedding_bag

RTOL, ATOL = 1e-5, 1e-6


def draw(*shape, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(size=shape).astype(np.float32)


def draw_ids(vocabulary, shape):
    return np.random.default_rng(vocabulary).integers(0, vocabulary, size=shape)


@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (2, 3, 4)], ids=str)
def test_embedding_and_its_gradient(shape):
    table, ids = draw(6, 3), draw_ids(6, shape)
    weights = draw(*shape, 3, seed=1)
    layer = embedding(6, 3)

    def ours(params):
        y, _ = layer.apply(params, (), jnp.asarray(ids))
        return jnp.sum(y**2 * weights), y

    (_, y), grads = jax.value_and_grad(ours, has_aux=True)({"embedding": table})

    theirs = torch.nn.Embedding(6, 3, _weight=torch.tensor(table))
    due = theirs(torch.tensor(ids))
    (due**2 * torch.tensor(weights)).sum().backward()

    np.testing.assert_array_equal(y, due.detach().numpy())
    np.testing.assert_allclose(
        grads["embedding"], theirs.weight.grad.numpy(), rtol=RTOL, atol=ATOL
    )


def test_embedding_bag_and_its_gradients_for_the_table_and_the_weights():
    table, ids = draw(7, 3), draw_ids(7, (5, 4))
    ids[0] = 2  # One symbol four times: its weights add up, and so do its gradients.
    bag_weights, weights = draw(5, 4), draw(5, 3)
    bag_weights[3, 1:] = 0.0  # Padding.
    layer = embedding_bag(7, 3)

    def ours(params, bag_weights):
        y, _ = layer.apply(params, (), Bag(jnp.asarray(ids), bag_weights))
        return jnp.sum(y**2 * weights), y

    (_, y), (grads, weight_grad) = jax.value_and_grad(
        ours, argnums=(0, 1), has_aux=True
    )({"embedding": table}, jnp.asarray(bag_weights))

    theirs = torch.nn.EmbeddingBag(7, 3, mode="sum", _weight=torch.tensor(table))
    per_sample = torch.tensor(bag_weights, requires_grad=True)
    due = theirs(torch.tensor(ids), per_sample_weights=per_sample)
    (due**2 * torch.tensor(weights)).sum().backward()

    np.testing.assert_allclose(y, due.detach().numpy(), rtol=RTOL, atol=ATOL)
    np.testing.assert_allclose(
        grads["embedding"], theirs.weight.grad.numpy(), rtol=RTOL, atol=ATOL
    )
    np.testing.assert_allclose(
        weight_grad, per_sample.grad.numpy(), rtol=RTOL, atol=ATOL
    )


@pytest.mark.parametrize(
    ("make", "theirs", "x"),
    [
        (embedding, torch.nn.Embedding, jnp.zeros(1, int)),
        (
            embedding_bag,
            torch.nn.EmbeddingBag,
            Bag(jnp.zeros((1, 1), int), jnp.zeros((1, 1))),
        ),
    ],
)
def test_both_start_from_the_standard_normal(make, theirs, x, key):
    torch.manual_seed(0)
    ours = np.asarray(make(400, 100).init(key, x)[0]["embedding"])
    due = theirs(400, 100).weight.detach().numpy()
    # 4 standard errors of the mean and of the deviation of 40,000 draws are 0.02 and
    # 0.014; the two samples are independent, so sqrt(2) as much.
    assert abs(ours.mean() - due.mean()) < 0.028
    assert abs(ours.std() - due.std()) < 0.02
