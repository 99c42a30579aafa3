"""Asks a finished run about new text: the flags ``--ask TEXT --run FOLDER``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SHOWN = 5
"""How many groups are printed, the likeliest first."""


def is_question(argv: Sequence[str]) -> bool:
    """Whether a command line asks, and does not train."""
    return any(word == "--ask" or word.startswith("--ask=") for word in argv)


def main(argv: Sequence[str]) -> int:
    """Prints the likeliest groups of a text; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.newsgroups",
        description="Asks a finished run which group a text belongs to.",
    )
    text_help = "the text, or - for standard input"
    parser.add_argument("--ask", required=True, metavar="TEXT", help=text_help)
    parser.add_argument(
        "--run",
        metavar="FOLDER",
        type=Path,
        default=Path("runs/newsgroups"),
        help="the folder of the run (default %(default)s)",
    )
    given = parser.parse_args(argv)
    from experiments.newsgroups.saving import load  # Imports JAX, which is slow.

    try:
        classifier = load(given.run)
    except ValueError as error:
        parser.error(str(error))
    text = _standard_input() if given.ask == "-" else given.ask
    (probabilities,) = classifier.probabilities([text])
    for i in np.argsort(-probabilities)[:SHOWN]:
        print(f"{probabilities[i]:6.1%}  {classifier.groups[i]}")
    return 0


def _standard_input() -> str:
    # Posts of the archive are in Latin-1: what is not UTF-8 in them is no word.
    return sys.stdin.buffer.read().decode("utf-8", errors="replace")
