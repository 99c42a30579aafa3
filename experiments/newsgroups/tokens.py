"""The tokens of a post: words, pairs and pieces of them, and words of header fields.

A word is a run of letters, digits and underscores, single characters included: ``c``,
``x`` and ``3`` say much about a group. What *From*, *Subject* and so on say is told
apart from what is written in the body, since ``subject=space`` is a far better sign
than ``space``. Everything but `WORD` is in lower case.
"""

import functools
import itertools
import re

FIELDS = (
    "from",
    "subject",
    "organization",
    "keywords",
    "summary",
    "reply-to",
    "nntp-posting-host",
    "distribution",
)
"""The header fields whose words are tokens of their own."""

WORD = re.compile(r"\w+")
"""A word, as it is written."""

_SPACED = "".join(c if WORD.match(c) else " " for c in map(chr, range(128)))
_FIELD = re.compile(rf"^({'|'.join(FIELDS)}):(.*)$", re.MULTILINE)
_PIECE = 4


def words(text: str) -> list[str]:
    """All words of a text.

    >>> words("Re: X11, C++")
    ['re', 'x11', 'c']
    """
    text = text.lower()
    if text.isascii():  # As most posts are: the same in half of the time.
        return text.translate(_SPACED).split()
    return WORD.findall(text)


def words_and_fields(text: str) -> list[str]:
    r"""All words of a post, and those of its header fields once more by field.

    >>> words_and_fields("Subject: Re: X11\n\nC++")
    ['subject', 're', 'x11', 'c', 'subject=re', 'subject=x11']
    """
    return words(text) + _field_words(text)


def words_and_pairs(text: str) -> list[str]:
    """As `words_and_fields`, with each two words that follow one another.

    >>> words_and_pairs("Space, the final")
    ['space', 'the', 'final', 'space the', 'the final']
    """
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words(text))]
    return words_and_fields(text) + pairs


def pieces(text: str) -> list[str]:
    """All runs of four characters in words with marked ends, and words of fields.

    >>> pieces("Orbits 3")
    ['<orb', 'orbi', 'rbit', 'bits', 'its>', '<3>']
    """
    found = []
    for word in words(text):
        found += _pieces_of(word)
    return found + _field_words(text)


def _field_words(text: str) -> list[str]:
    """The words of the header fields; the header goes up to the first empty line."""
    header = text.partition("\n\n")[0].lower()
    return [
        f"{field}={word}"
        for field, value in _FIELD.findall(header)
        for word in WORD.findall(value)
    ]


@functools.lru_cache(maxsize=200_000)
def _pieces_of(word: str) -> tuple[str, ...]:
    marked = f"<{word}>"
    starts = range(max(1, len(marked) - _PIECE + 1))
    return tuple(marked[i : i + _PIECE] for i in starts)
