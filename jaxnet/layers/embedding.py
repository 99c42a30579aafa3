"""Embeddings: rows of a table, chosen by integer ids.

    embedding(1000, 64)         # ids (*batch) -> (*batch, 64)
    embedding_bag(1000, 64)     # Bag of ids and weights -> one weighted sum of rows

Both read only the rows that they need, and the gradient of the table is a
scatter-add into those rows: a batch costs in proportion to its symbols, not to
the vocabulary. (An optimizer such as Adam still visits the whole table.)

What ``jit`` cannot check is the value of an id. One outside of [0, vocabulary),
a negative one included, gives a row of NaN, so that the loss says at once that
the data are wrong; clamping or counting from the end would train on a wrong row in
silence. Check ids once, where the data are loaded.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jaxnet.checks import LayerError, check_int
from jaxnet.initializers import normal
from jaxnet.layers.core import Layer, check_floating, check_params
from jaxnet.types import ArrayOrSpec, Initializer, ModelState, Params, PRNGKey

_standard_normal = normal(1.0)


class Bag(NamedTuple):
    """A weighted set of symbols for each example, padded to the same length.

    Attributes:
      ids: the symbols, integers in [0, vocabulary), ``(*batch, length)``. The same
        id may come twice: its weights add up.
      weights: counts or tf-idf values, ``(*batch, length)``. Padding has weight 0
        and any valid id, such as 0.
    """

    ids: Integer[Array, "*batch length"]
    weights: Float[Array, "*batch length"]


def embedding(
    vocabulary: int,
    features: int,
    *,
    embedding_init: Initializer = _standard_normal,
) -> Layer:
    """A row of the table for each id, ``y = embedding[ids]``.

    Args:
      vocabulary: the number of symbols, at least 1.
      features: size of the new last axis, at least 1.
      embedding_init: called as ``embedding_init(key, (vocabulary, features),
        float32)``; N(0, 1) by default, as in PyTorch.

    Returns:
      A layer from integers ``(*batch)`` to ``(*batch, features)`` with params
      ``{"embedding": (vocabulary, features)}``. Ids outside of [0, vocabulary)
      give rows of NaN and add nothing to the gradient.

    Raises:
      ValueError: if a size is not an int of at least 1.
      LayerError: if the ids are not integers.

    References:
      Bengio et al., *A Neural Probabilistic Language Model*, 2003, section 2, the
      matrix C.

    >>> import jax
    >>> layer = embedding(5, 2)
    >>> params, state = layer.init(jax.random.key(0), jnp.array([0]))
    >>> y, _ = layer.apply(params, state, jnp.array([[3, 1, 1], [0, 4, 2]]))
    >>> y.shape, bool((y[0, 1] == params["embedding"][1]).all())
    ((2, 3, 2), True)
    """
    check_int("embedding: vocabulary", vocabulary)
    check_int("embedding: features", features)
    label = f"embedding({vocabulary}, {features})"

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        _check_ids(label, x)
        shape = (vocabulary, features)
        return {"embedding": embedding_init(key, shape, jnp.float32)}, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Integer[Array, "*batch"],
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch features"], ModelState]:
        del train, key
        check_params(label, params, ["embedding"])
        _check_ids(label, x)
        return _rows(params["embedding"], x), state

    return Layer(init, apply, "embedding")


def embedding_bag(
    vocabulary: int,
    features: int,
    *,
    embedding_init: Initializer = _standard_normal,
) -> Layer:
    """The weighted sum of the rows of a bag, ``y = sum_j weights_j embedding[ids_j]``.

    This is a bias-free ``dense`` layer for a bag-of-words vector of ``vocabulary``
    entries, given as its few non-zeros: ``y = v @ embedding`` with
    ``v[i] = sum_j weights_j [ids_j = i]``. Time and memory go with ``length`` and not
    with ``vocabulary``: cut very long bags off, and pad all batches to one length,
    since each new one compiles again.

    With N(0, 1) rows, ``y`` has variance ``sum_j weights_j**2``: 1 for tf-idf vectors
    of unit length. For raw counts give an ``embedding_init`` that is smaller.

    Args:
      vocabulary: the number of symbols, at least 1.
      features: size of the last axis of ``y``, at least 1.
      embedding_init: called as ``embedding_init(key, (vocabulary, features), dtype)``
        with the dtype of the weights; N(0, 1) by default, as in PyTorch.

    Returns:
      A layer from a `Bag` of ``(*batch, length)`` to ``(*batch, features)`` with
      params ``{"embedding": (vocabulary, features)}``. It is differentiable in the
      weights too. Ids outside of [0, vocabulary) make the sum NaN, whatever their
      weight.

    Raises:
      ValueError: if a size is not an int of at least 1.
      LayerError: if the input is not a `Bag` of integers and floats of one shape.

    >>> import jax
    >>> layer = embedding_bag(5, 2, embedding_init=jax.nn.initializers.ones)
    >>> bag = Bag(ids=jnp.array([[3, 1, 0]]), weights=jnp.array([[0.5, 2.0, 0.0]]))
    >>> params, state = layer.init(jax.random.key(0), bag)
    >>> layer.apply(params, state, bag)[0].tolist()
    [[2.5, 2.5]]
    """
    check_int("embedding_bag: vocabulary", vocabulary)
    check_int("embedding_bag: features", features)
    label = f"embedding_bag({vocabulary}, {features})"

    def init(key: PRNGKey, x: Bag) -> tuple[Params, ModelState]:
        _check_bag(label, x)
        shape = (vocabulary, features)
        return {"embedding": embedding_init(key, shape, x.weights.dtype)}, ()

    def apply(
        params: Params,
        state: ModelState,
        x: Bag,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Float[Array, "*batch features"], ModelState]:
        del train, key
        check_params(label, params, ["embedding"])
        _check_bag(label, x)
        rows = _rows(params["embedding"], x.ids)
        # A contraction, so that weights * rows is never a second large array.
        return jnp.einsum("...l,...lf->...f", x.weights, rows), state

    return Layer(init, apply, "embedding_bag")


def _rows(
    table: Float[Array, "vocabulary features"], ids: Integer[Array, "*batch"]
) -> Float[Array, "*batch features"]:
    return table.at[ids].get(
        mode="fill", fill_value=jnp.nan, wrap_negative_indices=False
    )


def _check_ids(label: str, ids: object) -> None:
    dtype = getattr(ids, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jnp.integer):
        raise LayerError(
            f"{label} needs an array of integer ids, got "
            f"{type(ids).__name__ if dtype is None else dtype}. Use ids.astype(int) "
            "for whole numbers, or a dense layer for real features."
        )


def _check_bag(label: str, x: object) -> None:
    if not isinstance(x, Bag):
        raise LayerError(
            f"{label} needs a Bag, got {type(x).__name__}. Give it Bag(ids, weights); "
            "for plain counts the weights are 1, and 0 for padding."
        )
    _check_ids(f"{label}: ids", x.ids)
    check_floating(f"{label}: weights", x.weights)
    if x.ids.shape != x.weights.shape or not x.ids.shape:
        raise LayerError(
            f"{label} needs ids and weights of one shape (*batch, length), got "
            f"{x.ids.shape} and {x.weights.shape}."
        )
