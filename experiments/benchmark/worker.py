"""A contestant's process: measures once for every line on stdin, until that ends."""

import sys

from experiments.benchmark import CASES

case, contestant = sys.argv[1:]
measure = CASES[case].CONTESTANTS[contestant]()
for _ in sys.stdin:
    print(measure(), flush=True)
