"""A contestant's process: measures once for every line on stdin, until that ends."""

import sys

from experiments.benchmark import CASES


def main(case: str, contestant: str) -> None:
    """Prints what each turn measures: a value and, if there is one, a score."""
    measure = CASES[case].contestants[contestant]()
    for _ in sys.stdin:
        turn = measure()
        numbers = turn if isinstance(turn, tuple) else (turn,)
        print(*numbers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
