"""Runs the experiment: ``python -m experiments.search``."""

from experiments.search import main

raise SystemExit(main())
