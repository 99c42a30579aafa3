"""Runs the experiment: ``python -m experiments.learning_rate``."""

from experiments.learning_rate import main

raise SystemExit(main())
