"""Runs the experiment: ``python -m experiments.regularization``."""

from experiments.regularization import main

raise SystemExit(main())
