"""Runs the experiment: ``python -m experiments.initialization``."""

from experiments.initialization import main

raise SystemExit(main())
