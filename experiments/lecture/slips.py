"""The fourteen slips of the slides, and their table."""

from collections.abc import Callable, Sequence

from rich.table import Table
from rich.text import Text

from experiments.lecture import formulas, programs
from experiments.lecture.slip import Slip

SLIPS: tuple[Callable[[], Slip], ...] = (
    programs.glorot_scale,
    programs.dropout_scale_up,
    programs.dropout_scale_down,
    formulas.cross_entropy_sign,
    formulas.cross_entropy_class,
    formulas.forward_difference,
    formulas.squared_error_half,
    formulas.momentum_velocity,
    programs.dropped_weights,
    formulas.paths_are_added,
    programs.default_initializer,
    programs.zeros_cost_as_much,
    programs.unscaled_weights,
    programs.unordered_labels,
)


def slips_table(slips: Sequence[Slip]) -> Table:
    """What the slides say and what is right, each with what it gives."""
    table = Table(
        "lecture", "what", "on the slide", "gives", "right", "gives", show_lines=True
    )
    for slip in slips:
        table.add_row(
            slip.lecture,
            slip.what,
            Text(slip.slide),  # In which brackets are brackets.
            Text(slip.gives, "red"),
            Text(slip.right),
            Text(slip.gives_right, "green"),
        )
    return table
