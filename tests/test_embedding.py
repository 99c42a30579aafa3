"""jaxnet.layers.embedding: dense products, invariants, costs and errors."""

import chex
import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnet.checks import LayerError
from jaxnet.layers.combining import sequential
from jaxnet.layers.embedding import Bag, embedding, embedding_bag

VOCABULARY, FEATURES, BATCH, LENGTH = 6, 2, 3, 4
LAYER = embedding_bag(VOCABULARY, FEATURES)
# One shape, so that hypothesis looks for values and nothing compiles twice.
VALUES = st.floats(-2, 2, width=32)
BAGS = {
    "ids": hnp.arrays(np.int32, (BATCH, LENGTH), elements=st.integers(0, 5)),
    "weights": hnp.arrays(np.float32, (BATCH, LENGTH), elements=VALUES),
    "seed": st.integers(0, 2**31 - 1),
}


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@jax.jit
def output_and_gradients(table, bag, above):
    """y, and the gradients by the table and the weights of ``sum(y * above)``."""

    def output(table, weights):
        return LAYER.apply({"embedding": table}, (), Bag(bag.ids, weights))[0]

    y, pull = jax.vjp(output, table, bag.weights)
    return y, *pull(above)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(**BAGS)
def test_a_bag_is_a_dense_product_with_its_bag_of_words_vector(ids, weights, seed):
    table, above = draw(seed, VOCABULARY, FEATURES), draw(seed + 1, BATCH, FEATURES)
    vectors = np.zeros((BATCH, VOCABULARY))
    np.add.at(vectors, (np.arange(BATCH)[:, None], ids), weights)

    y, table_grad, weight_grad = output_and_gradients(table, Bag(ids, weights), above)

    # Float32 sums of at most a dozen terms of order one, which may cancel.
    close = {"rtol": 1e-5, "atol": 5e-6}
    np.testing.assert_allclose(y, vectors @ table, **close)
    np.testing.assert_allclose(table_grad, vectors.T @ above, **close)
    by_word = np.take_along_axis(above @ table.T, ids, axis=1)
    np.testing.assert_allclose(weight_grad, by_word, **close)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    order=st.permutations(range(LENGTH)), padding=st.integers(0, LENGTH), **BAGS
)
def test_order_and_the_id_of_padding_change_nothing(ids, weights, seed, order, padding):
    table, above = draw(seed, VOCABULARY, FEATURES), draw(seed + 1, BATCH, FEATURES)
    weights = np.where(np.arange(LENGTH) < padding, np.float32(0), weights)
    other_ids = np.where(np.arange(LENGTH) < padding, 0, ids)
    bag = Bag(ids, weights)
    other = Bag(other_ids[:, order], weights[:, order])

    y, table_grad, _ = output_and_gradients(table, bag, above)
    # The same terms, added in another order.
    chex.assert_trees_all_close(
        output_and_gradients(table, other, above)[:2],
        (y, table_grad),
        rtol=1e-5,
        atol=5e-6,
    )


@pytest.mark.parametrize("bad", [-1, 5, 2**31 - 1])
def test_an_id_out_of_range_gives_nan_there_and_adds_to_no_gradient(bad):
    table = jnp.arange(1.0, 11.0).reshape(5, 2)
    ids = jnp.array([4, bad, 0])

    def ours(table):
        return embedding(5, 2).apply({"embedding": table}, (), ids)[0]

    y, pull = jax.vjp(ours, table)
    np.testing.assert_array_equal(y, [[9.0, 10.0], [np.nan, np.nan], [1.0, 2.0]])
    (grad,) = pull(jnp.ones((3, 2)))
    np.testing.assert_array_equal(grad, [[1, 1], [0, 0], [0, 0], [0, 0], [1, 1]])

    bag = Bag(ids=ids[None], weights=jnp.array([[1.0, 0.0, 1.0]]))
    y, _ = embedding_bag(5, 2).apply({"embedding": table}, (), bag)
    assert jnp.isnan(y).all()


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.uint8, jnp.int32, jnp.uint32])
def test_every_type_of_integer_is_an_id(dtype):
    table = jnp.arange(12.0).reshape(6, 2)
    y, _ = embedding(6, 2).apply({"embedding": table}, (), jnp.array([5, 0], dtype))
    np.testing.assert_array_equal(y, [[10.0, 11.0], [0.0, 1.0]])


def test_params_take_their_dtype_from_the_weights_and_ids_have_none(key):
    one, other = jax.random.split(key)
    ids = jnp.zeros((1, 2), int)
    bag = Bag(ids, jnp.zeros((1, 2), jnp.bfloat16))
    assert embedding(3, 2).init(one, ids)[0]["embedding"].dtype == jnp.float32
    assert embedding_bag(3, 2).init(other, bag)[0]["embedding"].dtype == jnp.bfloat16


@pytest.mark.parametrize("make", [embedding, embedding_bag])
def test_the_initializer_gets_the_key_and_the_shape_of_the_table(make, key):
    def init(key, shape, dtype):
        return jax.random.uniform(key, shape, dtype, 5.0, 6.0)

    ids = jnp.zeros((2, 3), int)
    x = ids if make is embedding else Bag(ids, jnp.zeros((2, 3)))
    params, state = make(4, 2, embedding_init=init).init(jax.random.clone(key), x)
    assert state == ()
    chex.assert_trees_all_equal(params, {"embedding": init(key, (4, 2), jnp.float32)})


def test_a_bag_costs_memory_for_its_symbols_and_not_for_the_vocabulary():
    vocabulary, features, batch, length = 10_000, 16, 32, 20
    layer = embedding_bag(vocabulary, features)

    def objective(params, bag):
        return jnp.sum(layer.apply(params, (), bag)[0] ** 2)

    shapes = (
        {"embedding": jax.ShapeDtypeStruct((vocabulary, features), jnp.float32)},
        Bag(
            jax.ShapeDtypeStruct((batch, length), jnp.int32),
            jax.ShapeDtypeStruct((batch, length), jnp.float32),
        ),
    )
    grad = jax.jit(jax.grad(objective, argnums=(0, 1), allow_int=True))
    temporary = grad.lower(*shapes).compile().memory_analysis().temp_size_in_bytes
    rows = 4 * batch * length * features
    # The rows that were read and those to add; a bag-of-words matrix alone would be
    # 4 * batch * vocabulary bytes, 31 times the rows.
    assert temporary < 2.5 * rows


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (embedding, jnp.zeros(3), r"embedding\(5, 2\) .* integer ids, got float32"),
        (embedding, jnp.zeros(3, bool), r"integer ids, got bool.*astype\(int\)"),
        (embedding, [0, 1], r"integer ids, got list"),
        (embedding_bag, jnp.zeros((1, 3), int), r"needs a Bag, got ArrayImpl"),
        (embedding_bag, Bag(jnp.zeros((1, 3)), jnp.zeros((1, 3))), r"ids needs an"),
        (
            embedding_bag,
            Bag(jnp.zeros((1, 3), int), jnp.zeros((1, 3), int)),
            r"embedding_bag\(5, 2\): weights needs .* floating-point.*got int32",
        ),
        (
            embedding_bag,
            Bag(jnp.zeros((1, 3), int), jnp.zeros((1, 2))),
            r"one shape \(\*batch, length\), got \(1, 3\) and \(1, 2\)",
        ),
        (embedding_bag, Bag(jnp.array(0), jnp.array(1.0)), r"got \(\) and \(\)"),
    ],
)
@pytest.mark.usefixtures("as_users_have_it")
def test_a_wrong_input_is_refused_by_init_and_by_apply(make, x, message, key):
    layer = make(5, 2)
    with pytest.raises(LayerError, match=message):
        layer.init(key, x)
    with pytest.raises(LayerError, match=message):
        layer.apply({"embedding": jnp.zeros((5, 2))}, (), x)


def test_the_error_says_where_in_the_model_it_was(key):
    model = sequential(text=embedding(5, 2))
    with pytest.raises(LayerError, match=r"^text: embedding\(5, 2\)"):
        model.init(key, jnp.zeros((2, 3)))


@pytest.mark.parametrize("make", [embedding, embedding_bag])
@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 2), r"vocabulary should be an int of at least 1, got 0"),
        ((5, -1), r"features should be an int of at least 1, got -1"),
        ((5.0, 2), r"vocabulary should be an int .* got 5.0"),
    ],
)
@pytest.mark.usefixtures("as_users_have_it")
def test_a_size_that_is_no_positive_int_is_refused(make, sizes, message):
    with pytest.raises(ValueError, match=rf"^{make.__name__}: {message}"):
        make(*sizes)


def test_params_of_another_layer_are_refused():
    with pytest.raises(LayerError, match=r"needs params .*\['embedding'\], got"):
        embedding(5, 2).apply({"kernel": jnp.zeros((5, 2))}, (), jnp.array([0]))
