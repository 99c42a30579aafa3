"""The newsgroups command line on bad input: one message and the exit status 2."""

import io
import json
import random
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from experiments import newsgroups

WORDS = {
    "sci.space": "moon orbit rocket launch",
    "rec.hockey": "puck goalie ice skate",
    "alt.tea": "pot kettle leaf cup",
}
KINDS = ("lsa", "vectors", "best")


def posts(count, seed):
    """Rows of a corpus; half of the posts are of the first group."""
    rng = np.random.default_rng(seed)
    rows = []
    for name in rng.choice(list(WORDS), count, p=[0.5, 0.25, 0.25]):
        words = [*rng.choice(WORDS[name].split(), 3), *rng.choice(["a", "the"], 2)]
        rows.append({"text": " ".join(words), "label_text": str(name)})
    return rows


def write_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_corpus(folder, *, train=(), test=()):
    """A corpus that can be used, with these rows added."""
    write_jsonl(folder / "train.jsonl", [*posts(80, 0), *train])
    write_jsonl(folder / "test.jsonl", [*posts(40, 1), *test])
    return folder


def write_vectors(path, *, dimensions=4, end=""):
    words = " ".join(WORDS.values()).split()
    rows = np.random.default_rng(0).normal(size=(len(words), dimensions))
    lines = [
        " ".join([word, *map(repr, row)]) + "\n"
        for word, row in zip(words, rows.tolist(), strict=True)
    ]
    path.write_text("".join(lines) + end)
    return path


def run(*argv):
    """The exit status of the command line."""
    try:
        return newsgroups.main([str(word) for word in argv])
    except SystemExit as stop:
        return stop.code


@pytest.fixture
def refused(capsys, tmp_path):
    """Runs the command line, which has to refuse, and returns its message."""

    def refused(*argv):
        status = run(*argv, "--epochs", 1, "--out", tmp_path / "out", "--no-progress")
        captured = capsys.readouterr()
        assert status == 2
        assert captured.out == ""
        assert "Traceback" not in captured.err
        assert captured.err.count("error: ") == 1
        message = captured.err.partition("error: ")[2].strip()
        assert "\n" not in message
        assert not (tmp_path / "out/result.json").exists()
        return message

    return refused


# Corpora.


def test_a_path_that_is_not_there(refused, tmp_path):
    write_corpus(tmp_path / "corpus")
    message = refused("--corpus", tmp_path / "corpse")
    assert "no file or folder" in message
    assert f"Did you mean {str(tmp_path / 'corpus')!r}?" in message


def test_an_empty_folder(refused, tmp_path):
    (tmp_path / "nothing").mkdir()
    assert "'nothing' has no posts" in refused("--corpus", tmp_path / "nothing")


def test_a_file_without_the_columns(refused, tmp_path):
    path = write_jsonl(tmp_path / "posts.jsonl", [{"body": "tea", "group": "a"}])
    message = refused("--corpus", path)
    assert "columns text (or data) and label, label_text or topic" in message
    assert "it has ['body', 'group']" in message


@pytest.mark.parametrize("label", [1.5, None, True, [1], -1, ""])
def test_labels_that_are_neither_integers_nor_names(refused, tmp_path, label):
    rows = [{"text": "tea", "label": i % 2} for i in range(8)]
    rows[5]["label"] = label
    message = refused("--corpus", write_jsonl(tmp_path / "posts.jsonl", rows))
    assert "label should hold integers from 0, or names" in message
    assert f"row 5 has {label!r}" in message


def test_a_group_with_a_single_post_that_would_have_to_be_split(refused, tmp_path):
    rows = [*posts(40, 0), {"text": "alone", "label_text": "rec.odd"}]
    message = refused("--corpus", write_jsonl(tmp_path / "posts.jsonl", rows))
    assert "'rec.odd' has too few posts, 1" in message


def test_a_group_with_a_single_post_in_each_part_is_kept(tmp_path):
    alone = [{"text": "moon tea alone", "label_text": "rec.odd"}]
    corpus = write_corpus(tmp_path / "corpus", train=alone, test=alone)
    assert run("--corpus", corpus, "--out", tmp_path) == 0
    groups = json.loads((tmp_path / "result.json").read_text())["metrics"]["groups"]
    assert [row["posts"] for row in groups if row["group"] == "rec.odd"] == [1]


def test_fewer_posts_than_a_validation_part_needs(refused, tmp_path):
    rows = [{"text": "tea", "label": i % 2} for i in range(6)]
    message = refused("--corpus", write_jsonl(tmp_path / "posts.jsonl", rows))
    assert "validation_fraction=0.05: part 1 of 2 is empty" in message


@pytest.mark.parametrize("model", ["lecture", "best"])
def test_posts_without_a_word_in_common(refused, tmp_path, model):
    rows = [{"text": f"word{i}", "label": i % 2} for i in range(40)]
    path = write_jsonl(tmp_path / "posts.jsonl", rows)
    assert "too little in common" in refused("--corpus", path, "--model", model)


@pytest.mark.parametrize("damage", ["cut", "overwritten", "emptied"])
def test_a_corrupt_parquet_file(refused, tmp_path, damage):
    path = tmp_path / "posts.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(posts(200, 0)), path)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "cut": content[:middle],
            "overwritten": content[:8] + b"\xff" * 400 + content[408:],
            "emptied": b"",
        }[damage]
    )
    message = refused("--corpus", path)
    assert "posts.parquet cannot be read as PARQUET; it may be corrupt" in message


# Word vectors.


@pytest.fixture
def refused_vectors(refused, tmp_path):
    corpus = write_corpus(tmp_path / "corpus")

    def refused_vectors(path):
        flags = ("--features", "vectors", "--vectors", path)
        message = refused("--corpus", corpus, *flags)
        assert str(path) in message
        return message

    return refused_vectors


def test_vectors_of_another_dimension_than_the_first(refused_vectors, tmp_path):
    path = write_vectors(tmp_path / "v.txt", end="sun 1.0 2.0\n")
    message = refused_vectors(path)
    assert "line 13: a word and 4 numbers are due, got 'sun 1.0 2.0'" in message


def test_a_truncated_file_of_vectors(refused_vectors, tmp_path):
    text = write_vectors(tmp_path / "v.txt").read_text()
    path = tmp_path / "cut.txt"
    path.write_text(text[: text.rindex(" ")])
    assert "line 12: a word and 4 numbers are due" in refused_vectors(path)
    path.write_text("30 4\n" + text)
    assert "ends after 12 of 30 vectors, in line 13" in refused_vectors(path)
    path = tmp_path / "cut.bin"
    path.write_bytes(b"2 2\nmoon " + b"\0" * 8 + b"\npuck " + b"\0" * 7)
    assert "ends in the vector 2 of 2, at byte 30" in refused_vectors(path)


def test_a_truncated_matrix_of_vectors(refused_vectors, tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, np.ones((12, 4), np.float32))
    path.with_suffix(".words.txt").write_text("\n".join("abcdefghijkl") + "\n")
    content = path.read_bytes()
    for size in (0, 4, 9, 60, len(content) - 1):
        path.write_bytes(content[:size])
        assert "cannot be read: it" in refused_vectors(path)
    path.write_bytes(content.replace(b"(12, 4)", b"(12, 3)"))
    assert "goes on after its array" in refused_vectors(path)
    # Numbers of which no memory could hold as many.
    path.write_bytes(content.replace(b"(12, 4), } ", b"(12, 4000000000), }"))
    assert "cannot be read: it" in refused_vectors(path)
    path.write_bytes(content)
    path.with_suffix(".words.txt").write_text("a\nb\n")
    assert "12 vectors but v.words.txt has 2 words" in refused_vectors(path)


def test_vectors_that_are_a_folder_or_of_no_dimension(refused_vectors, tmp_path):
    (tmp_path / "v").mkdir()
    assert "cannot be read: Is a directory" in refused_vectors(tmp_path / "v")
    (tmp_path / "v.bin").write_bytes(b"1 0\nmoon \n")
    assert "holds no vectors" in refused_vectors(tmp_path / "v.bin")


# Runs.


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folders of finished runs, by kind, on a corpus with empty posts."""
    folder = tmp_path_factory.mktemp("runs")
    empty = [{"text": text, "label_text": "sci.space"} for text in ("", None)]
    corpus = write_corpus(folder / "corpus", train=empty, test=empty)
    vectors = write_vectors(folder / "v.txt")
    flags = {
        "lsa": (),
        "vectors": ("--features", "vectors", "--vectors", vectors),
        "best": ("--model", "best"),
    }
    for kind in KINDS:
        argv = ("--corpus", corpus, "--out", folder / kind, *flags[kind])
        assert run(*argv, "--epochs", 20, "--no-progress") == 0
    return folder


@pytest.fixture
def ask(capsys):
    """Asks a run; returns exit status, output and errors."""

    def ask(text, folder):
        capsys.readouterr()
        status = run("--ask", text, "--run", folder)
        return status, *capsys.readouterr()

    return ask


@pytest.mark.parametrize("kind", KINDS)
def test_empty_posts_are_kept_and_classified_from_the_prior(finished, ask, kind):
    record = json.loads((finished / kind / "result.json").read_text())
    sizes = record["data"]["sizes"]
    assert (sizes["train"] + sizes["validation"], sizes["test"]) == (82, 42)
    assert sum(row["posts"] for row in record["metrics"]["groups"]) == 42
    answers = {ask(text, finished / kind) for text in ("", " \n", "qqq", "\ud800")}
    assert len(answers) == 1
    status, out, _ = answers.pop()
    assert status == 0
    shares = {line.split()[1]: float(line.split("%")[0]) for line in out.splitlines()}
    # Half of the posts are of this group, and so are both empty ones.
    assert next(iter(shares)) == "sci.space"
    assert sum(shares.values()) == pytest.approx(100.0, abs=0.2)


def test_a_text_that_is_not_utf_8_can_be_piped_in(finished, ask, monkeypatch):
    post = b"The goalie, Andr\xe9, and the puck"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(post), "utf-8"))
    status, out, _ = ask("-", finished / "lsa")
    assert status == 0
    assert out.split()[1] == "rec.hockey"


def test_a_run_of_another_version(finished, ask, tmp_path):
    shutil.copytree(finished / "lsa", tmp_path / "old")
    path = tmp_path / "old/run.json"
    record = json.loads(path.read_text())
    for version in (1, 99, "2", None):
        path.write_text(json.dumps(record | {"format": version}))
        status, out, err = ask("tea", tmp_path / "old")
        assert (status, out) == (2, "")
        assert f"{path} is of format {version!r}, and this version reads 2" in err


def test_a_folder_that_holds_no_run(ask, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        status, out, err = ask("tea", folder)
        assert (status, out) == (2, "")
        assert f"run={str(folder)!r} holds no finished run" in err


def damages(content, rng, flips):
    """Contents that differ from this one."""
    yield None  # The file is gone.
    yield content + b"\0"
    for size in (0, 1, len(content) // 2, len(content) - 1):
        yield content[:size]
    for _ in range(flips):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        yield bytes(damaged)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named_or_changes_no_answer(finished, ask, tmp_path, kind):
    folder, rng = tmp_path / "run", random.Random(kind)
    shutil.copytree(finished / kind, folder)
    post = "the puck and a cup on the moon"
    due = ask(post, folder)
    assert due[0] == 0
    listed = set(json.loads((folder / "run.json").read_text())["files"])
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content, name = path.read_bytes(), path.relative_to(folder).as_posix()
        for damaged in damages(content, rng, 40 if name == "run.json" else 4):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            status, out, err = found = ask(post, folder)
            if name in listed or status != 0:
                assert (status, out) == (2, ""), name
                assert path.name in err
                assert re.search("cannot be read|is damaged|of format|holds no", err)
                assert "Traceback" not in err
            else:
                assert found == due, name
        path.write_bytes(content)
    assert ask(post, folder) == due


def test_all_that_is_read_is_listed(finished, ask, tmp_path):
    """What is not listed can be taken away."""
    for kind in KINDS:
        listed = json.loads((finished / kind / "run.json").read_text())["files"]
        for name in ("run.json", *listed):
            target = tmp_path / kind / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(finished / kind / name, target)
        assert ask("tea", tmp_path / kind) == ask("tea", finished / kind)


def test_files_of_another_run_are_not_mixed_in(finished, ask, tmp_path):
    shutil.copytree(finished / "lsa", tmp_path / "lsa")
    for name in ("features/mean.npy", "params.safetensors"):
        shutil.copy(finished / "vectors" / name, tmp_path / "lsa" / name)
        status, _, err = ask("tea", tmp_path / "lsa")
        assert status == 2
        assert f"{name} is damaged, or of another run" in err
        shutil.copy(finished / "lsa" / name, tmp_path / "lsa" / name)
