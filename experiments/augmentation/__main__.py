"""Runs the experiment: ``python -m experiments.augmentation``."""

from experiments.augmentation import main

raise SystemExit(main())
