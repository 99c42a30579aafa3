"""jaxnet.starting: what is given in place of what a model draws."""

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from jaxnet.starting import load_start, replaced

LAYER = {"kernel": np.ones((2, 3), np.float32), "bias": np.zeros(3, np.float32)}
PARAMS = {
    "encoder": {"dense_1": LAYER},
    "head": LAYER,
    "pair": (np.zeros(1), np.ones(2)),
}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"encodr": LAYER}, "params: name='encodr' is not one of .*'encoder'"),
        ({"head": {"kernle": 1 * LAYER["bias"]}}, "params/head: name='kernle'"),
        (
            {"head": {"kernel": np.ones((3, 2), np.float32)}},
            r"params/head/kernel should be float32 of shape \(2, 3\), as the model has "
            r"it, got float32 of shape \(3, 2\)",
        ),
        (
            {"head": {"kernel": np.ones((2, 3), np.int32)}},
            "params/head/kernel should be float32 .* got int32",
        ),
        ({"head": LAYER["bias"]}, "params/head should be a dict of .* got an array"),
        (
            {"head": {"bias": {"x": LAYER["bias"]}}},
            "params/head/bias should be an array .* got a dict of",
        ),
        ({"pair": [np.zeros(1), np.ones(2)]}, "params/pair should be a tuple"),
        ({"pair": (np.zeros(1),)}, "params/pair should be a tuple of 2 arrays"),
    ],
)
def test_what_does_not_fit_is_named(part, message):
    with pytest.raises(ValueError, match=message):
        replaced(PARAMS, part, "params")


def test_what_is_no_array_or_not_finite_is_named():
    with pytest.raises(
        TypeError, match="params/head/bias should be an array, got float"
    ):
        load_start({"head": {"bias": 0.5}}, None)
    bad = {"norm": {"mean": jnp.array([0.0, jnp.inf])}}
    with pytest.raises(ValueError, match="model_state/norm/mean should be finite"):
        load_start(None, bad)
    # A half, as is common, and whole numbers.
    kept = load_start({"a": jnp.ones(2, jnp.bfloat16), "b": np.arange(2)}, None).params
    assert kept["a"].dtype == jnp.bfloat16


trees = st.recursive(
    st.integers(1, 3).map(lambda n: np.full(n, n, np.float32)),
    lambda child: st.dictionaries(st.sampled_from("abcd"), child, max_size=3),
    max_leaves=8,
)


@given(trees, st.data())
def test_each_leaf_is_given_or_drawn(initial, data):
    def part(tree):
        """A part of a tree with other values, and the tree that it should become."""
        if not isinstance(tree, dict):
            taken = data.draw(st.booleans())
            return (-tree, -tree) if taken else ((), tree)
        each = {name: part(child) for name, child in tree.items()}
        kept = {
            name: some for name, (some, _) in each.items() if data.draw(st.booleans())
        }
        due = {
            name: made if name in kept else tree[name]
            for name, (_, made) in each.items()
        }
        return kept, due

    some, due = part(initial)
    got = replaced(initial, some, "params")
    assert jax.tree.structure(got) == jax.tree.structure(due)
    jax.tree.map(np.testing.assert_array_equal, got, due)
