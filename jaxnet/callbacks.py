"""What `fit` calls while it trains: functions of a `Report`.

A callback is any function, such as
``lambda report: print(report.epoch, report.metrics["train_loss"])``:

    jaxnet.fit(..., callbacks=[my_function, tensorboard("runs/1")])
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxnet.training import TrainState


class Report(NamedTuple):
    """Where training is, after a block of epochs.

    Attributes:
      epoch: epochs done.
      epochs: epochs in all.
      metrics: the row of the history just added: means by name.
      state: as it is now. Its buffers are reused by the next epoch: whoever keeps
        it has to copy it, with ``jax.tree.map(jnp.copy, state)``.
      status: "running", or how training ended, as in `Fit`.
    """

    epoch: int
    epochs: int
    metrics: dict[str, float]
    state: TrainState
    status: str


Callback = Callable[[Report], None]


def tensorboard(directory: str | Path) -> Callback:
    """A callback, for one run, that writes every metric as a TensorBoard scalar.

    Args:
      directory: where the event file goes; made if it is not there. Look at it
        with ``tensorboard --logdir DIRECTORY``.

    Raises:
      ModuleNotFoundError: if tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        error.add_note("Install it with: pip install tensorboardX")
        raise
    writer: Any = SummaryWriter(str(directory))

    def write(report: Report) -> None:
        for name, value in report.metrics.items():
            # "validation_loss" is drawn in the group of "validation".
            part, _, metric = name.partition("_")
            writer.add_scalar(f"{part}/{metric}", value, report.epoch)
        # A thread writes the file, so flushing may leave the latest events out.
        writer.flush() if report.status == "running" else writer.close()

    return write
