"""Runs the experiment: ``python -m experiments.two_layer``."""

from experiments.two_layer import main

raise SystemExit(main())
