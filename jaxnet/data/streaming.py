"""Data that stay on the host, or never are in memory at once.

``fit`` takes a `Stream` wherever it takes arrays:

    train = stream_arrays((np.load("x.npy", mmap_mode="r"), labels))
    train = stream_batches(loader)      # any iterable of (x, y) batches

Batches go to the device one by one, the next while the last is computed on.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from jaxnet.data.batching import epoch_order, example_count
from jaxnet.data.checking import unpack
from jaxnet.types import Batch, PRNGKey


class Stream(NamedTuple):
    """Where batches come from.

    Attributes:
      shuffled: ``(key, batch_size) -> batches`` of one epoch of training; the same
        key gives the same batches. The size is None for one batch of all examples.
      in_order: ``(batch_size) -> batches`` that hold every example once; the last
        may be smaller.
    """

    shuffled: Callable[[PRNGKey, int | None], Iterable[Batch]]
    in_order: Callable[[int], Iterable[Batch]]


def stream_arrays(data: Batch) -> Stream:
    """Streams arrays that are too large for the device, such as memory maps.

    The rows of each batch are read when it is needed. Their order is that of
    arrays in device memory: training on either is the same, for the same key.

    Args:
      data: ``(x, y)`` or ``(x, y, weights)``, NumPy arrays or memory maps.
        Values are not checked, since that would read them all: see `check_data`.
    """
    unpack(data)
    examples = example_count(data)

    def read(rows: np.ndarray | slice) -> Batch:
        return jax.tree.map(lambda a: np.asarray(a[rows]), data)

    def shuffled(key: PRNGKey, batch_size: int | None) -> Iterator[Batch]:
        if batch_size is None:
            yield read(slice(None))
            return
        for rows in np.asarray(epoch_order(key, examples, batch_size)):
            yield read(rows)

    def in_order(batch_size: int) -> Iterator[Batch]:
        for start in range(0, examples, batch_size):
            yield read(slice(start, start + batch_size))

    return Stream(shuffled, in_order)


def stream_batches(batches: Iterable[Batch] | Callable[[], Iterable[Batch]]) -> Stream:
    """Streams batches that something else makes, such as a loader of PyTorch.

    Their order and size are their maker's: the key and ``batch_size`` of the task
    are not used. A batch of another size compiles the step again.

    Args:
      batches: an iterable of ``(x, y)`` or ``(x, y, weights)`` batches that can be
        gone through again for every epoch, or a function that makes one.

    Raises:
      TypeError: if it is an iterator, which would be empty in the second epoch.
    """
    if isinstance(batches, Iterator):
        raise TypeError(
            f"batches is an iterator ({type(batches).__name__}), which is empty after "
            "one epoch. Pass the function that makes it, or a list."
        )
    make = batches if callable(batches) else lambda: batches

    def each() -> Iterator[Batch]:
        for batch in make():
            yield jax.tree.map(np.asarray, unpack(batch, name="batch"))

    return Stream(lambda key, batch_size: each(), lambda batch_size: each())
