"""What a net sees of a post: tokens, LSA, word vectors, bags, and their files."""

import re
import shutil
import struct

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from experiments.newsgroups.arrays import load_array, load_words, save_array
from experiments.newsgroups.bags import BagFeatures, log_count_ratios
from experiments.newsgroups.features import LsaFeatures
from experiments.newsgroups.reading_vectors import read_vectors
from experiments.newsgroups.tokens import (
    pieces,
    words,
    words_and_fields,
    words_and_pairs,
)
from experiments.newsgroups.vectors import VectorFeatures

POSTS = [
    "From: ann@x.edu\nSubject: Orbit of the moon\n\nthe moon orbits the earth, c. 1",
    "Subject: Re: Orbit\n\nThe orbit is not round: the moon, the moon!",
    "Subject: Goalies\n\nthe goalie stopped the puck; c is a language",
    "From: bob@x.edu\n\na puck hit the goalie and the earth shook",
    "the moon and a goalie",
]
FRESH = ["Subject: orbit\n\nthe puck on the moon moon", "zzz qqq", "", "the puck"]


def sklearn_tfidf(texts, tokens, fresh, **settings):
    """TF-IDF from the definition that scikit-learn documents."""
    settings |= {"analyzer": tokens, "sublinear_tf": True, "min_df": 2}
    vectorizer = TfidfVectorizer(**settings).fit(texts)
    return vectorizer.transform(fresh).toarray(), vectorizer.get_feature_names_out()


def test_header_fields_are_tokens_of_their_own_and_the_body_has_none():
    found = words_and_fields("Subject: Re: X Y\nLines: 3\n\nFrom: here\nc")
    assert [token for token in found if "=" in token] == [
        "subject=re",
        "subject=x",
        "subject=y",
    ]
    assert found.count("x") == 1
    assert "c" in found
    assert "from" in found


def test_pairs_and_pieces_come_as_often_as_in_the_text():
    assert words("A b a") == ["a", "b", "a"]
    assert words_and_pairs("A b a b").count("a b") == 2
    assert pieces("cat cats c").count("<cat") == 2
    assert "<c>" in pieces("C")


@hypothesis.given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_words_are_the_runs_of_letters_digits_and_underscores(text):
    assert words(text) == re.findall(r"\w+", text.lower())


@hypothesis.given(st.text(max_size=40))
@hypothesis.settings(deadline=None, max_examples=25)
def test_all_text_has_tokens_in_lower_case(text):
    for tokens in (words_and_fields, words_and_pairs, pieces):
        assert all(token == token.lower() for token in tokens("Subject: Q\n\n" + text))


# LSA


def test_lsa_is_the_projection_on_singular_vectors_of_tfidf():
    # With them, the words that are kept are in two to four texts.
    posts = [*POSTS, "puck", "an orbit of the moon", "goalie on the earth, 1 c"]
    lsa = LsaFeatures.fit(posts, dimensions=2)
    vectorizer = TfidfVectorizer(
        analyzer=words, sublinear_tf=True, min_df=2, max_df=0.5
    ).fit(posts)
    terms = vectorizer.get_feature_names_out()
    vectorizer.idf_ = vectorizer.idf_**2
    train, fresh = (vectorizer.transform(texts).toarray() for texts in (posts, FRESH))
    assert lsa.terms == list(terms)
    _, _, directions = np.linalg.svd(train, full_matrices=False)
    signs = np.sign((lsa.components * directions[:2]).sum(axis=1))

    def unit(rows):
        z = signs * (rows @ directions[:2].T)
        return z / np.linalg.norm(z, axis=1, keepdims=True)

    known = unit(train)
    due = (unit(fresh[[0, 3]]) - known.mean(axis=0)) / known.std(axis=0)
    # The randomized decomposition of eight rows is exact up to float32.
    np.testing.assert_allclose(lsa.transform(FRESH)[[0, 3]], due, rtol=2e-4, atol=2e-4)


def test_lsa_of_the_training_texts_is_standardized():
    x = LsaFeatures.fit(POSTS, dimensions=2).transform(POSTS)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-5)


def test_lsa_of_a_post_without_a_known_word_is_the_mean():
    lsa = LsaFeatures.fit(POSTS, dimensions=2)
    x = lsa.transform(FRESH)
    assert (x[1:3] == 0).all()
    assert (x[[0, 3]] != 0).any(axis=1).all()
    assert lsa.transform([]).shape == (0, 2)


def test_lsa_has_no_more_dimensions_than_there_are_texts():
    lsa = LsaFeatures.fit(POSTS)
    assert lsa.dimensions == len(POSTS)
    assert np.isfinite(lsa.transform(POSTS)).all()


def test_lsa_is_the_same_for_the_same_seed_and_keeps_the_most_frequent_terms():
    few = LsaFeatures.fit(POSTS, dimensions=2, terms=3, seed=3)
    again = LsaFeatures.fit(POSTS, dimensions=2, terms=3, seed=3)
    assert len(few.terms) == 3
    np.testing.assert_array_equal(few.components, again.components)


def test_lsa_of_texts_without_a_common_word_is_refused():
    with pytest.raises(ValueError, match="2 training texts have too little in common"):
        LsaFeatures.fit(["a b", "c d"])


def test_texts_are_transformed_with_the_fit_as_they_are_after_it(tmp_path):
    for features, (x, fresh, nothing) in (
        LsaFeatures.fit_transform(POSTS, FRESH, [], dimensions=2),
        VectorFeatures.fit_transform(
            POSTS, FRESH, [], path=write_text(tmp_path / "v.txt")
        ),
    ):
        np.testing.assert_allclose(x, features.transform(POSTS), rtol=1e-5, atol=1e-6)
        assert np.abs(x).max() > 0.5
        np.testing.assert_array_equal(fresh, features.transform(FRESH))
        assert np.abs(fresh).max() > 0.5
        assert nothing.shape == features.transform([]).shape == (0, features.dimensions)


def test_loaded_features_give_the_same_numbers_to_the_bit(tmp_path):
    fitted = [
        LsaFeatures.fit(POSTS, dimensions=2),
        VectorFeatures.fit(POSTS, write_text(tmp_path / "v.txt")),
    ]
    for i, features in enumerate(fitted):
        folder = tmp_path / str(i) / "new"
        features.save(folder)
        loaded = type(features).load(folder)
        assert loaded.dimensions == features.dimensions
        np.testing.assert_array_equal(
            loaded.transform(FRESH), features.transform(FRESH)
        )


def test_files_that_do_not_fit_one_another_are_refused(tmp_path):
    LsaFeatures.fit(POSTS, dimensions=2).save(tmp_path / "good")

    def refused(name, change, match):
        folder = tmp_path / "bad"
        shutil.copytree(tmp_path / "good", folder, dirs_exist_ok=True)
        change(folder / name)
        with pytest.raises(ValueError, match=match) as caught:
            LsaFeatures.load(folder)
        assert name in str(caught.value)

    refused("lsa_idf.npy", lambda p: save_array(p, np.ones(3, np.float32)), "another")
    refused("mean.npy", lambda p: save_array(p, np.ones(3, np.float32)), r"\(2\)")
    refused("scale.npy", lambda p: save_array(p, np.zeros(2, np.float32)), "above 0")
    refused("scale.npy", lambda p: p.unlink(), "cannot be read")
    refused("mean.npy", lambda p: p.write_bytes(p.read_bytes()[:-3]), "cannot be read")
    refused("lsa_terms.json", lambda p: p.write_text('["a"'), "cannot be read")
    refused("lsa_terms.json", lambda p: p.write_text('{"a": 1}'), "list of strings")


def test_pickles_and_numbers_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be read"):
        load_array(path, (1,))
    save_array(path, np.array([np.inf], np.float32))
    with pytest.raises(ValueError, match="not finite"):
        load_array(path, (None,))
    save_array(path, np.array([1.0]))
    with pytest.raises(ValueError, match=r"float32 of shape \(any\), got float64"):
        load_array(path, (None,))
    words = tmp_path / "words.json"
    words.write_text('["a", "a"]')
    with pytest.raises(ValueError, match="no word twice"):
        load_words(words)


# Word vectors

WORDS = ["moon", "puck", "Goalie", "EARTH", "the"]
VECTORS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def line(word, vector):
    return f"{word} {' '.join(repr(float(value)) for value in vector)}\n"


def write_text(path, *, header="", end=""):
    lines = [line(*entry) for entry in zip(WORDS, VECTORS, strict=True)]
    path.write_text(header + "".join(lines) + end)
    return path


def write_binary(path, *, newline=b"\n", count=5):
    entries = [
        word.encode() + b" " + struct.pack("<3f", *vector) + newline
        for word, vector in zip(WORDS, VECTORS, strict=True)
    ]
    path.write_bytes(f"{count} 3\n".encode() + b"".join(entries))
    return path


def write_npy(path):
    np.save(path, VECTORS)
    path.with_suffix(".words.txt").write_text("\n".join(WORDS) + "\n")
    return path


WRITERS = {
    "glove.txt": write_text,
    "fasttext.vec": lambda path: write_text(path, header="5 3\n"),
    "word2vec.bin": write_binary,
    "no_newline.bin": lambda path: write_binary(path, newline=b""),
    "matrix.npy": write_npy,
}


@pytest.mark.parametrize("name", WRITERS)
def test_all_formats_say_the_same(name, tmp_path):
    words, vectors = read_vectors(WRITERS[name](tmp_path / name))
    assert words == WORDS
    np.testing.assert_array_equal(vectors, VECTORS)


def test_features_are_standardized_means_of_words_in_whatever_case(tmp_path):
    path = write_text(tmp_path / "v.txt")
    texts = ["Moon goalie moon", "earth PUCK unknown", "the moon"]
    means = np.array(
        [
            (2 * VECTORS[0] + VECTORS[2]) / 3,
            (VECTORS[3] + VECTORS[1]) / 2,
            (VECTORS[4] + VECTORS[0]) / 2,
        ]
    )
    features = VectorFeatures.fit([*texts, "nothing known"], path)
    due = (means - means.mean(axis=0)) / means.std(axis=0)
    np.testing.assert_allclose(features.transform(texts), due, rtol=2e-5, atol=1e-6)
    assert not features.transform(["nothing", ""]).any()


def test_the_first_of_two_vectors_counts_and_words_may_have_spaces(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("a 1 2\n. . 3 4\na 5 6\n")
    words, vectors = read_vectors(path)
    assert words == ["a", ". ."]
    assert vectors.tolist() == [[1, 2], [3, 4]]


def test_broken_text_is_refused_with_the_line(tmp_path):
    def refused(match, **parts):
        with pytest.raises(ValueError, match=match):
            read_vectors(write_text(tmp_path / "v.txt", **parts))

    refused(
        "line 6: a word and 3 numbers are due, got 'sun 1.0 2.0'", end="sun 1.0 2.0"
    )
    refused("line 6: a word and 3 numbers", end="sun 1.0 2.0 x\n")
    refused("line 7: a word and 3 numbers", header="5 3\n", end="sun 1.0\n")
    refused("line 2: a word and 4 numbers", header="5 4\n")
    refused("5 of 9 vectors, in line 6: it is truncated", header="9 3\n")
    refused("'sun', number 6, has numbers that are not finite", end="sun 1 nan 2\n")
    (tmp_path / "v.txt").write_text("")
    with pytest.raises(ValueError, match="line 1"):
        read_vectors(tmp_path / "v.txt")
    (tmp_path / "v.txt").write_bytes(b"a 1 2\n\xff\xfe 1 2\n")
    with pytest.raises(ValueError, match="line 2: this is not UTF-8"):
        read_vectors(tmp_path / "v.txt")


def test_broken_binaries_are_refused_with_the_byte(tmp_path):
    path = write_binary(tmp_path / "v.bin")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match=f"vector 5 of 5, at byte {len(whole) - 5}"):
        read_vectors(path)
    write_binary(path, count=4)
    with pytest.raises(ValueError, match="goes on after its 4 vectors"):
        read_vectors(path)
    path.write_bytes(b"moon 1 2 3\n")
    with pytest.raises(ValueError, match="should begin with the number of words"):
        read_vectors(path)


def test_broken_matrices_are_refused(tmp_path):
    path = write_npy(tmp_path / "v.npy")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match=r"v\.npy cannot be read: it is truncated"):
        read_vectors(path)
    path.write_bytes(whole)
    path.with_suffix(".words.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match=r"5 vectors but v\.words\.txt has 2 words"):
        read_vectors(path)
    path.with_suffix(".words.txt").unlink()
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_vectors(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="no array of numbers"):
        read_vectors(path)
    np.save(path, np.ones(3))
    with pytest.raises(ValueError, match="should hold a matrix"):
        read_vectors(path)


def test_vectors_without_a_word_of_the_texts_are_refused(tmp_path):
    path = write_text(tmp_path / "v.txt")
    with pytest.raises(ValueError, match="none of the 2 training texts"):
        VectorFeatures.fit(["bonjour", ""], path)


# Bags


def dense(bag, terms):
    """The matrix that a bag stands for, without the constant."""
    ids, weights = np.asarray(bag.ids), np.asarray(bag.weights)
    rows = np.zeros((len(ids), terms + 1), np.float32)
    np.add.at(rows, (np.arange(len(ids))[:, None], ids), weights)
    assert (rows[:, -1] == 1).all()
    return rows[:, :-1]


@pytest.mark.parametrize("tokens", [words_and_pairs, pieces], ids=["words", "pieces"])
def test_bags_are_the_rows_of_the_sparse_matrix(tokens):
    features, train = BagFeatures.fit_transform(POSTS, tokens, length=100)
    due, terms = sklearn_tfidf(POSTS, tokens, FRESH)
    assert features.terms == list(terms)
    fresh = dense(features.transform(FRESH), len(terms))
    np.testing.assert_allclose(fresh, due, rtol=1e-5)
    again = dense(features.transform(POSTS), len(terms))
    np.testing.assert_allclose(dense(train, len(terms)), again, rtol=1e-6)


@hypothesis.given(st.integers(1, 30))
@hypothesis.settings(deadline=None, max_examples=25)
def test_a_short_bag_keeps_the_largest_weights(length):
    features, bag = BagFeatures.fit_transform(POSTS, words_and_fields, length=length)
    whole, _ = sklearn_tfidf(POSTS, words_and_fields, POSTS)
    kept = dense(bag, len(features.terms))
    assert bag.ids.shape == (len(POSTS), length)
    for due, row in zip(whole, kept, strict=True):
        largest = np.sort(due)[::-1][: length - 1]
        found = np.sort(row)[::-1][: length - 1]
        np.testing.assert_allclose(found, largest, rtol=1e-5)
        assert (row > 0).sum() == (largest > 0).sum()


def test_loaded_bags_are_the_same_and_their_files_are_checked(tmp_path):
    features = BagFeatures.fit(POSTS, pieces, length=20)
    features.save(tmp_path)
    loaded = BagFeatures.load(tmp_path, pieces, length=20)
    for a, b in zip(features.transform(FRESH), loaded.transform(FRESH), strict=True):
        np.testing.assert_array_equal(a, b)
    save_array(tmp_path / "idf.npy", np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"idf\.npy should hold"):
        BagFeatures.load(tmp_path, pieces)


def test_bags_of_texts_without_a_common_word_are_refused():
    with pytest.raises(ValueError, match="too little in common"):
        BagFeatures.fit(["a b", "c d"], words_and_pairs)


def test_ratios_are_wang_and_mannings_on_presence():
    texts, labels = ["a a b", "a b", "a c", "b c c"], np.array([0, 0, 1, 2])
    features, bag = BagFeatures.fit_transform(texts, words_and_fields, length=9)
    assert features.terms == ["a", "b", "c"]
    ratios = log_count_ratios(bag, labels, features.ids, 3, smoothing=0.5)
    p, q = np.array([2.5, 2.5, 0.5]), np.array([1.5, 1.5, 2.5])  # Class 0.
    due = np.log(p / p.sum()) - np.log(q / q.sum())
    np.testing.assert_allclose(ratios[:3, 0], due, rtol=1e-6)
    assert (ratios[3] == 1).all()
    assert ratios[2, 2] > 0 > ratios[0, 2]
