"""Runs the experiment: ``python -m experiments.normalization``."""

from experiments.normalization import main

raise SystemExit(main())
