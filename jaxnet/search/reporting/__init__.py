"""What a sweep found, in figures and in words."""

from jaxnet.search.reporting.diagnosing import Diagnosis, diagnose
from jaxnet.search.reporting.drawing import (
    draw_axes,
    draw_curves,
    draw_heatmap,
    draw_parallel,
)
from jaxnet.search.reporting.report import write_report

__all__ = [
    "Diagnosis",
    "diagnose",
    "draw_axes",
    "draw_curves",
    "draw_heatmap",
    "draw_parallel",
    "write_report",
]
