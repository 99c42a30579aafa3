"""What the lectures show, as programs that run: ``python -m experiments.NAME``."""
