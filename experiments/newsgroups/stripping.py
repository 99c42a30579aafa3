"""Removing from a post what tells its group without being about it.

    strip(text, ("headers", "footers", "quotes"))

The rules are those of scikit-learn's ``fetch_20newsgroups(remove=...)``, so that
accuracies can be compared, but for one: a post that has no headers keeps its first
paragraph.
"""

import re
from collections.abc import Sequence

from jaxnet.checks import check_names

PARTS = ("headers", "footers", "quotes")
"""What can be removed, in the order in which it is."""

_HEADER = re.compile(r"^(?:From|Subject):", re.MULTILINE)
_BREAK = re.compile(r"^[^\S\n]*(?:-+[^\S\n]*)?$", re.MULTILINE)
_QUOTE = re.compile(
    r"[>|]|In article|Quoted from"  # How a line begins,
    r"|.*(?:(?:writes|wrote|says|said):|writes in)"  # or what it has anywhere.
)


def strip(text: str, parts: Sequence[str]) -> str:
    """The text without the parts, some of `PARTS`; their order does not matter.

    Raises:
      ValueError: if a part is none of `PARTS`.
    """
    check_names("strip", parts, PARTS)
    for part, remove in zip(
        PARTS, (strip_headers, strip_footers, strip_quotes), strict=True
    ):
        if part in parts:
            text = remove(text)
    return text


def strip_headers(text: str) -> str:
    r"""What follows the first blank line, if ``From:`` or ``Subject:`` is above it.

    >>> strip_headers("From: someone\nSubject: none\n\nHello.\n\nBye.")
    'Hello.\n\nBye.'
    >>> strip_headers("Hello.\n\nBye.")
    'Hello.\n\nBye.'
    """
    above, _, below = text.partition("\n\n")
    return below if _HEADER.search(above) else text


def strip_footers(text: str) -> str:
    r"""What precedes the last line that is blank or made of hyphens.

    Of an unsigned post this removes the last paragraph, unless it is the only one.

    >>> strip_footers("Hello.\n--\nSomeone, Somewhere")
    'Hello.'
    """
    body = text.strip()
    breaks = [line.start() for line in _BREAK.finditer(body)]
    # A break above all text leaves nothing, so it is none.
    return body[: breaks[-1] - 1] if breaks and breaks[-1] > 0 else text


def strip_quotes(text: str) -> str:
    r"""The lines that neither are quoted, with > or |, nor announce a quotation.

    >>> strip_quotes("Someone writes:\n> Is it?\nIt is.")
    'It is.'
    """
    return "\n".join(line for line in text.split("\n") if not _QUOTE.match(line))
