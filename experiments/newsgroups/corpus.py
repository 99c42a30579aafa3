"""The posts to learn from: the real 20 Newsgroups, a corpus of yours, or a sample.

    corpus = load_corpus("../shared/data/20newsgroups", strip=("headers",))
    corpus.groups[corpus.train.labels[0]], corpus.train.texts[0]

The hub's copy, `HUB_ID`, has lost headers, footers and quotes, and some of its posts
are empty: expect some fifteen points less accuracy there than on posts with headers.
"""

import hashlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import jaxnet
from experiments.newsgroups import stripping
from experiments.newsgroups.folders import nearest, read_path
from experiments.newsgroups.hub import read_hub
from experiments.newsgroups.readers import NamedPosts
from jaxnet.checks import check_int, check_names, check_number

HUB_ID = "SetFit/20_newsgroups"
"""The copy of 20 Newsgroups that "auto" uses, with the split by date."""

_SAMPLE = Path(__file__).with_name("sample.jsonl")


class Posts(NamedTuple):
    """Posts and which groups they are from.

    Attributes:
      texts: of the posts; some may be empty.
      labels: positions in ``Corpus.groups``, an int array of shape (posts,).
    """

    texts: list[str]
    labels: np.ndarray


@dataclass(frozen=True)
class Corpus:
    """Posts for training and testing.

    Attributes:
      name: what it is: "sample", "hub" and its id, or "files" and their last name.
      groups: names in alphabetical order; numbers by size.
      train: at least one post of each group.
      test: likewise.
      fingerprint: the SHA-256 of groups, texts and labels, in their order. The same
        posts have the same, whatever the format they were in.
      comparable: whether accuracies may be compared with those of others.
      note: why it is the sample though that was not asked for, or None.
    """

    name: str
    groups: tuple[str, ...]
    train: Posts
    test: Posts
    fingerprint: str
    comparable: bool = True
    note: str | None = None


def load_corpus(
    source: str = "auto",
    *,
    test_fraction: float = 0.4,
    seed: int = 0,
    strip: Sequence[str] = (),
) -> Corpus:
    """Reads a corpus, and splits it if it has no posts for testing.

    Args:
      source: "auto" is `HUB_ID`, or where that cannot be had, with a warning on
        stderr, the sample; "sample" is what comes with this project, 480 short posts
        that were written for it; else a path as for `read_path`, or if there is
        none, the id of a data set on the hub, "owner/name".
      test_fraction: the share of posts for testing, of a corpus without any.
      seed: which split that is.
      strip: what to remove from the posts, some of `stripping.PARTS`.

    Raises:
      ValueError: if the corpus cannot be had or used, or an argument is wrong.
    """
    check_number("test_fraction", test_fraction, above=0.0, below=1.0)
    check_int("seed", seed, at_least=0)
    check_names("strip", strip, stripping.PARTS)
    name, parts, note = _find(source)
    groups = _groups(name, parts)
    train, test = _train_and_test(parts, groups, test_fraction, seed)
    if strip:
        train, test = (
            Posts([stripping.strip(text, strip) for text in posts.texts], posts.labels)
            for posts in (train, test)
        )
    digest = _fingerprint(groups, train, test)
    return Corpus(name, groups, train, test, digest, name != "sample", note)


def _find(source: str) -> tuple[str, dict[str, NamedPosts], str | None]:
    """The name, parts and note of a source."""
    if source == "auto":
        return _hub_or_sample()
    if source == "sample":
        return "sample", read_path(_SAMPLE), None
    if not source:
        raise ValueError('source should be "auto", "sample", a path or an id, got "".')
    path = Path(source)
    is_id = re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", source) is not None
    if os.path.exists(source) or not is_id:
        return f"files {Path(os.path.abspath(path)).name}", read_path(path), None
    try:
        return f"hub {source}", read_hub(source), None
    except ValueError as error:
        raise ValueError(
            f"There is no file or folder {source!r}, and no data set of that name "
            f"could be had from the hub: {error}{nearest(path)}"
        ) from None


def _hub_or_sample() -> tuple[str, dict[str, NamedPosts], str | None]:
    try:
        return f"hub {HUB_ID}", read_hub(HUB_ID), None
    except ValueError as error:
        note = f"{HUB_ID} could not be had from the hub: {error}"
    parts = read_path(_SAMPLE)
    print(
        f"warning: {note}\n  Using the sample of {len(parts['all'].texts)} posts "
        "instead: its accuracy is not comparable with that of the real corpus.\n  For "
        "that one, give its files with --corpus PATH, or run this with a network.",
        file=sys.stderr,
    )
    return "sample", parts, note


def _groups(name: str, parts: dict[str, NamedPosts]) -> tuple[str, ...]:
    """The groups, of which all parts should have the same."""
    train, *others = ({*part.names} for part in parts.values())
    for other in others:
        if train != other:
            raise ValueError(
                f"{name} has groups in one part that the other lacks; in train alone: "
                f"{sorted(train - other)}, in test alone: {sorted(other - train)}."
            )
    if len(train) < 2:
        raise ValueError(
            f"{name} should have at least 2 groups, got {sorted(train)}: there would "
            "be nothing to tell apart."
        )
    if all(group.isdecimal() for group in train):
        return tuple(sorted(train, key=lambda number: (int(number), number)))
    return tuple(sorted(train))


def _train_and_test(
    parts: dict[str, NamedPosts],
    groups: tuple[str, ...],
    test_fraction: float,
    seed: int,
) -> tuple[Posts, Posts]:
    number = {group: i for i, group in enumerate(groups)}
    found = [
        Posts(part.texts, np.array([number[name] for name in part.names]))
        for part in parts.values()
    ]
    if len(found) == 2:
        return found[0], found[1]
    (posts,) = found
    counts = np.bincount(posts.labels)
    trained = np.rint((1.0 - test_fraction) * counts)
    for label in np.flatnonzero((trained == 0) | (trained == counts))[:1]:
        raise ValueError(
            f"The group {groups[label]!r} has too few posts, {counts[label]}, to be in "
            f"train and test with test_fraction={test_fraction:g}. Give it more, "
            "remove it, or choose another fraction."
        )
    rows = jaxnet.split(
        np.arange(len(posts.texts)),
        jax.random.key(seed),
        (1.0 - test_fraction, test_fraction),
        stratify=posts.labels,
    )
    train, test = (
        Posts([posts.texts[i] for i in some], posts.labels[some]) for some in rows
    )
    return train, test


def _fingerprint(groups: tuple[str, ...], *parts: Posts) -> str:
    digest = hashlib.sha256("\n".join(groups).encode())
    for posts in parts:
        digest.update(f"\n{len(posts.texts)} posts\n".encode())
        for text, label in zip(posts.texts, posts.labels.tolist(), strict=True):
            # Some texts of the net have halves of characters, which are no UTF-8.
            content = text.encode("utf-8", "surrogatepass")
            digest.update(f"{label} {len(content)}\n".encode() + content)
    return digest.hexdigest()
