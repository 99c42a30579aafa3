"""Runs the experiment: ``python -m experiments.newsgroups``."""

from experiments.newsgroups import main

raise SystemExit(main())
