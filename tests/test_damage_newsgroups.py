"""Corpora and classifiers that broke on disk: cut off at 20 places, flipped at 200.

A classifier's files have checksums, so that it is the one that was saved, or refused.
A corpus has none: a byte flipped within a text or a label is another text or label,
which no reader can know. But a corpus of lines loses no more than that row, a cut one
is the beginning of the whole, and what cannot be read is refused by name.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
from cases.bombs import bombs, repeated, vector_bombs
from damaged import check_quick_and_small, damaged, read_all
from pyarrow import parquet

from experiments.newsgroups.features import LsaFeatures
from experiments.newsgroups.models import build
from experiments.newsgroups.readers import read_file
from experiments.newsgroups.saving import NetClassifier, load, save


def rows():
    rng = np.random.default_rng(0)
    words = [f"word{chr(97 + i)}" for i in range(26)]
    return [{"text": " ".join(rng.choice(words, 8)), "label": i % 3} for i in range(60)]


def write_corpus(path):
    table = pa.Table.from_pylist(rows())
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        table.to_pandas().to_json(path, orient="records", lines=True)
    return path


def read_or_refuse(path, read):
    """What was read, or None if it was refused by name."""
    try:
        return read(path)
    except ValueError as raised:
        error = raised
    assert type(error) is ValueError
    assert path.name in str(error)
    return None


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_damaged_corpus_is_read_or_refused_by_name(tmp_path, suffix):
    whole = write_corpus(tmp_path / f"posts{suffix}")
    due, refused = read_file(whole), {"cut": 0, "flip": 0}
    for path in damaged(whole, tmp_path):
        how = path.name.partition("_")[0]
        found = read_or_refuse(path, read_file)
        if found is None:
            refused[how] += 1
            continue
        pairs = list(zip(*found, strict=True))
        if how == "cut":
            assert pairs == list(zip(*due, strict=True))[: len(pairs)]
        else:
            assert len(pairs) == 60
        if how == "flip" and suffix == ".jsonl":
            others = zip(pairs, zip(*due, strict=True), strict=True)
            assert sum(pair != other for pair, other in others) <= 1
    # Cut Parquet lacks its end; a line that was cut is no JSON, unless at its end.
    assert refused["cut"] >= (20 if suffix == ".parquet" else 16)
    assert refused["flip"] > 40


def test_a_damaged_classifier_is_refused_or_the_same(tmp_path):
    texts = [row["text"] for row in rows()]
    features = LsaFeatures.fit(texts, dimensions=20)
    hypers = {
        "model": "linear", "classes": 3, "dropout": None, "learning_rate": 0.1,
        "l2": 0.0, "weight_decay": 0.0, "batch_size": 8,
    }  # fmt: skip
    x = jnp.asarray(features.transform(texts))
    params, _ = build(hypers).model.init(jax.random.key(0), x)
    folder = tmp_path / "run"
    (folder / "features").mkdir(parents=True)
    save(folder, NetClassifier(("a", "b", "c"), hypers, "lsa", features, params))
    due = load(folder).probabilities(texts)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole, refused = file.read_bytes(), 0
        (tmp_path / file.name).write_bytes(whole)
        for path in damaged(tmp_path / file.name, tmp_path):
            file.write_bytes(path.read_bytes())
            path.unlink()
            found = read_or_refuse(file, lambda _: load(folder))
            if found is None:
                refused += 1
            else:
                np.testing.assert_array_equal(found.probabilities(texts), due)
        # Of run.json a change of blanks is none; of the rest every one is seen.
        assert refused > 180 if file.name == "run.json" else refused == 220
        file.write_bytes(whole)


@pytest.mark.parametrize(
    ("kind", "files"), [("corpus", bombs), ("vectors", vector_bombs)]
)
def test_a_small_file_that_would_fill_the_memory_is_refused(tmp_path, kind, files):
    due = files(tmp_path)
    reads = read_all(kind, list(due))
    for read, said in zip(reads, due.values(), strict=True):
        assert read.error is not None, f"{read.path} was read"
        name, message = read.error
        assert name == "ValueError", message
        assert said in message
        assert len(message) < 1000
    # 64 texts of a megabyte are unpacked at a time.
    check_quick_and_small(reads, megabytes=256)


def test_what_is_large_and_within_the_limits_is_read(tmp_path):
    # A hundred times a text of a megabyte, said once.
    parquet.write_table(repeated(100), tmp_path / "posts.parquet")
    texts, names = read_file(tmp_path / "posts.parquet")
    assert [len(text) for text in texts] == [2**20] * 100
    assert names == ["0"] * 100
