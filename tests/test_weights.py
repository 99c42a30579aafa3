"""jaxnet.saving.weights: what is saved comes back to the bit, whole or in part."""

from typing import Any

import chex
import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import safetensors.numpy

import jaxnet
from jaxnet.saving import leaves
from jaxnet.saving.headers import DTYPES
from jaxnet.saving.weights import load_arrays, load_params, save_params

names = st.text("abz_09é ", min_size=1, max_size=4)
arrays = st.tuples(
    st.sampled_from([name for name in DTYPES.values() if name != "bool"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    st.integers(0, 2**32 - 1),
).map(lambda drawn: any_bits(*drawn))
trees = st.dictionaries(
    names,
    st.recursive(
        arrays | st.none(),
        lambda inner: (
            st.dictionaries(names, inner, max_size=3)
            | st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
        ),
        max_leaves=6,
    ),
    max_size=3,
).filter(lambda tree: not tree.keys() & {"model_state", "history"})


def any_bits(dtype, shape, seed):
    """An array of any bits, those of every kind of NaN too."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    bits = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    return bits.view(dtype).reshape(shape)


def assert_same_bits(got: Any, due: Any) -> None:
    assert jax.tree.structure(got) == jax.tree.structure(due)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(due), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def params():
    """Of a model with leaves of several shapes and dtypes."""
    return {
        "dense_1": {
            "bias": jnp.arange(4.0),
            "kernel": jnp.arange(12.0).reshape(3, 4) - 5,
        },
        "scales": (jnp.ones((), jnp.bfloat16), jnp.array([True, False, True])),
    }


def state():
    return {"batch_norm_1": {"mean": jnp.array([0.5, -2.0]), "var": jnp.ones(2)}}


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(tree=trees, state=trees)
def test_trees_come_back_to_the_bit(tmp_path_factory, tree, state):
    path = tmp_path_factory.mktemp("trees") / "w.safetensors"
    save_params(path, tree, model_state=state)
    loaded = load_params(path)
    assert_same_bits(loaded.params, tree)
    assert_same_bits(loaded.model_state, state)
    filled = load_params(path, tree, model_state=state)
    assert_same_bits(filled.params, tree)
    assert_same_bits(filled.model_state, state)


def test_leaves_are_jax_arrays_unless_that_would_cost_digits(tmp_path):
    tree = {"single": jnp.float32([0.1]), "double": np.array([0.1])}
    save_params(tmp_path / "w", tree)
    loaded = load_params(tmp_path / "w").params
    assert isinstance(loaded["single"], jax.Array)
    assert loaded["double"].dtype == np.float64
    assert loaded["double"][0] == 0.1


def test_numbers_in_another_byte_order_and_layout_keep_their_values(tmp_path):
    there = np.arange(6, dtype=">f4").reshape(2, 3)
    save_params(tmp_path / "w", {"big": there, "turned": there.T})
    loaded = load_params(tmp_path / "w").params
    np.testing.assert_array_equal(loaded["big"], there)
    np.testing.assert_array_equal(loaded["turned"], there.T)


def test_the_safetensors_package_reads_ours_and_we_read_its(tmp_path):
    path = tmp_path / "ours.safetensors"
    tree = {"a": {"kernel": np.arange(6.0, dtype=np.float32).reshape(2, 3)}}
    save_params(path, tree, model_state={"mean": np.arange(2)})
    theirs = safetensors.numpy.load_file(path)
    assert sorted(theirs) == ["a/kernel", "model_state/mean"]
    np.testing.assert_array_equal(theirs["a/kernel"], tree["a"]["kernel"])

    written = {
        dtype: any_bits(dtype, (2, 3), seed=1)
        for dtype in DTYPES.values()
        if dtype != "bool"
    } | {
        "layer.0.weight": np.ones((3, 1), np.float16),
        "flags": np.array([True, False]),
    }
    safetensors.numpy.save_file(written, tmp_path / "theirs", {"format": "np"})
    assert_same_bits(load_arrays(tmp_path / "theirs"), written)
    with pytest.raises(ValueError, match=r"not written by jaxnet.*load_arrays"):
        load_params(tmp_path / "theirs")


def test_the_same_weights_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_params(
            tmp_path / name,
            params(),
            model_state=state(),
            description={"data": "digits", "accuracy": 0.9, "epochs": 3},
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_description_comes_back_as_json_gives_it(tmp_path):
    description = {"widths": (64, 32), "note": 'ü "x"\n', 7: [None, True, 1e-300]}
    save_params(tmp_path / "w", params(), description=description)
    due = {"widths": [64, 32], "note": 'ü "x"\n', "7": [None, True, 1e-300]}
    assert load_params(tmp_path / "w").description == due
    save_params(tmp_path / "w", params())
    assert load_params(tmp_path / "w").description is None


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        ({"loss": float("nan")}, ValueError, "finite numbers"),
        ({"learning_rate": np.float32(0.1)}, TypeError, "float32"),
        ("x" * 5_000_000, ValueError, "Is the description long"),
    ],
    ids=["nan", "object", "long"],
)
def test_a_description_that_is_no_data_is_refused(
    tmp_path, description, error, message
):
    with pytest.raises(error, match=message):
        save_params(tmp_path / "w", params(), description=description)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a//b", "/a", "../a", "a\\b", "a\0b", "a\nb", "c:/a"]
)
def test_leaves_need_plain_names(tmp_path, name):
    with pytest.raises(ValueError, match="is no name for a leaf"):
        save_params(tmp_path / "w", {name: jnp.zeros(2)})


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        ({"a/b": jnp.zeros(2), "a": {"b": jnp.ones(2)}}, ValueError, "'a/b'"),
        ({"model_state": {"a": jnp.ones(2)}}, ValueError, "model_state/a"),
        ({"a": 0.5}, TypeError, "a should be an array, got float"),
        ({"a": jnp.zeros(2, jnp.complex64)}, ValueError, "complex64"),
        ({"a": jax.random.key(0)}, ValueError, "dtype key"),
        (jnp.zeros(2), ValueError, "is no name for a leaf"),
    ],
    ids=["twice", "reserved", "number", "complex", "key", "alone"],
)
def test_what_a_file_cannot_keep_is_refused_when_it_is_saved(
    tmp_path, tree, error, message
):
    with pytest.raises(error, match=message):
        save_params(tmp_path / "w", tree)
    assert not list(tmp_path.iterdir())


def test_every_leaf_that_differs_is_named(tmp_path):
    path = save_params(tmp_path / "w", params(), model_state=state())
    other = {
        "dense_1": {"bias": jnp.zeros(5), "scale": jnp.zeros(4)},
        "scales": (jnp.ones(()), jnp.array([True, False, True])),
    }
    with pytest.raises(ValueError, match="6 leaves are not as due") as caught:
        load_params(
            path,
            other,
            model_state={"batch_norm_1": {"mean": jnp.zeros(2)}} | {"b": jnp.zeros(1)},
        )
    assert str(caught.value).splitlines()[1:-1] == [
        "  dense_1/bias is float32 of shape (4,) in the file and float32 of shape (5,) "
        "in the model",
        "  dense_1/kernel is in the file, and the model has no such leaf",
        "  dense_1/scale is missing in the file",
        "  scales/0 is bfloat16 of shape () in the file and float32 of shape () in the "
        "model",
        "  model_state/b is missing in the file",
        "  model_state/batch_norm_1/var is in the file, and the model has no such leaf",
    ]
    assert str(path) in str(caught.value)


def test_shapes_are_compared_before_data_are_read(tmp_path):
    path = save_params(tmp_path / "w", params())
    specs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params())
    assert_same_bits(load_params(path, specs).params, params())
    flipped = bytearray(path.read_bytes())
    flipped[-1] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(ValueError, match="1 leaf is not as due"):
        load_params(path, specs | {"other": jnp.zeros(1)})
    with pytest.raises(ValueError, match="checksum does not fit"):
        load_params(path, specs)


@pytest.mark.parametrize(
    ("was", "other"),
    [
        (b'"shape":[3,4]', b'"shape":[4,3]'),
        (b'"dtype":"F32","shape":[4]', b'"dtype":"I32","shape":[4]'),
        (b'"dense_1/bias":', b'"dense_2/bias":'),
        (b"0.25", b"0.75"),
    ],
    ids=["shape", "dtype", "path", "description"],
)
def test_what_is_said_of_the_data_is_under_the_checksum_too(tmp_path, was, other):
    path = save_params(tmp_path / "w", params(), description={"loss": 0.25})
    content = path.read_bytes()
    assert content.count(was) == 1
    path.write_bytes(content.replace(was, other))
    with pytest.raises(ValueError, match="checksum does not fit"):
        load_params(path)


def test_a_file_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(leaves, "FORMAT", 2)
    path = save_params(tmp_path / "w", params())
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"has the format 2, and .* reads 1"):
        load_params(path)


def test_part_of_a_model_is_taken_and_the_rest_stays(tmp_path, key):
    def model(classes):
        encoder = jaxnet.sequential(jaxnet.dense(4, bias=False), jaxnet.batch_norm())
        return jaxnet.sequential(encoder=encoder, head=jaxnet.dense(classes))

    x = jnp.ones((2, 3))
    old, old_state = model(2).init(key, x)
    old_state = jax.tree.map(lambda a: a + 3.0, old_state)
    path = save_params(tmp_path / "w", old, model_state=old_state)
    new, new_state = model(5).init(jax.random.key(1), x)

    loaded = load_params(path, new, model_state=new_state, only="encoder/*")
    assert_same_bits(loaded.params, {"encoder": old["encoder"], "head": new["head"]})
    assert_same_bits(loaded.model_state, old_state)
    assert loaded.paths == [
        "encoder/batch_norm_1/bias",
        "encoder/batch_norm_1/scale",
        "encoder/dense_1/kernel",
        "model_state/encoder/batch_norm_1/mean",
        "model_state/encoder/batch_norm_1/var",
    ]
    kernels = load_params(path, new, model_state=new_state, only="encoder/*kernel")
    assert_same_bits(kernels.model_state, new_state)

    with pytest.raises(ValueError, match=r"head/kernel is float32 of shape \(4, 2\)"):
        load_params(path, new, only="*kernel")
    with pytest.raises(ValueError, match=r"only='decoder/\*' fits no parameter"):
        load_params(path, new, only="decoder/*")
    with pytest.raises(ValueError, match="needs like"):
        load_params(path, only="encoder/*")


def test_trees_of_other_nodes_need_one_to_fill(tmp_path):
    moments = optax.ScaleByAdamState(
        jnp.zeros((), jnp.int32), {"a": jnp.ones(2)}, {"a": jnp.full(2, 3.0)}
    )
    path = save_params(tmp_path / "w", {"adam": moments})
    with pytest.raises(ValueError, match="Give a tree to fill"):
        load_params(path)
    empty = jax.tree.map(jnp.zeros_like, {"adam": moments})
    chex.assert_trees_all_equal(load_params(path, empty).params, {"adam": moments})
