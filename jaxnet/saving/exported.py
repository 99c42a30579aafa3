"""A model that was read from a file: what it takes, what it gives, and the call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnet.data.batching import example_count
from jaxnet.saving.structures import fill
from jaxnet.types import Inputs


class InputSpec(NamedTuple):
    """An array that an exported model takes.

    Attributes:
      path: its place in the inputs; empty if they are one array.
      shape: of a row: without the axis of the examples.
      dtype: of its elements.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class ExportedModel:
    """A model from a file: ``model(x)`` gives its outputs for every row of ``x``.

    It is compiled for each number of rows that it is called with, and works inside
    ``jax.jit``. It has no gradient.

    Attributes:
      inputs: what it takes, in the order of ``jax.tree.leaves``.
      platforms: where it runs.
      description: as it was given.
      versions: of jax and jaxnet when it was written.
      call: the program, from arrays to a list of arrays.
      outputs: "paths" of that list's arrays, and the "tree" that they make.
    """

    inputs: tuple[InputSpec, ...]
    platforms: tuple[str, ...]
    description: Any
    versions: dict[str, str]
    call: Callable[..., Sequence[Any]] = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)

    def __call__(self, x: Inputs) -> Any:
        """The outputs, in evaluation mode, for every row of ``x``."""
        example_count(x, name="x")
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(x)]
        if len(leaves) != len(self.inputs):
            raise ValueError(
                f"x should be {', '.join(map(_spelled, self.inputs))}; got "
                f"{len(leaves)} arrays."
            )
        for leaf, due in zip(leaves, self.inputs, strict=True):
            if leaf.shape[1:] != due.shape or leaf.dtype.name != due.dtype:
                raise ValueError(
                    f"x should be {_spelled(due)}, got {leaf.dtype} of shape "
                    f"{leaf.shape}."
                )
        outputs = dict(zip(self.outputs["paths"], self.call(*leaves), strict=True))
        return fill(self.outputs["tree"], outputs.__getitem__)


def described(header: Mapping[str, Any]) -> ExportedModel:
    """The model of which the header of a file tells, without its program.

    Raises:
      KeyError, TypeError, ValueError: if the header is not of such a file.
    """
    outputs = {name: header["outputs"][name] for name in ("tree", "paths")}
    fill(outputs["tree"], dict.fromkeys(outputs["paths"]).__getitem__)
    return ExportedModel(
        inputs=tuple(
            InputSpec(str(name), tuple(shape), str(dtype))
            for name, shape, dtype in header["inputs"]
        ),
        platforms=tuple(header["platforms"]),
        description=header["description"],
        versions=dict(header["versions"]),
        call=_no_program,
        outputs=outputs,
    )


def _no_program(*leaves: Any) -> Sequence[Any]:
    raise AssertionError("load_model puts the program in its place")


def _spelled(spec: InputSpec) -> str:
    shape = str(("any", *spec.shape)).replace("'", "").replace(",)", ")")
    return f"{spec.path or 'an array'} of {spec.dtype} and shape {shape}"
