"""Runs the experiment: ``python -m experiments.batch_size``."""

from experiments.batch_size import main

raise SystemExit(main())
