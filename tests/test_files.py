"""jaxnet.saving.files: a file is the old one or the new one, whatever happens."""

import contextlib
import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import pytest

from jaxnet.saving import files
from jaxnet.saving.files import parse_json, write_whole
from jaxnet.saving.headers import read_header
from jaxnet.saving.weights import load_params, save_params

ROOT = Path(__file__).parents[1]


def in_another_process(script: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_file_is_written_over_in_one_piece(tmp_path):
    path = tmp_path / "file"
    assert write_whole(path, b"old") == path
    write_whole(str(path), [b"new ", b"", b"one"])
    assert path.read_bytes() == b"new one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    # As any new file of this process has them, and not as temporary files have.
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "file", tmp_path / "link"
    link.symlink_to(target)
    write_whole(link, b"data")
    assert link.is_symlink()
    assert target.read_bytes() == b"data"


def test_what_is_no_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(ValueError, match="is a folder or a device"):
            write_whole(path, b"data")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot be written.*no/file"):
        write_whole(tmp_path / "no" / "file", b"data")


@contextlib.contextmanager
def files_of_at_most(size: int):
    """No file of this process may grow larger, which is an error of the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal that would end it.
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_when_there_is_no_room_the_old_weights_stay(tmp_path):
    path = save_params(tmp_path / "w", {"a": jnp.ones(3)})
    with (
        files_of_at_most(4096),
        pytest.raises(OSError, match="as it was: File too large") as caught,
    ):
        save_params(path, {"a": jnp.zeros(10_000)})
    assert caught.value.filename == str(path)
    assert load_params(path).params["a"].tolist() == [1, 1, 1]
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_device_is_one_clear_error(tmp_path, monkeypatch):
    path = write_whole(tmp_path / "file", b"old")

    def on_full_device(temporary, mode):
        Path(temporary).touch()
        return open("/dev/full", "wb")

    monkeypatch.setattr(files, "open", on_full_device, raising=False)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_whole(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


READ_ONLY = """
import os, sys
from jaxnet.saving.files import write_whole
if os.geteuid() == 0:  # Whom no folder refuses.
    os.setgid(65534)
    os.setuid(65534)
try:
    write_whole(sys.argv[1], b"new")
except PermissionError as error:
    print(error)
"""


def test_a_folder_that_is_read_only_is_one_clear_error():
    # Not pytest's own folder, which other users cannot enter.
    with tempfile.TemporaryDirectory() as folder:
        path = write_whole(Path(folder) / "file", b"old")
        os.chmod(folder, 0o555)
        done = in_another_process(READ_ONLY, path)
        os.chmod(folder, 0o755)
        assert f"as it was: Permission denied: {str(path)!r}" in done.stdout, done
        assert path.read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]


KILLED = """
import os, signal, sys
from jaxnet.saving import files

def parts():
    yield b"n" * 100_000
    if sys.argv[2] == "while it is written":
        os.kill(os.getpid(), signal.SIGKILL)
    yield b"n" * 100_000

if sys.argv[2] == "before it has its name":
    os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(sys.argv[1], parts())
"""


@pytest.mark.parametrize("when", ["while it is written", "before it has its name"])
def test_when_the_process_is_killed_the_old_file_stays(tmp_path, when):
    path = write_whole(tmp_path / "file", b"old")
    assert in_another_process(KILLED, path, when).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_nothing_is_left_when_the_data_are_not_to_be_had(tmp_path, error):
    def parts():
        yield b"new"
        raise error

    path = write_whole(tmp_path / "file", b"old")
    with pytest.raises(error):
        write_whole(path, parts())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(value=json_values)
def test_json_comes_back(value):
    assert files.as_json(value) == value


@hypothesis.settings(deadline=None, max_examples=250)
@hypothesis.given(text=st.text('{}[]":,0123456789.eE-+aNInfity \\', max_size=40))
def test_text_that_is_no_json_is_refused_with_a_value_error(text):
    with contextlib.suppress(ValueError):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "name 'c' twice"),
        (b"[NaN]", "NaN, which is no finite number"),
        (b"[-Infinity]", "-Infinity, which is no finite number"),
        (b"[1e400]", "1e400, which is no finite number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"\xff"', "damaged"),
        (b"{} {}", "damaged"),
        (b"", "damaged"),
    ],
)
def test_json_is_strict(text, due):
    with pytest.raises(ValueError, match=due):
        parse_json(text)


pieces = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "U8", "BOOL", "I4", "", 3]),
        "shape": st.lists(st.integers(-1, 3), max_size=3) | json_values,
        "data_offsets": st.lists(st.integers(-1, 12), max_size=3) | json_values,
    },
)


@hypothesis.settings(deadline=None, max_examples=250)
@hypothesis.given(
    header=st.dictionaries(st.sampled_from(["a", "b/c", "__metadata__"]), pieces),
    size=st.integers(0, 24),
)
def test_a_header_is_sound_or_refused_with_a_value_error(
    tmp_path_factory, header, size
):
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(size)
    path = tmp_path_factory.getbasetemp() / "header"
    path.write_bytes(data)
    with path.open("rb") as file:
        try:
            found = read_header(file, len(data))
        except ValueError:
            return
        assert sum(entry.size for entry in found.entries) == size
        assert file.read() == bytes(size)
