"""The progress bar: one line on a terminal, nothing anywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    total: int, *, show: bool, unit: str = "epoch"
) -> Iterator[Callable[[int, str], None]]:
    """A bar on stderr for a loop that runs on the host.

    Args:
      total: how much there is to do.
      show: False for none. Without a terminal there is none in any case, so logs
        and pipes stay clean.
      unit: what is counted.

    Yields:
      ``update(done, text)``, where ``text`` is shown behind the bar.
    """
    if not (show and sys.stderr.isatty()):
        yield lambda done, text: None
        return

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(unit),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("", total=total)
        yield lambda done, text: bar.update(line, completed=done, description=text)
