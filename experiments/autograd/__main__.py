"""Runs the experiment: ``python -m experiments.autograd``."""

from experiments.autograd import main

raise SystemExit(main())
