"""Batch sizes that change with the epoch, in place of a learning rate that decays.

    Task(model, loss, optimizer, batch_size={0: 32, 30: 128, 60: 512})

trains on batches of 32, from the 31st epoch on of 128, and from the 61st of 512. The
noise of the gradient falls as it does when the learning rate is divided by as much,
and the steps become fewer (Smith et al., *Don't Decay the Learning Rate, Increase the
Batch Size*, 2018). Each size is a program of its own.
"""

from collections.abc import Mapping

from jaxnet.checks import check_int

BatchSize = int | None
"""Examples per step; None for all."""

BatchSizes = BatchSize | Mapping[int, BatchSize]
"""A batch size, or from which epoch on, counted from 0, there is which."""

Stages = tuple[tuple[int, BatchSize], ...]
"""The first epoch and the batch size of each stage, in order."""


def check_batch_size(name: str, batch_size: BatchSizes) -> None:
    """Raises ValueError unless this is a batch size, or a schedule of them."""
    if not isinstance(batch_size, Mapping):
        if batch_size is not None:
            check_int(name, batch_size)
        return
    for epoch, size in batch_size.items():
        check_int(f"{name}: an epoch", epoch, at_least=0)
        if size is not None:
            check_int(f"{name}: from epoch {epoch} on", size)
    if 0 not in batch_size:
        raise ValueError(
            f"{name} should say with which size training begins, got "
            f"{dict(batch_size)}. Add the epoch 0, as in {{0: 32, 30: 128}}."
        )


def stages_of(batch_size: BatchSizes) -> Stages:
    """The stages of a batch size that was checked; one if it never changes.

    >>> stages_of({0: 32, 20: 64, 10: 32}), stages_of(None)
    (((0, 32), (20, 64)), ((0, None),))
    """
    if not isinstance(batch_size, Mapping):
        return ((0, batch_size),)
    stages: list[tuple[int, BatchSize]] = []
    for epoch, size in sorted(batch_size.items()):
        if not stages or stages[-1][1] != size:
            stages.append((epoch, size))
    return tuple(stages)


def stage_at(stages: Stages, epoch: int) -> int:
    """The number of the stage that an epoch is in."""
    return sum(first <= epoch for first, _ in stages) - 1


def check_blocks(stages: Stages, every: int) -> None:
    """Raises ValueError if the batch size would change within a block of epochs."""
    for epoch, _ in stages:
        if epoch % every:
            raise ValueError(
                f"batch_size changes after epoch {epoch}, within a block of "
                f"every={every} epochs. Let every divide {epoch}."
            )
