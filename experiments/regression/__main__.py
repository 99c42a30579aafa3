"""Runs the experiment: ``python -m experiments.regression``."""

from experiments.regression import main

raise SystemExit(main())
