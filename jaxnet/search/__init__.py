"""Sweeps: training runs for many settings as one program for each shape."""

from jaxnet.search.halving import Halving
from jaxnet.search.planning import Plan, plan
from jaxnet.search.refining import refine
from jaxnet.search.results import Sweep
from jaxnet.search.samplers import grid, random, sobol
from jaxnet.search.space import (
    choice,
    integers,
    log_integers,
    log_uniform,
    uniform,
)
from jaxnet.search.sweeping import sweep

__all__ = [
    "Halving",
    "Plan",
    "Sweep",
    "choice",
    "grid",
    "integers",
    "log_integers",
    "log_uniform",
    "plan",
    "random",
    "refine",
    "sobol",
    "sweep",
    "uniform",
]
