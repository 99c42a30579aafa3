"""experiments.newsgroups: corpora of all formats, the hub, the sample, stripping."""

import csv
import json
import os
import socket
import sys
from pathlib import Path

import datasets
import huggingface_hub
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from sklearn.datasets import _twenty_newsgroups as oracle

from experiments.newsgroups import corpus as corpora
from experiments.newsgroups import hub
from experiments.newsgroups.corpus import load_corpus
from experiments.newsgroups.readers import read_file
from experiments.newsgroups.stripping import (
    strip,
    strip_footers,
    strip_headers,
    strip_quotes,
)

REAL = Path(__file__).parents[2] / "shared/data/20newsgroups"

# Not in alphabetical order, of unequal sizes, one post empty, one of many lines.
NAMES = ["sci.space", "alt.tea", "alt.tea", "sci.space", "misc", "misc", "sci.space"]
TEXTS = [
    "Mars, 2",
    'a "pot"\n\nof tea',
    "mug",
    "",
    "désk, \u201csold\u201d",
    "x\ty\u2028z",
    "7",
]
ROWS = [
    {"text": text, "label_text": name} for text, name in zip(TEXTS, NAMES, strict=True)
]
LABELS = [2, 0, 0, 2, 1, 1, 2]


def numbered(rows, numbers=None):
    """The rows with a label that is not the position in alphabetical order."""
    numbers = numbers or {"sci.space": 0, "alt.tea": 7, "misc": 3}
    return [{"label": numbers[row["label_text"]], **row} for row in rows]


def write(path, rows):
    """Writes rows in the format of the path, with other means than ours if we can."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8"
        )
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), "utf-8")
    elif path.suffix == ".arrow":
        pyarrow.feather.write_feather(pa.Table.from_pylist(rows), path)
    else:
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_tree(root, rows):
    for i, row in enumerate(rows):
        post = root / row["label_text"] / str(10 + i)
        post.parent.mkdir(parents=True, exist_ok=True)
        post.write_bytes(row["text"].encode("latin-1", "replace"))
    return root


def pairs(*parts, groups):
    """All posts of the parts with the names of their groups, in any order."""
    return sorted(
        (text, groups[label])
        for posts in parts
        for text, label in zip(posts.texts, posts.labels, strict=True)
    )


def all_pairs(corpus):
    return pairs(corpus.train, corpus.test, groups=corpus.groups)


SUFFIXES = [".parquet", ".arrow", ".csv", ".json", ".jsonl"]


# Formats.


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("rows", [ROWS, numbered(ROWS)], ids=["names", "both"])
def test_a_folder_with_train_and_test_files_is_read_as_it_is(tmp_path, suffix, rows):
    write(tmp_path / f"my-train{suffix}", rows)
    write(tmp_path / f"test{suffix}", rows[2:])
    corpus = load_corpus(str(tmp_path))
    assert corpus.name == f"files {tmp_path.name}"
    assert corpus.comparable
    assert corpus.note is None
    assert corpus.groups == ("alt.tea", "misc", "sci.space")
    assert corpus.train.texts == TEXTS
    assert corpus.test.texts == TEXTS[2:]
    assert corpus.train.labels.tolist() == LABELS
    assert corpus.test.labels.tolist() == LABELS[2:]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_file_is_split(tmp_path, suffix):
    corpus = load_corpus(str(write(tmp_path / f"posts{suffix}", ROWS)))
    assert corpus.name == f"files posts{suffix}"
    assert all_pairs(corpus) == sorted(zip(TEXTS, NAMES, strict=True))


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=4, max_size=6),
    suffix=st.sampled_from(SUFFIXES),
)
def test_any_text_comes_back_as_it_was(tmp_path_factory, texts, suffix):
    rows = [{"text": text, "topic": "ab"[i % 2]} for i, text in enumerate(texts)]
    path = write(tmp_path_factory.mktemp("any") / f"posts{suffix}", rows)
    due = sorted((row["text"], row["topic"]) for row in rows)
    assert all_pairs(load_corpus(str(path))) == due


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_fingerprint_is_that_of_the_posts_and_not_of_the_format(tmp_path, suffix):
    due = load_corpus(str(write(tmp_path / "posts.parquet", ROWS)))
    got = load_corpus(str(write(tmp_path / f"other{suffix}", numbered(ROWS))))
    assert got.fingerprint == due.fingerprint
    assert len(due.fingerprint) == 64


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[0].update(text="Mars, 3"),
        lambda rows: rows[0].update(label_text="misc"),
        lambda rows: rows.reverse(),
        lambda rows: [row.update(label_text=row["label_text"] + ".") for row in rows],
        lambda rows: [rows[1].update(text="a0"), rows[2].update(text="b")],
    ],
    ids=["text", "label", "order", "groups", "border"],
)
def test_the_fingerprint_changes_with_the_posts(tmp_path, change):
    rows = [dict(row) for row in ROWS]
    rows[1]["text"], rows[2]["text"] = "a", "0b"  # Both have the label 0.
    prints = []
    for i in range(2):
        for part in ("train", "test"):
            write(tmp_path / f"{part}.jsonl", rows)
        prints.append(load_corpus(str(tmp_path)).fingerprint)
        if i == 0:
            change(rows)
    assert prints[0] != prints[1]


def test_numbers_without_names_are_groups_in_the_order_of_numbers(tmp_path):
    rows = [{"data": str(i), "label": i % 12} for i in range(48)]
    corpus = load_corpus(str(write(tmp_path / "posts.csv", rows)))
    assert corpus.groups == tuple(map(str, range(12)))
    assert [int(text) % 12 for text in corpus.test.texts] == corpus.test.labels.tolist()


def test_a_data_set_saved_by_datasets_is_read_with_the_names_of_its_labels(tmp_path):
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["q", "b"]),
        }
    )
    columns = {"text": ["one", "two", "three"], "label": [0, 1, 0]}
    saved = datasets.Dataset.from_dict(columns, features)
    parts = datasets.DatasetDict({"train": saved, "test": saved})
    parts.save_to_disk(str(tmp_path / "saved"))
    corpus = load_corpus(str(tmp_path / "saved"))
    assert corpus.groups == ("b", "q")
    assert corpus.train.texts == columns["text"]
    assert corpus.train.labels.tolist() == [1, 0, 1]
    assert all_pairs(corpus) == sorted([("one", "q"), ("two", "b"), ("three", "q")] * 2)


@pytest.mark.parametrize("suffix", [".parquet", ".json", ".jsonl"])
def test_a_text_that_is_missing_is_an_empty_post(tmp_path, suffix):
    rows = [{"text": text, "topic": "ab"[i % 2]} for i, text in enumerate("uvwx")]
    rows[2]["text"] = None
    texts = load_corpus(str(write(tmp_path / f"posts{suffix}", rows)))
    assert sorted(texts.train.texts + texts.test.texts) == ["", "u", "v", "x"]


def test_files_of_several_pieces_are_put_together(tmp_path):
    for i, row in enumerate(ROWS):
        write(tmp_path / f"train-0000{i}-of-00007.parquet", [row])
        write(tmp_path / f"test-0000{i}-of-00007.parquet", [row])
    write(tmp_path / "validation.parquet", ROWS)
    (tmp_path / "README.md").write_text("Not data.")
    corpus = load_corpus(str(tmp_path))
    assert corpus.train.texts == corpus.test.texts == TEXTS


def test_latest_is_no_test(tmp_path):
    write(tmp_path / "latest.csv", ROWS)
    assert len(load_corpus(str(tmp_path)).train.texts) == 4


def test_a_link_has_the_format_of_its_own_name(tmp_path, monkeypatch):
    write(tmp_path / "posts.csv", ROWS).rename(tmp_path / "content")
    (tmp_path / "link.csv").symlink_to(tmp_path / "content")
    monkeypatch.chdir(tmp_path)
    assert load_corpus("link.csv").name == "files link.csv"
    assert load_corpus(".").name == f"files {tmp_path.name}"


# The archive's tree.


def test_a_tree_has_a_folder_for_each_group(tmp_path):
    write_tree(tmp_path / "20_newsgroups", ROWS)
    (tmp_path / "20_newsgroups/misc/.hidden").write_text("Not a post.")
    raw = b"caf\xe9\r\nline\x85\n"
    (tmp_path / "20_newsgroups/misc/99").write_bytes(raw)
    corpus = load_corpus(str(tmp_path))  # Goes down the one folder that there is.
    posts = dict(all_pairs(corpus))
    assert len(posts) == 8
    assert posts["café\r\nline\x85\n"] == "misc"
    assert posts["Mars, 2"] == "sci.space"


@pytest.mark.parametrize(
    "names", [("train", "test"), ("by-date-train", "by-date-test")]
)
def test_a_tree_may_have_folders_for_train_and_test(tmp_path, names):
    write_tree(tmp_path / names[0], ROWS)
    write_tree(tmp_path / names[1], ROWS[2:])
    corpus = load_corpus(str(tmp_path))
    in_order = [TEXTS[i] for i in (1, 2, 4, 5, 0, 3, 6)]
    in_order[2:4] = "désk, ?sold?", "x\ty?z"  # Latin-1 has no more than that.
    assert corpus.train.texts == in_order
    assert corpus.train.labels.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert corpus.test.labels.tolist() == [0, 1, 1, 2, 2]


# Splits.


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(fraction=st.floats(0.3, 0.7), seed=st.integers(0, 10**6))
def test_a_split_has_every_post_once_and_every_group_in_proportion(
    tmp_path_factory, fraction, seed
):
    path = tmp_path_factory.mktemp("split") / "posts.jsonl"
    rows = [{"text": str(i), "topic": "aab"[i % 3]} for i in range(30)]
    write(path, rows)
    corpus, again = (
        load_corpus(str(path), test_fraction=fraction, seed=seed) for _ in range(2)
    )
    assert corpus.fingerprint == again.fingerprint
    assert corpus.test.texts == again.test.texts
    assert not set(corpus.train.texts) & set(corpus.test.texts)
    assert all_pairs(corpus) == sorted((row["text"], row["topic"]) for row in rows)
    counts = np.bincount(corpus.test.labels)
    np.testing.assert_allclose(counts, [20 * fraction, 10 * fraction], atol=0.5 + 1e-9)


def test_another_seed_is_another_split(tmp_path):
    rows = [{"text": str(i), "topic": "ab"[i % 2]} for i in range(30)]
    path = str(write(tmp_path / "posts.jsonl", rows))
    one, other = (load_corpus(path, seed=seed) for seed in (0, 1))
    assert set(one.test.texts) != set(other.test.texts)
    assert one.fingerprint != other.fingerprint


# What is refused.


def refused(source, **options):
    """The one message."""
    with pytest.raises(ValueError, match=r"\w") as error:
        load_corpus(str(source), **options)
    assert type(error.value) is ValueError  # And not pyarrow's, which is one too.
    return str(error.value)


def test_a_path_that_is_not_there(tmp_path):
    write(tmp_path / "posts.csv", ROWS)
    message = refused(tmp_path / "post.csv")
    assert "no file or folder" in message
    assert f"Did you mean {str(tmp_path / 'posts.csv')!r}?" in message
    assert "Did you mean" not in refused(tmp_path / "qqq/zzz/a.csv")
    assert "no file or folder" in refused("long" * 1000)
    assert 'got ""' in refused("")


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    message = refused(tmp_path / "empty")
    assert "'empty' has no posts" in message
    assert ".parquet" in message
    assert "one folder for each group" in message


def test_folders_that_are_no_groups(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert f"{tmp_path.name}/a should be the folder of a group, but has no posts" in (
        refused(tmp_path)
    )
    write(tmp_path / "a/posts.csv", ROWS)
    assert "has data files in it" in refused(tmp_path)
    write_tree(tmp_path / "a", ROWS)
    assert "has folders in it" in refused(tmp_path)


def test_a_file_of_no_known_format(tmp_path):
    (tmp_path / "posts.xlsx").write_text("")
    message = refused(tmp_path / "posts.xlsx")
    assert "posts.xlsx" in message
    assert ".csv" in message


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keys", [("text", "group"), ("body", "label")])
def test_a_file_without_the_columns(tmp_path, suffix, keys):
    rows = [dict(zip(keys, row, strict=True)) for row in zip(TEXTS, NAMES, strict=True)]
    message = refused(write(tmp_path / f"posts{suffix}", rows))
    assert f"posts{suffix}" in message
    assert "columns text (or data) and label, label_text or topic" in message
    assert f"it has {list(keys)}" in message


@pytest.mark.parametrize(
    ("suffix", "label"),
    [
        (".parquet", 1.5),
        (".csv", 1.5),
        (".json", 1.0),
        (".jsonl", True),
        (".parquet", None),
        (".csv", ""),
        (".jsonl", [1]),
        (".arrow", -1),
        (".json", "name"),
    ],
)
def test_a_label_that_is_no_number_from_0_and_no_name(tmp_path, suffix, label):
    others = float if isinstance(label, float) and suffix != ".json" else int
    rows = [{"text": str(i), "label": others(i % 2)} for i in range(6)]
    rows[3]["label"] = label
    message = refused(write(tmp_path / f"posts{suffix}", rows))
    assert f"posts{suffix}: the column label should hold integers from 0" in message
    assert "row" in message


def test_a_group_without_a_name(tmp_path):
    rows = [*ROWS, {"text": "", "label_text": ""}]
    message = refused(write(tmp_path / "posts.csv", rows))
    assert "label_text should hold integers from 0, or names" in message
    assert "row 7 has ''" in message


def test_a_text_that_is_no_string(tmp_path):
    rows = [dict(ROWS[0]), {"text": 3, "label_text": "misc"}]
    message = refused(write(tmp_path / "posts.jsonl", rows))
    assert "the column text should hold strings; row 1 has 3" in message


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            {"sci.space": 0, "alt.tea": 0, "misc": 1},
            "0 goes with 'sci.space', but in row",
        ),
        (None, "'misc' goes with 3, but in row 5 with 4"),
    ],
)
def test_labels_that_do_not_match_their_names(tmp_path, numbers, message):
    rows = numbered(ROWS, numbers)
    if numbers is None:
        rows[5]["label"] = 4
    assert message in refused(write(tmp_path / "posts.parquet", rows))


def test_a_label_without_one_of_the_names_that_come_with_the_file(tmp_path):
    names = {"info": {"features": {"label": {"names": ["a", "b"]}}}}
    table = pa.table({"text": ["u", "v", "w"], "label": [0, 1, 2]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(names)})
    pyarrow.parquet.write_table(table, tmp_path / "posts.parquet")
    message = refused(tmp_path / "posts.parquet")
    assert "names for the labels 0 to 1, but row 2 has the label 2" in message


def test_a_group_with_a_single_post(tmp_path):
    rows = [*ROWS, {"text": "alone", "label_text": "rec.odd"}]
    message = refused(write(tmp_path / "posts.csv", rows))
    assert "The group 'rec.odd' has too few posts, 1," in message
    # With parts of its own there is nothing to split.
    for part in ("train", "test"):
        write(tmp_path / f"{part}.csv", rows)
    (tmp_path / "posts.csv").unlink()
    assert len(load_corpus(str(tmp_path)).groups) == 4


def test_a_fraction_that_leaves_a_group_without_posts(tmp_path):
    path = write(tmp_path / "posts.csv", ROWS)
    for fraction in (0.2, 0.8):
        message = refused(path, test_fraction=fraction)
        assert "'alt.tea' has too few posts, 2, to be in train and test" in message
        assert f"test_fraction={fraction}" in message


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(fraction=st.floats(0.01, 0.99), count=st.integers(2, 5))
def test_no_split_lacks_a_group(tmp_path_factory, fraction, count):
    rows = [{"text": "", "topic": "ab"[i % 2]} for i in range(2 * count)]
    path = write(tmp_path_factory.mktemp("few") / "posts.jsonl", rows)
    if round((1 - fraction) * count) in (0, count):
        assert "too few posts" in refused(path, test_fraction=fraction)
    else:
        corpus = load_corpus(str(path), test_fraction=fraction)
        assert set(corpus.train.labels) == set(corpus.test.labels) == {0, 1}


def test_parts_with_different_groups(tmp_path):
    write(tmp_path / "train.csv", ROWS)
    write(tmp_path / "test.csv", [ROWS[0], {"text": "", "label_text": "rec.odd"}])
    message = refused(tmp_path)
    assert "in train alone: ['alt.tea', 'misc'], in test alone: ['rec.odd']" in message


def test_a_corpus_of_one_group(tmp_path):
    assert "at least 2 groups, got ['sci.space']" in refused(
        write(tmp_path / "posts.csv", [ROWS[0], ROWS[3]])
    )


def test_a_test_file_without_a_train_file(tmp_path):
    write(tmp_path / "test.csv", ROWS)
    assert "test.csv but no file with train" in refused(tmp_path)


def test_one_folder_with_two_formats(tmp_path):
    write(tmp_path / "posts.csv", ROWS)
    write(tmp_path / "posts.parquet", ROWS)
    assert "['posts.csv', 'posts.parquet'] have different formats" in refused(tmp_path)


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "altered": lambda content: content.replace(b"tea", b"t\xffa"),
    "overwritten": lambda content: b"\x80\xff,\n" * 50,
    "emptied": lambda content: b"",
}


@pytest.mark.parametrize(
    ("suffix", "damage"),
    # One half of a CSV file is a CSV file.
    sorted({(s, d) for s in SUFFIXES for d in DAMAGES} - {(".csv", "cut")}),
)
def test_a_corrupt_file_is_named(tmp_path, suffix, damage):
    path = write(tmp_path / f"posts{suffix}", ROWS)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    message = refused(path)
    assert f"posts{suffix}" in message
    assert "\n" not in message


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_whatever_byte_is_wrong_reading_ends_well_or_in_one_message(tmp_path, suffix):
    path = write(tmp_path / f"posts{suffix}", numbered(ROWS))
    content, read = path.read_bytes(), 0
    for position in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read += len(read_file(path).texts) == len(TEXTS)
        except ValueError as error:
            assert type(error) is ValueError  # noqa: PT017 - or it reads, as it may
    assert read > 0  # A byte of a text, say.


def test_a_file_without_rows(tmp_path):
    (tmp_path / "posts.csv").write_text("text,topic\n")
    assert refused(tmp_path / "posts.csv") == "posts.csv has no posts."


def test_a_csv_row_of_another_length(tmp_path):
    (tmp_path / "posts.csv").write_text("text,topic\na,b\nc,d,e\n")
    assert "posts.csv cannot be read as CSV" in refused(tmp_path / "posts.csv")


def test_a_json_line_that_is_not_like_the_first(tmp_path):
    path = tmp_path / "posts.jsonl"
    first = json.dumps(ROWS[0]) + "\n\n"
    path.write_text(first + '{"text": "a"}')
    assert "posts.jsonl, line 3: should have ['text', 'label_text']" in refused(path)
    path.write_text(first + "[1]")
    assert "posts.jsonl, line 3: should be an object" in refused(path)
    path.write_text(first + '{"text": ')
    assert "posts.jsonl, line 3: is no JSON" in refused(path)


def test_options_out_of_range(tmp_path):
    path = write(tmp_path / "posts.csv", ROWS)
    assert "Did you mean 'headers'?" in refused(path, strip=["header"])
    assert "test_fraction should be above 0 and below 1" in refused(
        path, test_fraction=1.0
    )
    assert "seed should be an int of at least 0" in refused(path, seed=-1)


# The hub and the sample.


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A stand-in for the sample, of 7 posts."""
    path = write(tmp_path / "sample.jsonl", ROWS)
    monkeypatch.setattr(corpora, "_SAMPLE", path)


@pytest.fixture
def unreachable(tmp_path, monkeypatch):
    """A hub that refuses connections, and an empty cache."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setattr(
            huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{port}"
        )
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        yield unused


@pytest.fixture
def reachable(monkeypatch):
    """A hub that has every data set asked for."""
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: None)


def hub_of(**parts):
    made = {part: datasets.Dataset.from_list(rows) for part, rows in parts.items()}
    return datasets.DatasetDict(made)


def test_the_sample_has_all_groups_and_enough_of_each():
    corpus = load_corpus("sample")
    assert corpus.name == "sample"
    assert not corpus.comparable
    assert corpus.note is None  # It was asked for.
    assert len(corpus.groups) == 20
    assert {"alt.atheism", "misc.forsale", "talk.religion.misc"} < set(corpus.groups)
    counts = [np.bincount(part.labels) for part in (corpus.train, corpus.test)]
    assert np.all(np.sum(counts, axis=0) >= 20)
    texts = corpus.train.texts + corpus.test.texts
    assert len(set(texts)) == len(texts) == 480


@pytest.mark.usefixtures("sample", "unreachable")
def test_out_of_reach_of_the_hub_the_corpus_is_the_sample_and_says_so(capsys):
    corpus = load_corpus("auto")
    assert corpus.name == "sample"
    assert not corpus.comparable
    assert all_pairs(corpus) == sorted(zip(TEXTS, NAMES, strict=True))
    assert corpus.note is not None
    assert "SetFit/20_newsgroups could not be had from the hub" in corpus.note
    assert "ConnectError" in corpus.note
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"warning: {corpus.note}" in captured.err
    assert "the sample of 7 posts" in captured.err
    assert "its accuracy is not comparable" in captured.err


@pytest.mark.usefixtures("sample")
def test_a_hub_that_does_not_answer_is_not_waited_for(unreachable, monkeypatch):
    unreachable.listen()  # Connections are accepted, but nothing is ever sent.
    monkeypatch.setattr(hub, "_PATIENCE", 0.1)
    corpus = load_corpus("auto")
    assert corpus.name == "sample"
    assert "no answer within 0.1 s" in corpus.note


@pytest.mark.usefixtures("sample", "reachable")
def test_without_the_package_datasets_the_corpus_is_the_sample(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "datasets", None)
    corpus = load_corpus("auto")
    assert corpus.name == "sample"
    assert "pip install datasets" in corpus.note
    assert "pip install datasets" in capsys.readouterr().err


@pytest.mark.usefixtures("sample", "reachable")
def test_a_download_that_fails_ends_with_the_sample(monkeypatch):
    def fail(hub_id):
        raise OSError("No space left\non this device")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    corpus = load_corpus("auto")
    assert corpus.name == "sample"
    assert corpus.note.endswith("OSError: No space left")


@pytest.mark.usefixtures("reachable")
def test_the_hubs_corpus_has_its_own_split(monkeypatch, capsys):
    asked = []

    def load(hub_id):
        asked.append((hub_id, datasets.config.HF_HUB_OFFLINE))
        return hub_of(train=numbered(ROWS), test=numbered(ROWS[2:]), other=ROWS[:1])

    monkeypatch.setattr(datasets, "load_dataset", load)
    corpus = load_corpus("auto")
    assert asked == [("SetFit/20_newsgroups", False)]
    assert corpus.name == "hub SetFit/20_newsgroups"
    assert corpus.comparable
    assert corpus.note is None
    assert corpus.train.texts == TEXTS
    assert corpus.train.labels.tolist() == LABELS
    assert corpus.test.labels.tolist() == LABELS[2:]
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("unreachable")
def test_out_of_reach_of_the_hub_the_cache_is_used(monkeypatch):
    asked = []

    def load(hub_id):
        asked.append((hub_id, datasets.config.HF_HUB_OFFLINE))
        return hub_of(train=ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    corpus = load_corpus("auto")
    assert asked == [("SetFit/20_newsgroups", True)]
    assert not datasets.config.HF_HUB_OFFLINE  # As it was.
    assert corpus.name == "hub SetFit/20_newsgroups"
    assert all_pairs(corpus) == sorted(zip(TEXTS, NAMES, strict=True))


@pytest.mark.usefixtures("reachable")
def test_the_names_of_a_class_label_come_from_the_hub(monkeypatch):
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["q", "b"]),
        }
    )
    columns = {"text": list("stuv"), "label": [0, 1, 1, 0]}
    made = datasets.DatasetDict(
        {"everything": datasets.Dataset.from_dict(columns, features)}
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda _: made)
    corpus = load_corpus("someone/posts")
    assert corpus.groups == ("b", "q")
    assert dict(all_pairs(corpus)) == {"s": "q", "t": "b", "u": "b", "v": "q"}


@pytest.mark.usefixtures("reachable")
def test_a_data_set_of_the_hub_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda _: hub_of(a=ROWS, b=ROWS))
    message = refused("someone/posts")
    assert "should have a split train; it has ['a', 'b']" in message
    wrong = hub_of(train=[{"body": "", "label": 0}])
    monkeypatch.setattr(datasets, "load_dataset", lambda _: wrong)
    assert "it has ['body', 'label']" in refused("someone/posts")


@pytest.mark.usefixtures("unreachable")
def test_an_id_that_is_nowhere_is_refused(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data/posts.csv", ROWS)
    monkeypatch.chdir(tmp_path)
    message = refused("data/post.csv")
    assert "no file or folder 'data/post.csv', and no data set of that name" in message
    assert "ConnectError" in message
    assert "Did you mean 'data/posts.csv'?" in message
    assert load_corpus("data/posts.csv").name == "files posts.csv"


# Stripping.

POST = (
    "From: someone\nSubject: Re: tea\n\nIn article <1> other writes:\n> Is it tea?\n"
    "| Is it?\nIt is tea.\n\nMy cat said: no.\n\n--\nSomeone, Somewhere\n"
)


def test_parts_are_stripped_in_a_fixed_order():
    stripped = strip(POST, ("quotes", "footers", "headers"))
    assert stripped == "It is tea.\n\n"
    assert stripped == strip(POST, ("headers", "footers", "quotes"))
    assert strip(POST, ()) == POST
    assert strip_headers(POST) == POST.split("\n\n", 1)[1]
    assert strip_quotes("a > b\n > c\n>d") == "a > b\n > c"
    assert strip_footers("One paragraph\nof two lines") == "One paragraph\nof two lines"


def test_a_post_without_headers_keeps_its_first_paragraph():
    assert strip_headers("Note: tea.\n\nIs hot.") == "Note: tea.\n\nIs hot."


@pytest.mark.parametrize("text", ["", "\n\n", "--", "---\n--", "> only", " \n -- \n "])
def test_what_little_there_is_is_stripped_as_scikit_learn_does(text):
    assert strip_footers(text) == oracle.strip_newsgroup_footer(text)
    assert strip_quotes(text) == oracle.strip_newsgroup_quoting(text)


def test_a_corpus_is_stripped_after_it_is_split(tmp_path):
    rows = [{"text": f"{i}\n>{i}", "topic": "ab"[i % 2]} for i in range(8)]
    path = str(write(tmp_path / "posts.csv", rows))
    whole, stripped = load_corpus(path), load_corpus(path, strip=("quotes",))
    assert stripped.test.texts == [text[0] for text in whole.test.texts]
    assert stripped.fingerprint != whole.fingerprint


# The real corpus.


@pytest.fixture(scope="module")
def real():
    if not REAL.is_dir():
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("the real corpus is not here")
    return load_corpus(str(REAL))


def test_the_real_corpus_has_the_published_sizes(real):
    assert real.name == "files 20newsgroups"
    assert real.comparable
    assert len(real.train.texts) == len(real.train.labels) == 11314
    assert len(real.test.texts) == len(real.test.labels) == 7532
    assert len(real.groups) == 20
    counts = np.stack([np.bincount(real.train.labels), np.bincount(real.test.labels)])
    by_group = dict(zip(real.groups, counts.T.tolist(), strict=True))
    assert by_group["alt.atheism"] == [480, 319]
    assert by_group["comp.windows.x"] == [593, 395]
    assert by_group["rec.sport.hockey"] == [600, 399]
    assert by_group["talk.religion.misc"] == [377, 251]
    assert real.train.texts[0].startswith("From: ")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (strip_headers, oracle.strip_newsgroup_header),
        (strip_footers, oracle.strip_newsgroup_footer),
        (strip_quotes, oracle.strip_newsgroup_quoting),
    ],
)
def test_the_real_posts_are_stripped_as_scikit_learn_does(real, ours, theirs):
    texts = real.train.texts + real.test.texts
    others = [i for i, text in enumerate(texts) if ours(text) != theirs(text)]
    assert others == []
