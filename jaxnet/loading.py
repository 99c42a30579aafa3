"""Data on their way to the device: checked once, as all arrays that a run sees are."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxnet import programs
from jaxnet.data.checking import check_data, check_labels, unpack
from jaxnet.data.streaming import Stream
from jaxnet.programs import Program, Traced
from jaxnet.training import TrainState
from jaxnet.types import Batch


def load(name: str, data: Batch | Stream) -> Batch | Stream:
    """The data, checked and on the device; of a stream nothing is read.

    Args:
      name: what to call the data in messages.
      data: ``(x, y)`` or ``(x, y, weights)``, or a stream of them.

    Raises:
      ValueError: if the arrays do not fit together or are not finite.
    """
    if isinstance(data, Stream):
        return data
    check_data(data, name=name)
    return on_device(unpack(data))


def check_classes(
    program: Program, traced: Traced, state: TrainState, data: Batch | Stream
) -> None:
    """Raises ValueError if targets are class labels that the outputs have not.

    Args:
      program: what the state is of.
      traced: its hyperparameters.
      state: only its shapes are read.
      data: arrays; of a stream nothing is read.
    """
    if isinstance(data, Stream):
        return
    x, y, *_ = data
    outputs = jax.eval_shape(
        functools.partial(programs.predict, program), traced, state, x
    )
    if not (isinstance(outputs, jax.ShapeDtypeStruct) and isinstance(y, jax.Array)):
        return
    # Integers with one axis less than the outputs are classes.
    if jnp.issubdtype(y.dtype, jnp.integer) and y.ndim == outputs.ndim - 1:
        check_labels(y, outputs.shape[-1])


def on_device(tree: Any) -> Any:
    """The same with JAX arrays for leaves."""
    return jax.tree.map(jnp.asarray, tree)
