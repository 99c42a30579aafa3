"""`fit` with batches split over devices, against the run on one."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnet

HYPERS = {"learning_rate": 0.01, "dropout": 0.2, "momentum": 0.9}


def build(h):
    return jaxnet.Task(
        jaxnet.sequential(
            jaxnet.dense(16, bias=False),
            jaxnet.batch_norm(),
            jaxnet.tanh,
            jaxnet.dropout(h["dropout"]),
            jaxnet.dense(3),
        ),
        jaxnet.softmax_cross_entropy,
        jaxnet.optimizer("momentum", h["learning_rate"], momentum=h["momentum"]),
        batch_size=16,
        metrics={"accuracy": jaxnet.accuracy},
    )


def data(seed=0, examples=70):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, 5)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int32) + (x[:, 1] > 0.5)


def trained(devices, build=build, train=None, hypers=HYPERS, **changes):
    train = data() if train is None else train
    arguments = {"key": jax.random.key(2), "epochs": 6, "every": 2} | changes
    return jaxnet.fit(build, hypers, train, data(1), devices=devices, **arguments)


def assert_same(one, other, rtol=1e-5):
    for name, column in one.history.items():
        if name != "seconds":
            np.testing.assert_allclose(column, other.history[name], rtol=rtol)
    chex.assert_trees_all_close(one.state, other.state, rtol=rtol, atol=1e-6)


@pytest.fixture(scope="module")
def alone():
    return trained(1)


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_a_batch_split_over_devices_gives_the_run_on_one(alone, devices):
    split = trained(devices)
    assert_same(alone, split)
    # What is returned is on one device, as if it had been trained there.
    x = data(2)[0]
    np.testing.assert_allclose(alone.predict(x), split.predict(x), rtol=1e-4, atol=1e-5)
    assert len(jax.tree.leaves(split.params)[0].devices()) == 1


def test_a_stream_is_split_as_well(alone):
    split = trained(4, train=jaxnet.data.stream_arrays(data()))
    assert_same(alone, split)


def test_each_device_computes_a_part_of_the_batch_only():
    """The compiled step multiplies 4 rows on each of 4 devices, and adds gradients."""
    from jaxnet import programs
    from jaxnet.devices import devices_of, mesh_of, put, replicated

    mesh = mesh_of(devices_of(4))
    program, traced = programs.program_of(build, HYPERS)
    key = jax.random.key(0)
    arrays = jax.tree.map(jnp.asarray, data())
    state = programs.init(program, traced, key, arrays)
    arguments = put((traced, state, arrays, jax.random.key(1)), replicated(mesh))
    text = (
        programs._epochs.lower(program._replace(mesh=mesh), 1, *arguments, 0)
        .compile()
        .as_text()
    )
    assert "all-reduce" in text
    assert "f32[4,16]" in text
    assert "f32[16,16]" not in text


def test_early_stopping_and_divergence_are_the_same(alone):
    rule = jaxnet.EarlyStopping(patience=1)
    one, four = (trained(n, early_stopping=rule, epochs=40) for n in (1, 4))
    assert one.status == four.status
    assert one.best_epoch == four.best_epoch
    assert_same(one, four, rtol=1e-4)
    too_fast = HYPERS | {"learning_rate": 1e30}
    one, four = (trained(n, hypers=too_fast) for n in (1, 4))
    assert one.status == four.status
    assert one.status.startswith("diverged at step")
    np.testing.assert_array_equal(one.diagnosis.rows, four.diagnosis.rows)


@pytest.mark.parametrize(
    ("batch_size", "devices", "words"),
    [
        (16, 3, "multiple of the 3 devices that share it, got 16"),
        (None, 8, "multiple of the 8 devices that share it, got 70"),
        ({0: 16, 3: 18}, 4, "got 18"),
        (16, 9, "devices=9 are more than the 8 there are"),
        (16, 0, "devices should be an int of at least 1, got 0"),
    ],
)
def test_what_cannot_be_split_is_refused(batch_size, devices, words):
    def sized(h):
        return build(h)._replace(batch_size=batch_size)

    with pytest.raises(ValueError, match=words):
        trained(devices, build=sized)
