"""The main programs, compiled for a GPU that need not be there, and counted.

XLA compiles for a device that is described to it; nothing runs, and no driver is asked.
A kernel takes a GPU some microseconds to start, which for small nets is most of what it
does, and a loop is as fast as that only if the host knows how often it turns. Numbers
are those of JAX 0.10.2, where fewer are better.
"""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import topologies

import jaxnet
from jaxnet import programs
from jaxnet.devices import mesh_of, replicated, split
from jaxnet.programs import program_of
from jaxnet.search.engine import train_members
from jaxnet.search.members import Data, Layout, init_members
from jaxnet.search.memory import bytes_of, working_set
from jaxnet.starting import AFRESH

# As NVIDIA's data sheet and the CUDA C++ Programming Guide have it.
H200 = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 4800000000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 150000000000
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 12 }
runtime_version { major: 13 }
device_description_str: "NVIDIA H200"
"""
COLLECTIVE = r" (?:all-\w+|reduce-scatter|collective-\w+)(?:-start)?\("


class Loop(NamedTuple):
    """A loop of a compiled program."""

    turns: int | None  # None if only the device knows.
    kernels: int  # In its body, without those of loops inside.


def meshes(count):
    topology = topologies.get_topology_desc(
        platform="cuda", target_config=H200, topology=f"1x1x{count}"
    )
    return mesh_of(topology.devices)


def specs(tree, sharding):
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), tree
    )


def kernels(text):
    return len(re.findall(r" (?:fusion|custom-call|copy|copy-start)\(", text))


def loops(text):
    bodies = dict(re.findall(r"^%(\S+) (.*?)^}", text, re.DOTALL | re.MULTILINE))
    found = []
    for line in re.findall(r"^.* while\(.*$", text, re.MULTILINE):
        body = re.search(r"body=%([^,\s]+)", line)
        turns = re.search(r'known_trip_count":\{"n":"(\d+)"', line)
        found.append(Loop(turns and int(turns[1]), kernels(bodies[body[1]])))
    return sorted(found, key=lambda loop: loop.turns or 0)


def lecture_net(h):
    return jaxnet.Task(
        jaxnet.mlp(2048, 256, 20),
        jaxnet.softmax_cross_entropy,
        jaxnet.optimizer("adam", h["learning_rate"]),
        batch_size=512,
    )


def small_net(h):
    return jaxnet.Task(
        jaxnet.mlp(64, 64, 1, activation=jaxnet.tanh),
        jaxnet.mean_squared_error,
        jaxnet.optimizer("momentum", h["learning_rate"], momentum=0.9),
        batch_size=32,
    )


def lowered_sweep(mesh, chunk, count, every=1):
    """The programs that make and train so many small nets, so many at a time."""
    program, _ = program_of(small_net, {"learning_rate": 1e-3})
    layout = Layout(mesh, chunk, every, None)
    stacked, same = split(mesh), replicated(mesh)
    number = jax.ShapeDtypeStruct((count,), jnp.int32, sharding=stacked)
    rate = jax.ShapeDtypeStruct((count,), jnp.float32, sharding=stacked)
    x = jax.ShapeDtypeStruct((1024, 1), jnp.float32, sharding=same)
    key = specs(jax.eval_shape(jax.random.key, 0), same)
    init = init_members.lower(
        program, layout, {"learning_rate": rate}, number, number, key, (x, x), AFRESH
    )
    members = specs(init.out_info, stacked)
    blocks = [jax.ShapeDtypeStruct((), jnp.int32, sharding=same)] * 3
    train = train_members.lower(
        program.at(0), layout, members, Data((x, x)), key, *blocks
    )
    return program, init, train


@pytest.mark.parametrize("devices", [1, 4])
def test_a_sweep_is_few_kernels_in_loops_that_the_host_can_count(devices):
    _, init, train = lowered_sweep(meshes(devices), chunk=512, count=1024 * devices)
    text = train.compile().as_text()
    chunks, blocks, steps = loops(text)
    # The order of the examples, of all members, is one kernel, and no loop.
    assert steps.turns == 1024 // 32
    assert steps.kernels <= 18
    assert (chunks.turns, blocks.turns) == (None, None)
    assert min(chunks.kernels, blocks.kernels) <= 16
    for one in (text, init.compile().as_text()):
        assert not re.search(COLLECTIVE, one)


def test_members_take_the_memory_that_a_plan_would_say():
    chunk = 4096
    program, _, train = lowered_sweep(meshes(1), chunk, count=chunk)
    data = 2 * (np.zeros((1024, 1), np.float32),)
    rate = {"learning_rate": jnp.float32(1e-3)}
    state = programs.init.eval_shape(program, rate, jax.random.key(0), data)
    planned = chunk * working_set(program, rate, state, data)
    taken = train.compile().memory_analysis().temp_size_in_bytes
    assert 0.5 * planned < chunk * bytes_of(state) + taken < planned


@pytest.mark.parametrize("devices", [1, 4])
def test_an_epoch_of_fit_is_one_loop(devices):
    mesh = meshes(devices)
    program, traced = program_of(lecture_net, {"learning_rate": 1e-3})
    if devices > 1:
        program = program._replace(mesh=mesh)
    data = jnp.zeros((11_264, 300)), jnp.zeros(11_264, jnp.int32)
    state = programs.init.eval_shape(program, traced, jax.random.key(0), data)
    arguments = (traced, state, data, jax.random.key(0), jnp.int32(0))
    lowered = programs._epochs.lower(
        program, 1, *specs(arguments, replicated(mesh))
    ).compile()
    text = lowered.as_text()
    (steps,) = loops(text)
    assert steps.turns == 11_264 // 512
    # Those of six products, and of the sums that split products leave.
    assert steps.kernels <= 31 + 8 * (devices > 1)
    assert bool(re.search(COLLECTIVE, text)) == (devices > 1)


def test_evaluation_and_prediction_compile():
    mesh = meshes(1)
    program, traced = program_of(lecture_net, {"learning_rate": 1e-3})
    data = jnp.zeros((11_000, 300)), jnp.zeros(11_000, jnp.int32)
    state = programs.init.eval_shape(program, traced, jax.random.key(0), data)
    arguments = specs((traced, state, data), replicated(mesh))
    evaluated = programs._evaluate.lower(program, *arguments).compile()
    predicted = programs.predict.lower(program, *arguments[:2], arguments[2][0])
    for text in (evaluated.as_text(), predicted.compile().as_text()):
        (chunks,) = loops(text)
        assert chunks.turns == 11_000 // 512
        assert chunks.kernels <= 12
