"""What a checkpoint belongs to: fingerprints, and how a difference is told."""

import hashlib
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnet
from jaxnet.checkpoint import (
    check_identity,
    fingerprint_data,
    fingerprint_program,
    fingerprints,
    identity,
)
from jaxnet.checkpoint.differences import LINES, LONGEST, difference
from jaxnet.checkpoint.fingerprints import fingerprint_function
from jaxnet.layers.core import Layer
from jaxnet.programs import program_of

DATA = (np.zeros((64, 3), np.float32), np.zeros((64, 1), np.float32))
HYPERS = {"width": 8, "learning_rate": 0.1, "dropout": 0.2}


def build(h):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(h["width"]),
            jaxnet.relu,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(1),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=optax.adamw(h["learning_rate"], weight_decay=1e-3),
        batch_size=16,
    )


def fingerprint(build, data=DATA, **hypers):
    return fingerprint_program(*program_of(build, HYPERS | hypers), data)


def changed(**fields):
    """A build that differs in these fields of the task."""
    return lambda h: build(h)._replace(**fields)


# Data.


def test_data_are_known_by_shapes_dtypes_and_bytes():
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2])
    due = hashlib.sha256(
        b"(2, 3) <f4\n" + x.tobytes() + b"(2,) <i8\n" + y.tobytes()
    ).hexdigest()
    assert fingerprint_data((x, {"labels": y})) == due
    assert fingerprint_data((jnp.asarray(x), y)) == due
    # The same numbers in another order in memory.
    assert fingerprint_data((np.asfortranarray(x), y)) == due


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((3, 2), np.float32),
        np.zeros((2, 3), np.int32),
        np.full((2, 3), -0.0, np.float32),
        np.zeros((2, 3), ">f4"),
        np.zeros((2, 2), np.float32),
    ],
    ids=["shape", "dtype", "bits", "order", "size"],
)
def test_other_data_have_another_fingerprint(other):
    zeros = fingerprint_data(np.zeros((2, 3), np.float32))
    assert fingerprint_data(other) != zeros


def test_short_floats_are_told_apart():
    names = [
        "bfloat16",
        "float16",
        "float8_e4m3fn",
        "float8_e4m3b11fnuz",
        "float8_e5m2fnuz",
    ]
    found = {fingerprint_data(np.zeros(4, jnp.dtype(name))) for name in names}
    assert len(found) == len(names)


# Programs.


def written_otherwise(hypers):
    """The same as build, for another reader."""

    def error(predicted, wanted):
        # Its own helper, and a loss by another name.
        return jaxnet.mean_squared_error(predicted, wanted)

    rate = hypers["learning_rate"]
    layers = [jaxnet.dense(hypers["width"]), jaxnet.relu]
    layers += [jaxnet.dropout(rate=hypers["dropout"]), jaxnet.dense(1)]
    return jaxnet.Task(
        jaxnet.sequential(*layers), error, optax.adamw(rate, weight_decay=0.001), 16
    )


def test_code_that_computes_the_same_has_the_same_fingerprint():
    due = fingerprint(build)
    assert fingerprint(written_otherwise) == due
    assert fingerprint(build, learning_rate=0.3, dropout=0.0) == due
    assert fingerprint(build, jax.tree.map(jnp.ones_like, DATA)) == due


@pytest.mark.parametrize(
    "other",
    [
        changed(loss=lambda y, t: jnp.mean(abs(y - t))),
        changed(loss=lambda y, t: 2.0 * jaxnet.mean_squared_error(y, t)),
        changed(optimizer=optax.adamw(0.1, weight_decay=1e-3)),
        changed(batch_size=8),
        changed(penalty=lambda params: 0.0 * params["dense_1"]["bias"].sum()),
        changed(metrics={"error": jaxnet.mean_squared_error}),
    ],
    ids=["operation", "number", "constant", "batch", "penalty", "metric"],
)
def test_code_that_computes_something_else_has_another_fingerprint(other):
    assert fingerprint(other) != fingerprint(build)


def test_shapes_and_static_hyperparameters_are_in_the_fingerprint():
    due = fingerprint(build)
    assert fingerprint(build, width=9) != due
    assert fingerprint(build, jax.tree.map(lambda a: a[:32], DATA)) != due


def test_constants_are_in_the_fingerprint():
    def scaled_by(scale):
        return fingerprint_function(lambda x: x * scale, jnp.zeros(3))

    assert scaled_by(np.arange(3.0)) == scaled_by(np.arange(3.0))
    assert scaled_by(np.arange(3.0)) != scaled_by(np.arange(3.0) + 1)
    assert scaled_by(jnp.arange(3.0)) != scaled_by(jnp.arange(3.0) + 1)

    def in_a_loop(scale):
        def body(carry, _):
            return jax.jit(lambda a: a * scale)(carry), None

        return fingerprint_function(
            lambda x: jax.lax.scan(body, x, length=3), jnp.zeros(3)
        )

    assert in_a_loop(np.arange(3.0)) != in_a_loop(np.arange(3.0) + 1)


def of(fn):
    return fingerprint_function(fn, jnp.zeros(3), jnp.zeros(3))


def test_operations_and_numbers_are_in_the_fingerprint():
    assert of(lambda a, b: jnp.sin(a)) != of(lambda a, b: jnp.cos(a))
    assert of(lambda a, b: a * 2.0) != of(lambda a, b: a * 3.0)
    assert of(lambda a, b: a.sum()) != of(lambda a, b: a.max())
    assert of(lambda a, b: jnp.roll(a, 1)) != of(lambda a, b: jnp.roll(a, 2))


def test_the_order_of_operands_is_in_the_fingerprint():
    assert of(lambda a, b: a - b) == of(lambda x, y: x - y)
    assert of(lambda a, b: a - b) != of(lambda a, b: b - a)
    assert of(lambda a, b: (a, b)) != of(lambda a, b: (b, a))
    assert of(lambda a, b: (a * 2) / (b * 2)) != of(lambda a, b: (a * 2) / (a * 2))


def test_names_and_places_in_memory_are_not_in_the_fingerprint():
    def one(a):
        return jnp.sin(a) + 1

    def other(b):
        return jnp.sin(b) + 1

    assert of(lambda a, b: jax.jit(one)(a)) == of(lambda a, b: jax.jit(other)(a))
    assert fingerprints._of_value(object(), {}) == "<object object>"


def test_what_only_evaluation_computes_is_in_the_fingerprint():
    def evaluated(factor):
        def apply(params, state, x, *, train=False, key=None):
            return (x if train else factor * x), state

        last = Layer(lambda key, x: ((), ()), apply, "last")
        return lambda h: build(h)._replace(
            model=jaxnet.sequential(jaxnet.dense(1), last)
        )

    assert fingerprint(evaluated(2.0)) == fingerprint(evaluated(2.0))
    assert fingerprint(evaluated(2.0)) != fingerprint(evaluated(3.0))


PROGRAM = """
import sys
import jax, jax.numpy as jnp, numpy as np
from jaxnet.checkpoint.fingerprints import fingerprint_function

@jax.custom_vjp
def cube(x):
    return x**3
cube.defvjp(lambda x: (cube(x), x), lambda x, g: (3 * x**2 * g,))

def one(a):
    return a + jax.lax.axis_index("beta")

def everything(x, key):
    mesh = jax.sharding.Mesh(np.array(jax.devices()).reshape(1, 1), ("alpha", "beta"))
    both = jax.sharding.PartitionSpec(("alpha", "beta"))
    x = jax.shard_map(one, mesh=mesh, in_specs=both, out_specs=both)(x)
    x = jax.checkpoint(lambda x: jnp.sin(x) + jax.nn.relu(x))(x)
    x = jax.grad(lambda x: cube(x).sum())(x) + cube(x)
    x = jax.lax.while_loop(lambda x: x.sum() < 3, lambda x: x + np.arange(3.0), x)
    x = jax.lax.cond(x.sum() > 0, jnp.sort, lambda x: x[::-1], x)
    x = jax.pure_callback(np.asarray, x, x) + jax.random.uniform(jax.random.key(3))
    return jax.random.normal(key, (3,)) + jax.scipy.special.logsumexp(x)

key = jax.eval_shape(jax.random.key, 0)
print(fingerprint_function(everything, np.zeros(3, np.float32), key))
print("orbax" in sys.modules)
"""


def test_a_fingerprint_is_the_same_in_every_process():
    # The seed decides the order of sets of strings.
    found = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    ]
    fingerprint, orbax = found[0].split()
    assert found[0] == found[1]
    assert len(fingerprint) == 64
    assert orbax == "False"


# Differences.


def test_a_difference_is_told_by_path_and_both_values():
    saved = {
        "epochs": 5,
        "hypers": {"rate": 0.1, "width": 8, "layers": [8, 8]},
        "settings": [{"rate": 0.1}, {"rate": 0.2}],
        "same": {"nan": float("nan"), "list": [1, {"a": None}]},
        "type": 1,
    }
    now = {
        "epochs": 6,
        "hypers": {"rate": 0.1, "layers": [8, 4], "depth": 2},
        "settings": [{"rate": 0.1}, {"rate": 0.3}, {"rate": 0.4}],
        "same": {"nan": float("nan"), "list": [1, {"a": None}]},
        "type": 1.0,
    }
    assert difference(saved, saved) == ""
    assert difference(saved, now).splitlines() == [
        "  epochs: 5 there, 6 here",
        "  hypers/width: 8 there, nothing here",
        "  hypers/layers: [8, 8] there, [8, 4] here",
        "  hypers/depth: nothing there, 2 here",
        "  settings/1/rate: 0.2 there, 0.3 here",
        "  settings/2: nothing there, {'rate': 0.4} here",
        "  type: 1 there, 1.0 here",
    ]
    assert difference(None, {"a": 1}) == "  all: None there, {'a': 1} here"


def test_many_and_long_differences_are_cut():
    lines = difference({str(i): 0 for i in range(50)}, {}).splitlines()
    assert len(lines) == LINES + 1
    assert lines[-1] == f"  and {50 - LINES} more"
    line = difference({"a": "x" * 1000}, {"a": "\x1b[2J"})
    assert line == f"  a: {'x' * (LONGEST - 1)}… there, '\\x1b[2J' here"


def test_a_checkpoint_of_something_else_is_refused_in_plain_words():
    hypers = {"rate": np.float32(0.5), "width": np.int64(8), "act": jaxnet.relu}
    here = identity(hypers=hypers, train="a" * 64, program="b" * 64, epochs=5)
    check_identity("runs/c", here, here)
    there = {**here, "train": "c" * 64, "hypers": {**here["hypers"], "rate": 0.25}}
    there["versions"] = {**here["versions"], "jax": "0.1"}
    with pytest.raises(ValueError, match="is a checkpoint of something else") as error:
        check_identity("runs/c", there, here)
    assert str(error.value) == (
        "runs/c is a checkpoint of something else:\n"
        "  hypers/rate: 0.25 there, 0.5 here\n"
        "  train: cccccccc… there, aaaaaaaa… here\n"
        f"  versions/jax: 0.1 there, {jax.__version__} here\n"
        "train: the examples to learn from are others.\n"
        "versions: to go on, install what it was made with.\n"
        "Use another folder to start again."
    )
    with pytest.raises(ValueError, match="all: None there"):
        check_identity("runs/c", None, here)


def test_an_identity_is_what_json_holds(key):
    stopping = jaxnet.EarlyStopping(patience=3)
    space = {"rate": jaxnet.uniform(0.0, 0.5), "f": jnp.tanh, "o": object()}
    found = identity(key=key, space=space, rule=stopping, n=None, b=np.bool_(True))
    del found["versions"]
    assert found == {
        "key": {"key": "threefry2x32", "data": [0, 0]},
        "space": {
            "rate": "uniform(0.0, 0.5)",
            "f": "jax.numpy.tanh",
            "o": "<object object>",
        },
        "rule": {
            "patience": 3,
            "min_delta": 0.0,
            "monitor": "validation_loss",
            "maximize": False,
        },
        "n": None,
        "b": True,
    }
