"""Checkpoints: what comes back, and what is left when something goes wrong."""

import asyncio
import errno
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxnet
from jaxnet import checkpoint, programs
from jaxnet.checkpoint import files, saving
from jaxnet.programs import program_of

KILLS = int(os.environ.get("JAXNET_KILLS", "5"))
"""How often a process is killed while it writes."""

FLIPS = 200
CUTS = 20

TREE = {"w": np.arange(600, dtype=np.float32), "epoch": 3, "nothing": ()}
FILES = [files.MANIFEST, *files.FILES]


class Pair(NamedTuple):
    first: Any
    second: Any


def save(folder, step, tree, meta=None, *, keep=2, best=False):
    with checkpoint.writing(folder, keep) as checkpoints:
        checkpoints.save(step, tree, meta, best=best)


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints: of step 1 and of step 2."""
    for step in (1, 2):
        save(tmp_path / "c", step, {**TREE, "epoch": step}, {"step": step})
    return tmp_path / "c"


def assert_same(got, want):
    """Structure, types, dtypes, shapes and bytes."""
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        if isinstance(b, jax.Array):
            assert isinstance(a, jax.Array)
            if jnp.issubdtype(b.dtype, jax.dtypes.prng_key):
                assert a.dtype == b.dtype
                a, b = jax.random.key_data(a), jax.random.key_data(b)
        else:
            assert type(a) is type(b)
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


# What comes back.

numbers = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()
numpy_arrays = hnp.arrays(
    st.sampled_from([bool, "i1", "u4", "i8", "f2", "f4", "f8", "c8", "c16"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
scalars = st.integers(0, 9).map(np.uint8) | st.floats(width=32).map(np.float32)
jax_arrays = st.builds(
    lambda array, dtype: jnp.asarray(array).astype(dtype),
    hnp.arrays("i1", hnp.array_shapes(min_dims=0, max_side=4)),
    st.sampled_from(["bool", "bfloat16", "float32", "int4", "float8_e4m3", "uint32"]),
)
keys = st.builds(
    lambda seed, implementation, shape: jax.random.split(
        jax.random.key(seed, impl=implementation), shape
    ),
    st.integers(0, 2**31),
    st.sampled_from(["threefry2x32", "rbg"]),
    st.sampled_from([(), (3,)]),
)
trees = st.recursive(
    numbers | numpy_arrays | scalars | jax_arrays | keys | st.just(()) | st.none(),
    lambda one: (
        st.lists(one, max_size=3)
        | st.builds(Pair, one, one)
        | st.dictionaries(st.text(max_size=5), one, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=25)
@given(trees)
def test_what_was_saved_comes_back_to_the_bit(tree):
    with tempfile.TemporaryDirectory() as folder:
        save(folder, 0, tree, {"nan": float("nan"), "pair": (1, 0.1)})
        got, meta = checkpoint.load(folder, tree)
    assert_same(got, tree)
    assert str(meta) == "{'nan': nan, 'pair': [1, 0.1]}"


def build(hypers):
    return jaxnet.Task(
        model=jaxnet.sequential(
            jaxnet.dense(8, bias=False),
            jaxnet.batch_norm(),
            jaxnet.relu,
            jaxnet.dropout(0.3),
            jaxnet.dense(1),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=optax.chain(
            optax.clip_by_global_norm(1.0), optax.adamw(hypers["learning_rate"])
        ),
        batch_size=8,
    )


def test_training_goes_on_as_if_nothing_had_been(key, tmp_path):
    data_key, init_key, train_key = jax.random.split(key, 3)
    x = jax.random.normal(data_key, (32, 3))
    data = (x, x.sum(axis=1, keepdims=True))
    program, traced = program_of(build, {"learning_rate": 0.01})
    state = programs.init(program, traced, init_key, data)
    like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), state)
    state, _ = programs.train_block(program, traced, state, data, train_key, 0, 3)
    save(tmp_path, 3, {"state": state, "key": train_key})
    due, _ = programs.train_block(program, traced, state, data, train_key, 3, 6)

    saved, _ = checkpoint.load(
        tmp_path, {"state": like, "key": jax.eval_shape(jax.random.key, 0)}
    )
    got, _ = programs.train_block(
        program, traced, saved["state"], data, saved["key"], 3, 6
    )

    assert_same(got, due)


def test_what_was_on_eight_devices_is_put_on_two(key, tmp_path):
    def on(count):
        mesh = Mesh(np.array(jax.devices()[:count]), ("members",))
        return NamedSharding(mesh, PartitionSpec("members"))

    tree = {
        "w": jax.device_put(jnp.arange(32.0).reshape(16, 2), on(8)),
        "key": jax.device_put(jax.random.split(key, 8), on(8)),
    }
    save(tmp_path, 1, tree)
    like = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=on(2)), tree
    )

    got, _ = checkpoint.load(tmp_path, like)

    assert_same(got, tree)
    assert got["w"].sharding == got["key"].sharding == on(2)
    assert [part.data.shape for part in got["w"].addressable_shards] == [(8, 2)] * 2


def test_arrays_are_of_the_dtype_that_is_due_or_refused(tmp_path):
    save(tmp_path, 1, {"w": np.ones(3)})
    assert checkpoint.load(tmp_path, {"w": np.zeros(3)})[0]["w"].dtype == np.float64
    with pytest.raises(ValueError, match=r"w is float64, .*jax_enable_x64"):
        checkpoint.load(tmp_path, {"w": jax.ShapeDtypeStruct((3,), np.float64)})


def test_orbax_itself_can_read_it(folder):
    from etils import epath
    from orbax.checkpoint import PyTreeCheckpointHandler

    arrays = epath.Path(folder / "step_00000002" / files.ARRAYS)
    found = PyTreeCheckpointHandler().restore(arrays)
    epoch = np.array(2).tobytes()
    assert found["leaves"].tobytes() == epoch + TREE["w"].tobytes()


def test_it_works_where_an_event_loop_runs(tmp_path):
    async def notebook():
        save(tmp_path, 1, TREE)
        return checkpoint.load(tmp_path, TREE)

    assert_same(asyncio.run(notebook())[0], TREE)


def test_the_event_loop_of_others_is_left_alone(tmp_path):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    save(tmp_path, 1, TREE)
    checkpoint.load(tmp_path, TREE)
    assert asyncio.get_event_loop() is loop
    asyncio.set_event_loop(None)
    loop.close()


# What is kept.


def test_the_last_ones_are_kept_and_the_best(tmp_path):
    assert checkpoint.steps(tmp_path / "none") == []
    assert checkpoint.latest(tmp_path) is None
    assert checkpoint.best(tmp_path) is None
    with checkpoint.writing(tmp_path, keep=3) as checkpoints:
        for step in range(10):
            checkpoints.save(step, {"w": step}, best=step in (2, 4))
    assert checkpoint.steps(tmp_path) == [4, 7, 8, 9]
    assert checkpoint.latest(tmp_path) == 9
    assert checkpoint.best(tmp_path) == 4
    assert checkpoint.load(tmp_path, {"w": 0}, step=4) == ({"w": 4}, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lock",
        *(f"step_0000000{step}" for step in (4, 7, 8, 9)),
    ]


def test_a_step_is_not_written_twice(folder):
    for step in (2, 1):
        with pytest.raises(ValueError, match=f"more than 2, .* got {step}"):
            save(folder, step, TREE)
    assert checkpoint.load(folder, TREE)[1] == {"step": 2}


def test_a_folder_is_written_to_by_one(folder):
    with checkpoint.writing(folder), pytest.raises(ValueError, match="another run"):
        save(folder, 3, TREE)
    save(folder, 3, TREE)


@pytest.mark.parametrize(
    ("tree", "meta", "message"),
    [
        ({"a": {"b": "text"}}, None, "a/b is no array of numbers"),
        ({"a": np.array([None])}, None, "a is no array of numbers"),
        ({"a": 2**64}, None, "a has more than 64 bits"),
        ({}, {"a": np.ones(2)}, "meta.json holds what JSON does"),
    ],
    ids=["text", "objects", "large", "meta"],
)
def test_what_cannot_be_saved_is_refused(folder, tree, meta, message):
    with pytest.raises(ValueError, match=message):
        save(folder, 3, tree, meta)
    assert os.listdir(folder).count(".writing_00000003") == 0
    assert checkpoint.load(folder, TREE)[1] == {"step": 2}


# What does not fit.


def test_leaves_that_differ_are_named(tmp_path):
    saved = {"a": jnp.ones((2, 3)), "b": jnp.ones(2), "c": 1, "d": {"e": 2}}
    save(tmp_path, 1, saved)
    like = {"a": jnp.ones((2, 4)), "b": jnp.ones(2, int), "c": 1.0, "f": {"e": 2}}
    with pytest.raises(ValueError, match="step_00000001 is of another tree") as error:
        checkpoint.load(tmp_path, like)
    assert str(error.value).splitlines()[1:] == [
        "  a: float32 (2, 3) there, float32 (2, 4) here",
        "  b: float32 (2,) there, int32 (2,) here",
        "  c: int () there, float () here",
        "  d/e: int () there, nothing here",
        "  f/e: nothing there, int () here",
    ]


def test_a_checkpoint_that_is_not_there_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="none has no checkpoint"):
        checkpoint.load(tmp_path / "none", TREE)
    with pytest.raises(ValueError, match=r"no checkpoint of step 7, but of \[1, 2\]"):
        checkpoint.load_meta(folder, step=7)


# What is left of a run that ends in the middle.


class Killed(BaseException):
    pass


MOMENTS = {
    "write_json": 1,
    "write_array": 1,
    "write_manifest": 1,
    "sync": 1,
    "sync_one": 2,
    "_remove": 2,
}
"""Functions that a save calls, and the step that can be loaded before they return."""


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_ends_at_any_moment_leaves_a_checkpoint(
    monkeypatch, tmp_path, moment, done
):
    save(tmp_path, 0, {"w": np.full(1000, 0)}, 0, keep=1)
    save(tmp_path, 1, {"w": np.full(1000, 1)}, 1, keep=1)
    right = getattr(saving, moment)

    def ends(*args):
        if done:
            right(*args)
        # What would still be done is not, as with a process that is killed.
        monkeypatch.setattr(saving, "_remove", lambda path: None)
        raise Killed

    with checkpoint.writing(tmp_path, keep=1) as checkpoints:
        monkeypatch.setattr(saving, moment, ends)
        with pytest.raises(Killed):
            checkpoints.save(2, {"w": np.full(1000, 2)}, 2)
    monkeypatch.undo()

    tree, step = checkpoint.load(tmp_path, {"w": np.zeros(1000, int)})
    assert step == MOMENTS[moment]
    assert (tree["w"] == step).all()
    save(tmp_path, 3, TREE, keep=1)
    assert sorted(os.listdir(tmp_path)) == ["lock", "step_00000003"]


def test_what_is_half_removed_is_no_checkpoint(monkeypatch, folder):
    def half(path):
        (path / files.META).unlink()
        raise Killed

    with checkpoint.writing(folder, keep=1) as checkpoints:
        monkeypatch.setattr(saving, "_remove", half)
        with pytest.raises(Killed):
            checkpoints.save(3, TREE)
    assert 1 not in checkpoint.steps(folder)
    for step in checkpoint.steps(folder):
        checkpoint.load(folder, TREE, step)


WRITER = """
import sys
import numpy as np
from jaxnet import checkpoint

folder = sys.argv[1]
step = checkpoint.latest(folder) or 0
with checkpoint.writing(folder) as checkpoints:
    while True:
        step += 1
        checkpoints.save(step, {"w": np.full(300_000, step)}, {"step": step})
        print(step, flush=True)
"""


def test_a_process_that_is_killed_leaves_a_checkpoint(tmp_path):
    moments = random.Random(0)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = int(process.stdout.readline())
        time.sleep(moments.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        written = [first, *map(int, process.stdout.read().split())]
        process.wait()
        process.stdout.close()

        tree, meta = checkpoint.load(tmp_path, {"w": np.zeros(300_000, int)})
        # The step after the last one that it told us of may be there already.
        assert meta["step"] in (written[-1], written[-1] + 1)
        assert (tree["w"] == meta["step"]).all()
    with checkpoint.writing(tmp_path):
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@contextmanager
def largest_file(size):
    """Files can have so many bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("size", "floats"),
    [(0, 4000), (30, 4000), (200, 4000), (4096, 4000), (400, 9)],
    ids=["meta", "zarray", "metadata", "array", "manifest"],
)
def test_a_full_disk_is_one_error_and_costs_nothing(folder, caplog, size, floats):
    tree, meta = {"w": np.arange(floats, dtype=np.float32)}, {"epoch": 3}
    with checkpoint.writing(folder) as checkpoints:
        with (
            pytest.raises(OSError, match="step 3 could not be written") as error,
            largest_file(size),
        ):
            checkpoints.save(3, tree, meta)
        assert error.value.filename == str(folder)
        assert error.value.errno == errno.EFBIG
        assert str(error.value) == (
            "[Errno 27] That of 2 is there, but the checkpoint of step 3 could not be "
            f"written: File too large: '{folder}'"
        )
        assert not caplog.records
        assert_same(checkpoint.load(folder, TREE)[0], {**TREE, "epoch": 2})
        assert sorted(os.listdir(folder)) == ["lock", "step_00000001", "step_00000002"]
        checkpoints.save(3, tree, meta)
    assert checkpoint.load(folder, tree)[1] == meta


READ_ONLY = """
import os, sys
import numpy as np
from jaxnet import checkpoint

def attempt(what):
    # Permissions do not bind the user that may do everything.
    os.chmod("c", 0o555)
    if root:
        os.seteuid(65534)
    try:
        what()
    except OSError as error:
        print(type(error).__name__, error, sep=": ")
    if root:
        os.seteuid(0)

def again():
    with checkpoint.writing("c") as checkpoints:
        checkpoints.save(2, tree)

root = os.geteuid() == 0
os.chdir(sys.argv[1])
tree = {"w": np.arange(5)}
with checkpoint.writing("c") as checkpoints:
    checkpoints.save(1, tree, "intact")
    attempt(lambda: checkpoints.save(2, tree))
attempt(again)
attempt(lambda: checkpoint.writing("c/inner").__enter__())
print(checkpoint.load("c", tree))
"""


def test_a_folder_that_is_read_only_is_one_error_and_can_be_read(tmp_path):
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    during, after, inner, last = done.stdout.splitlines()
    assert during == (
        "PermissionError: [Errno 13] That of 1 is there, but the checkpoint of step 2 "
        "could not be written: Permission denied: 'c'"
    )
    # Root's lock is not another user's to open; one's own is.
    assert after.startswith("PermissionError: [Errno 13] ")
    assert after.endswith(" Permission denied: 'c'")
    assert inner.startswith("PermissionError: [Errno 13] c/inner cannot be written to")
    assert last == "({'w': array([0, 1, 2, 3, 4])}, 'intact')"


# Damage, and what others send.


def refused(folder, like=TREE):
    """The message with which the last checkpoint is refused, soon."""
    start = time.perf_counter()
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the caller looks at it
        checkpoint.load(folder, like)
    assert time.perf_counter() - start < 2.0
    return str(error.value)


def test_the_way_back_is_said_but_not_taken(folder):
    path = folder / "step_00000002/arrays/leaves/0"
    path.write_bytes(b"x" * path.stat().st_size)
    assert refused(folder) == (
        f"{path} has changed since it was written. The checkpoint of step 1 is intact: "
        f"to go on from it, remove step_00000002 from {folder}."
    )
    assert checkpoint.load_meta(folder) == {"step": 2}  # It is another file.
    assert checkpoint.load(folder, TREE, step=1)[1] == {"step": 1}
    (folder / "step_00000001/meta.json").unlink()
    assert refused(folder).endswith("No older checkpoint there is intact.")


def test_what_is_beside_the_arrays_is_checked_as_well(folder):
    path = folder / "step_00000002/meta.json"
    path.write_text('{"step": 3}')
    with pytest.raises(ValueError, match=r"meta.json has changed .* step 1 is intact"):
        checkpoint.load_meta(folder)
    (folder / "step_00000002/more").touch()
    with pytest.raises(ValueError, match="more is no file of a checkpoint"):
        checkpoint.load_meta(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_named(folder, name):
    path = folder / "step_00000002" / name
    whole = path.read_bytes()
    for cut in np.linspace(0, len(whole) - 1, CUTS, dtype=int):
        path.write_bytes(whole[:cut])
        message = refused(folder)
        assert str(path) in message
        if name != files.MANIFEST:
            assert f"has {cut:,} bytes, and {len(whole):,} were written" in message
    path.write_bytes(whole)
    checkpoint.load(folder, TREE)


def test_a_byte_that_is_another_is_noticed(folder):
    right, _ = checkpoint.load(folder, TREE)
    here = folder / "step_00000002"
    where = random.Random(0)
    for _ in range(FLIPS):
        path = here / where.choice(FILES)
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[where.randrange(len(whole))] ^= 1 << where.randrange(8)
        path.write_bytes(changed)
        message = None
        try:
            found, meta = checkpoint.load(folder, TREE)
            assert_same(found, right)
            assert meta == {"step": 2}
        except ValueError as error:
            message = str(error)
        assert message is None or str(path) in message
        path.write_bytes(whole)


@pytest.mark.parametrize("name", FILES)
def test_only_plain_files_are_read(folder, tmp_path, name):
    path = folder / "step_00000002" / name
    whole, elsewhere = path.read_bytes(), tmp_path / "elsewhere"
    elsewhere.write_bytes(whole)
    mark = tmp_path / "ran"
    hostile = f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()
    for make in (
        lambda: path.write_bytes(hostile),
        lambda: path.symlink_to(elsewhere),
        lambda: os.mkfifo(path),
        lambda: path.mkdir(),
        lambda: None,
    ):
        path.unlink()
        make()
        assert str(path) in refused(folder)
        if path.is_dir():
            path.rmdir()
        path.touch()
    assert not mark.exists()
    path.write_bytes(whole)
    checkpoint.load(folder, TREE)


@pytest.mark.parametrize("name", ["more", "arrays/more", "arrays/leaves/1", "..."])
def test_other_files_are_refused(folder, name):
    path = folder / "step_00000002" / name
    path.write_text("more")
    assert f"{path} is no file of a checkpoint" in refused(folder)


def test_folders_are_where_they_were_written(folder, tmp_path):
    here = folder / "step_00000002"
    for inner in ("", "arrays", "arrays/leaves"):
        (here / inner).rename(tmp_path / "elsewhere")
        os.symlink(tmp_path / "elsewhere", here / inner)
        assert f"{here / inner} is no folder" in refused(folder)
        (here / inner).unlink()
        (tmp_path / "elsewhere").rename(here / inner)
    here.rename(folder / "step_00000005")
    assert "step_00000005 is of step 2, and was renamed" in refused(folder)
    for name in ("step_5", "step_000000005", "step_00000005.old"):
        (folder / name).mkdir()
    assert checkpoint.steps(folder) == [1, 5]


def forge(folder, name, content):
    """Puts another file into a checkpoint, with the checksums that it should have."""
    here = folder / "step_00000002"
    leaves = files.read_manifest(here)["leaves"]
    (here / name).write_bytes(content)
    files.write_manifest(here, 2, False, leaves)
    return here / name


ZARRAY = (
    b'{"chunks":[%d],"compressor":%s,"dimension_separator":".","dtype":"|u1",'
    b'"fill_value":null,"filters":null,"order":"C","shape":[%d],"zarr_format":2}'
)
METADATA = b'{"tree_metadata": {"(\'leaves\',)": {}}, "use_ocdbt": %s, "use_zarr3": %s}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("arrays/leaves/.zarray", ZARRAY % (2**60, b"null", 2**60)),
        ("arrays/leaves/.zarray", ZARRAY % (2**40, b"null", 2408)),
        ("arrays/leaves/.zarray", ZARRAY % (2408, b'{"id":"zstd","level":1}', 2408)),
        ("arrays/_METADATA", METADATA % (b"true", b"false")),
        ("arrays/_METADATA", METADATA % (b"false", b"true")),
        ("arrays/_METADATA", b"[]"),
        ("arrays/leaves/0", b"x" * 2407),
        ("meta.json", b"[" * 1_000_000),
        ("meta.json", b"9" * 1_000_000),
        ("meta.json", b'"\xff"'),
        ("meta.json", b'"%s"' % (b" " * files.LARGEST_JSON)),
    ],
    ids=lambda value: value[:8].decode("latin1") if isinstance(value, bytes) else value,
)
def test_right_checksums_do_not_help_what_is_wrong(folder, name, content):
    path = forge(folder, name, content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert str(path) in refused(folder)
    # In kilobytes. No more JSON is read than that, and of arrays what is due.
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 2 * files.LARGEST_JSON


@pytest.mark.parametrize(
    "manifest",
    [
        b"null",
        b'{"sha256": "", "manifest": 1}',
        b'{"sha256": "", "manifest": {"step": 2}}',
        b"[" * 1_000_000,
    ],
)
def test_a_manifest_of_another_form_is_refused(folder, manifest):
    path = folder / "step_00000002" / files.MANIFEST
    path.write_bytes(manifest)
    assert str(path) in refused(folder)


def test_a_file_that_is_too_large_is_not_even_summed_up(folder):
    here = folder / "step_00000002"
    about = files.read_manifest(here)
    for name in (files.DATA, files.META):
        with (here / name).open("ab") as file:
            file.truncate(2**40)  # It has no blocks on the disk.
        about["files"][name][0] = 2**40
        files.write_json(
            here / files.MANIFEST, {"sha256": files._own(about), "manifest": about}
        )
        assert f"{here / name} has " in refused(folder)
        about["files"][name][0] = len(TREE["w"].tobytes()) + 8
        (here / name).write_bytes(b"")


def test_a_manifest_that_claims_too_much_is_refused(folder):
    here = folder / "step_00000002"
    files.write_manifest(here, 2, False, [["w", "float32", [2**60]]])
    assert "w: float32 (1152921504606846976,) there, float32 (600,) here" in refused(
        folder
    )


def test_paths_of_files_are_not_taken_from_the_manifest(folder, tmp_path):
    here = folder / "step_00000002"
    (tmp_path / "secret").write_text("secret")
    about = files.read_manifest(here)
    for name in ("../../secret", str(tmp_path / "secret")):
        forged = {**about, "files": {**about["files"], name: [6, "0" * 64]}}
        files.write_json(
            here / files.MANIFEST, {"sha256": files._own(forged), "manifest": forged}
        )
        assert f"{here / files.MANIFEST} has changed" in refused(folder)
