"""jaxnet.saving.exporting: a model in a file computes what it computed."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import export
from jax.extend.mlir.dialects import stablehlo

import jaxnet
from jaxnet.layers.embedding import Bag
from jaxnet.layers.pooling import average_pool
from jaxnet.saving.calls import check_calls
from jaxnet.saving.containers import read_container, write_container
from jaxnet.saving.exporting import export_function, export_model, load_model
from jaxnet.saving.files import as_json

ROOT = Path(__file__).parents[1]


def images(rows):
    return np.random.default_rng(rows).normal(size=(rows, 6, 6, 2)).astype(np.float32)


def classifier(h):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.conv(4, (3, 3), bias=False),
            jaxnet.batch_norm(),
            jaxnet.relu,
            jaxnet.max_pool((2, 2)),
            jaxnet.dropout(h["dropout"]),
            jaxnet.flatten,
            jaxnet.residual(jaxnet.dense(h["width"]), jaxnet.dense(h["width"])),
            jaxnet.dense(3),
        ),
        loss=jaxnet.softmax_cross_entropy,
        optimizer=optax.adam(h["learning_rate"]),
        batch_size=8,
    )


@pytest.fixture(scope="module")
def run():
    data = images(32), np.arange(32) % 3
    hypers = {"width": 8, "dropout": 0.2, "learning_rate": 0.01}
    return jaxnet.fit(classifier, hypers, data, key=jax.random.key(0), epochs=2)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.jaxnet"
    return export_model(path, run, images(5), description={"classes": ["a", "b", "c"]})


@pytest.mark.parametrize("rows", [1, 7, 600])
def test_outputs_agree_for_any_number_of_rows(run, exported, rows):
    x = images(rows)
    # The weights are constants here and arguments there: sums may be reordered.
    np.testing.assert_allclose(
        load_model(exported)(x), run.predict(x), rtol=1e-5, atol=1e-6
    )


def test_it_says_what_it_takes_and_where_it_runs(exported):
    model = load_model(exported)
    assert model.inputs == (("", (6, 6, 2), "float32"),)
    assert model.platforms == ("cpu", "cuda", "tpu")
    assert model.description == {"classes": ["a", "b", "c"]}
    assert model.versions["jax"] == jax.__version__
    header, payload = read_container(exported)
    assert export.deserialize(bytearray(payload)).platforms == model.platforms
    assert header["description"] == model.description


def test_a_process_without_the_code_runs_it(run, exported, tmp_path):
    x = images(9)
    np.save(tmp_path / "x.npy", x)
    script = """
import sys
import numpy as np
from jaxnet.saving.exporting import load_model
path, folder = sys.argv[1:]
model = load_model(path)
y = model(np.load(f"{folder}/x.npy", allow_pickle=False))
np.save(f"{folder}/y.npy", y)
assert "test_export" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", script, exported, tmp_path],
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
    )
    y = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(y, run.predict(x), rtol=1e-5, atol=1e-6)


def test_jax_alone_runs_what_is_in_it(run, exported):
    x = images(4)
    _, payload = read_container(exported)
    (y,) = export.deserialize(bytearray(payload)).call(x)
    np.testing.assert_allclose(y, run.predict(x), rtol=1e-5, atol=1e-6)


def test_it_works_inside_jit(run, exported):
    model, x = load_model(exported), images(4)
    probabilities = jax.jit(lambda x: jax.nn.softmax(model(x)))(x)
    due = jax.nn.softmax(run.predict(x))
    np.testing.assert_allclose(probabilities, due, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (jaxnet.lstm(3), np.ones((2, 5, 4), np.float32)),
        (jaxnet.embedding(7, 3), np.array([[1, 2], [6, 0]], np.int32)),
        (
            jaxnet.layers.embedding_bag(7, 3),
            Bag(np.array([[1, 2], [6, 0]], np.int32), np.ones((2, 2), np.float32)),
        ),
        (average_pool((2,), padding="SAME"), np.ones((2, 5, 4), np.float32)),
    ],
    ids=["lstm", "embedding", "bag", "pool"],
)
def test_layers_of_every_kind_can_be_files(tmp_path, key, layer, x):
    more = jax.tree.map(lambda a: jnp.concatenate([a, a[:1] + 1]), x)
    params, state = layer.init(key, more)
    path = tmp_path / "layer"
    export_function(path, lambda x: layer.apply(params, state, x)[0], x)
    due = layer.apply(params, state, more)[0]
    np.testing.assert_allclose(load_model(path)(more), due, rtol=1e-5, atol=1e-6)


def test_trees_go_in_and_come_out(tmp_path):
    def function(x):
        total = x["b"].astype(jnp.float32) + x["a"][0]
        return {"sum": total, "parts": (total > 1, [None, x["a"][1].sum(axis=-1)])}

    def inputs(rows):
        return {"a": (np.ones(rows), np.ones((rows, 3))), "b": np.arange(rows)}

    path = export_function(tmp_path / "f", function, inputs(2))
    model = load_model(path)
    assert [one.path for one in model.inputs] == ["a/0", "a/1", "b"]
    due, got = function(jax.tree.map(jnp.asarray, inputs(4))), model(inputs(4))
    assert jax.tree.structure(got) == jax.tree.structure(due)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(due), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            images(4)[..., :1],
            r"be an array of float32 and shape \(any, 6, 6, 2\)",
        ),
        (images(4)[0], r"got float32 of shape \(6, 6, 2\)"),
        (images(4).astype(int), "got int32 of shape"),
        ((images(4), images(4)), "got 2 arrays"),
        (images(4)[:0], "no rows"),
    ],
    ids=["channels", "one row", "integers", "two", "none"],
)
def test_other_inputs_are_refused(exported, x, message):
    with pytest.raises(ValueError, match=message):
        load_model(exported)(x)


def test_a_platform_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'cuda'"):
        export_function(tmp_path / "f", jnp.sin, np.ones(2), platforms=["cudas"])


def test_a_model_for_one_platform_alone(tmp_path):
    path = export_function(tmp_path / "f", jnp.sin, np.ones(2), platforms=["tpu"])
    assert load_model(path).platforms == ("tpu",)
    with pytest.raises(ValueError, match=r"for platforms .*tpu.* used on .*cpu"):
        load_model(path)(np.ones(2))


def test_outputs_that_no_file_can_describe_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is a Bag"):
        export_function(tmp_path / "f", lambda x: Bag(x, x), np.ones(2))


def calling_back(x):
    return jax.pure_callback(np.sin, x, x)


def test_what_calls_back_into_python_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be a program .* on cpu, cuda, tpu"):
        export_function(tmp_path / "f", calling_back, np.ones(2))
    assert not list(tmp_path.iterdir())


def test_what_needs_a_native_library_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"more than compute: it has a call of lapack"):
        export_function(
            tmp_path / "f", jnp.linalg.cholesky, np.ones((2, 3, 3)), platforms=["cpu"]
        )
    assert not list(tmp_path.iterdir())


def forged(path, function, x, **options):
    """A file as `export_function` writes it, of a program that it would refuse."""
    program = export.export(jax.jit(lambda x: [function(x)]), **options)(x)
    header = {
        "versions": {"jax": jax.__version__, "jaxnet": "0"},
        "platforms": ["cpu"],
        "inputs": [["", x.shape[1:], x.dtype.name]],
        "outputs": {"tree": "", "paths": [""]},
        "description": None,
    }
    return write_container(path, as_json(header), bytes(program.serialize()))


@pytest.mark.parametrize("name", ["xla_ffi_python_cpu_callback", "anything"])
def test_a_forged_program_that_calls_by_name_is_refused(tmp_path, name):
    x = np.ones((2, 3), np.float32)
    path = forged(
        tmp_path / "f",
        jax.ffi.ffi_call(name, jax.ShapeDtypeStruct(x.shape, x.dtype)),
        x,
        disabled_checks=[export.DisabledSafetyCheck.custom_call(name)],
    )
    with pytest.raises(ValueError, match=f"more than compute: .* a call of {name}"):
        load_model(path)


def test_a_call_of_a_native_library_is_refused(tmp_path):
    path = forged(tmp_path / "f", jnp.linalg.inv, np.ones((2, 3, 3), np.float32))
    with pytest.raises(ValueError, match=r"more than compute.*lapack") as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_a_header_of_another_program_is_refused(tmp_path):
    path = forged(tmp_path / "f", jnp.sin, np.ones((2, 3), np.float32))
    header, payload = read_container(path)
    assert load_model(path)(np.ones((2, 3), np.float32)).shape == (2, 3)
    header["inputs"][0][1] = [4]
    write_container(path, header, payload)
    with pytest.raises(ValueError, match="not of one model"):
        load_model(path)


WAITING = """
func.func @main(%token: !stablehlo.token) -> tensor<f32> {
  %0:2 = "stablehlo.infeed"(%token) : (!stablehlo.token)
    -> (tensor<f32>, !stablehlo.token)
  return %0#0 : tensor<f32>
}
"""


def test_what_waits_for_the_host_is_refused():
    version = stablehlo.get_current_version()
    program = stablehlo.serialize_portable_artifact_str(WAITING, version)
    with pytest.raises(
        ValueError, match=r"more than compute: it has stablehlo\.infeed"
    ):
        check_calls(program)


def test_what_is_no_program_is_refused():
    with pytest.raises(ValueError, match="program cannot be read"):
        check_calls(b"no program")
