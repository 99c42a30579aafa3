"""Runs the experiment: ``python -m experiments.sweep``."""

from experiments.sweep import main

raise SystemExit(main())
