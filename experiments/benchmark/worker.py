"""A contestant's process: measures once for every line on stdin, until that ends."""

import sys

from experiments.benchmark import CASES


def main(case: str, contestant: str) -> None:
    """Prints the seconds of each measurement."""
    measure = CASES[case].contestants[contestant]()
    for _ in sys.stdin:
        print(measure(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
