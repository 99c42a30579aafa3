"""A contestant's process: measures once for every line on stdin, until that ends."""

import os
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
    # What libraries print from C++, such as those that connect processes, is no answer.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(*sys.argv[1:])
