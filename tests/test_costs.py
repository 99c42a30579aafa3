"""What the main programs cost, counted and not timed: what was won is not lost again.

XLA counts a program's operations and the bytes that it reads and writes; the body of
a loop counts once, so an epoch costs what its step does. Operations are compared with
formulas, bytes with what was counted on JAX 0.10.2, where less is better.
"""

import itertools
import os
import re
import subprocess
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import counted_compilations

import jaxnet
from experiments.common.long_runs import LongRun
from experiments.newsgroups.config import Config
from experiments.newsgroups.prepare import load_parts, vectorize
from experiments.newsgroups.training import compile_ahead, train_nets
from jaxnet import programs, search
from jaxnet.devices import devices_of, mesh_of, replicated
from jaxnet.search import running
from jaxnet.search.running import Running

SIZES, BATCH, ROWS = (300, 2048, 256, 20), 512, 11_264
UNITS, MEMBERS = 64, 16


class Cost(NamedTuple):
    """Of a compiled program, by XLA."""

    operations: float
    bytes: float
    text: str


def cost(lowered) -> Cost:
    compiled = lowered.compile()
    counted = compiled.cost_analysis()
    return Cost(counted["flops"], counted["bytes accessed"], compiled.as_text())


def products(sizes, rows, *, backwards=False):
    """Operations of the matrix products of a net: forwards, and backwards as well."""
    each = [fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes)]
    # Backwards there is one for the weights and one for the inputs, but for the data.
    return 2 * rows * (3 * sum(each) - each[0] if backwards else sum(each))


def lecture_net(h):
    return jaxnet.Task(
        jaxnet.mlp(*SIZES[1:]),
        jaxnet.softmax_cross_entropy,
        jaxnet.optimizer("adam", h["learning_rate"]),
        batch_size=BATCH,
    )


def small_net(h):
    return jaxnet.Task(
        jaxnet.mlp(UNITS, UNITS, 1, activation=jaxnet.tanh),
        jaxnet.mean_squared_error,
        jaxnet.optimizer("momentum", h["learning_rate"], momentum=0.9),
        batch_size=32,
    )


@pytest.fixture(scope="module")
def fitted():
    """The arguments of the programs of `fit`."""
    program, traced = programs.program_of(lecture_net, {"learning_rate": 1e-3})
    data = jnp.zeros((ROWS, SIZES[0])), jnp.zeros((ROWS,), jnp.int32)
    state = programs.init.eval_shape(program, traced, jax.random.key(0), data)
    return program, traced, state, data


def test_an_epoch_of_fit_is_its_matrix_products_and_adam(fitted):
    program, traced, state, data = fitted
    for epochs in (1, 5):
        found = cost(
            programs._epochs.lower(
                program, epochs, traced, state, data, jax.random.key(0), 0
            )
        )
        weights = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(state.params))
        # What Adam does with a weight is 17 operations, as XLA counts them.
        due = products(SIZES, BATCH, backwards=True) + 17 * weights
        assert found.operations == pytest.approx(due, rel=0.01)
        assert found.bytes < 1.03 * 130.1e6


def test_evaluation_and_prediction_cost_one_pass_forwards(fitted):
    program, traced, state, data = fitted
    evaluation = cost(programs._evaluate.lower(program, traced, state, data))
    prediction = cost(programs.predict.lower(program, traced, state, data[0]))
    # All rows are a number of chunks of 512: one body of a loop.
    assert ROWS % BATCH == 0
    for found in (evaluation, prediction):
        assert found.operations == pytest.approx(products(SIZES, BATCH), rel=0.02)
    assert evaluation.bytes < 1.03 * 25.6e6
    assert prediction.bytes < 1.03 * 26.3e6


def planned():
    x = np.linspace(-1, 1, 1024, dtype=np.float32)[:, None]
    space = {"learning_rate": search.log_uniform(1e-3, 1e-2)}
    key = jax.random.key(0)
    return search.plan(
        small_net,
        space,
        (x, x),
        key=key,
        trials=64,
        epochs=20,
        devices=1,
        chunk=MEMBERS,
    )


def test_a_step_of_a_sweep_is_that_of_its_members():
    plan = planned()
    train, init = map(cost, Running(plan, plan.groups[0]).lowered({}))
    due = MEMBERS * products((1, UNITS, UNITS, 1), 32, backwards=True)
    # Momentum, tanh and the guard against numbers that are not finite.
    assert due < train.operations < 1.02 * 14.14e6
    # Counted as if each step did what is done once in a window, a fifth of them.
    assert train.bytes < 1.03 * 11.31e6
    assert init.bytes < 1.03 * 7.94e6


def test_a_split_step_adds_up_each_leaf_of_the_gradient_and_the_loss(fitted):
    program, traced, state, data = fitted
    mesh = mesh_of(devices_of(4))
    spread = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=replicated(mesh)),
        (traced, state, data, jax.random.key(0)),
    )
    found = cost(programs._epochs.lower(program._replace(mesh=mesh), 1, *spread, 0))
    summed = re.findall(r"= (.*) all-reduce\(", found.text)
    leaves = sum(text.count("f32[") for text in summed)
    # Six of the net, and the loss twice: for its mean and for the weights' sum.
    assert 6 <= leaves <= 8
    due = products(SIZES, BATCH // 4, backwards=True)
    assert found.operations < 1.03 * due + 20 * 1.2e6


def test_a_call_of_a_sweep_reads_curves_and_states_back_and_nothing_else(monkeypatch):
    calls, read = [], []
    train, to_host = running.train_members, running.to_host

    def counted_train(*arguments):
        calls.append(None)
        return train(*arguments)

    def counted_read(tree):
        read.append(sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree)))
        return to_host(tree)

    monkeypatch.setattr(running, "train_members", counted_train)
    monkeypatch.setattr(running, "to_host", counted_read)
    plan = planned()
    group = Running(plan, plan.groups[0])
    group.init()
    group.train(20, lambda *_: None)
    assert len(read) == 2 * len(calls)
    # A curve of 32 blocks, and three numbers: of 64 members.
    assert max(read) <= 64 * 4 * running.SEGMENT
    assert sum(read) <= len(calls) * 64 * 4 * (running.SEGMENT + 4)


def test_newsgroups_trains_nets_that_were_compiled_before_there_were_features(caplog):
    config = Config(corpus="sample", epochs=2)
    parts = load_parts(config, {})
    compile_ahead(config, parts)
    features, data = vectorize(config, parts, {})
    groups, watch = parts.corpus.groups, {"progress": False, "callbacks": ()}
    with counted_compilations(caplog) as names:
        train_nets(config, groups, features, data, LongRun(), **watch)
    assert not {"init", "_epochs", "_evaluate", "predict"} & set(names)


_TWICE = """
import jax, numpy as np, jaxnet
from jaxnet import search

compiled = []

def listen(event, **_):
    compiled.append(event == "/jax/compilation_cache/cache_misses")

jax.monitoring.register_event_listener(listen)
data = np.zeros((64, 3), np.float32), np.zeros(64, np.int32)
key = jax.random.key(0)

def build(h):
    return jaxnet.Task(
        jaxnet.mlp(h["width"], 2),
        jaxnet.softmax_cross_entropy,
        jaxnet.optimizer("adam", h["rate"]),
    )

run = jaxnet.fit(build, {"width": 4, "rate": 1e-3}, data, data, key=key, epochs=2)
run.predict(data[0])
space = {"width": search.choice(4, 8), "rate": search.log_uniform(1e-3, 1e-1)}
search.sweep(build, space, data, data, key=key, trials=4, epochs=2, progress=False)
print(sum(compiled))
"""


def test_a_second_run_finds_all_programs_in_the_persistent_cache(tmp_path):
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    first, second = (
        int(
            subprocess.run(
                [sys.executable, "-c", _TWICE],
                env=os.environ | cache,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            ).stdout
        )
        for _ in range(2)
    )
    assert first > 5
    assert second == 0
