"""Runs the experiment: ``python -m experiments.optimizers``."""

from experiments.optimizers import main

raise SystemExit(main())
