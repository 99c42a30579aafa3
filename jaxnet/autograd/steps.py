"""A function taken apart into its operations, each with its value.

What JAX traces is a list of equations. Here each becomes a step that can be run, and
differentiated, by itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxnet.autograd.spelling import spelled_call
from jaxnet.jaxprs import core

_CALLS = ("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint")
"""Equations that are functions, and nothing else."""


class Scalar(NamedTuple):
    """A number that stands in the program: no node of its own."""

    value: Any


Source = int | Scalar
"""What an equation reads: the value with this number, or a number of the program."""


class Step(NamedTuple):
    """One operation.

    Attributes:
      operation: its name.
      inputs: the numbers of the values that it reads, each once.
      outputs: the numbers of those that it makes.
      places: which of its results each of them is, as "[1]"; "" for the only one.
      run: from the former to a list of the latter.
      spell: from the names of all values to a formula.
    """

    operation: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    places: tuple[str, ...]
    run: Callable[..., list[Any]]
    spell: Callable[[dict[int, str]], str]


class Program:
    """The steps of a function, and all values for given inputs.

    Attributes:
      values: the inputs first, then constants and results as they appear.
      inputs: how many of them are inputs.
      constants: the numbers of arrays that the function has brought along.
      steps: in order.
      outputs: the numbers of what it returns.
    """

    def __init__(self, closed: Any, leaves: Sequence[Any], *, inline: bool):
        self.values: list[Any] = list(leaves)
        self.inputs = len(self.values)
        self.constants: list[int] = []
        self.steps: list[Step] = []
        self._inline = inline
        outputs = self._follow(closed, list(range(self.inputs)), top=True)
        self.outputs = [self._constant(one) for one in outputs]

    def _follow(
        self, closed: Any, sources: Sequence[Source], *, top: bool = False
    ) -> list[Source]:
        """Adds the steps of a traced function that reads these sources."""
        jaxpr = closed.jaxpr
        # A function that only calls a compiled one is that one.
        top = top and len(jaxpr.eqns) == 1
        place: dict[Any, Source] = dict(zip(jaxpr.invars, sources, strict=True))
        for variable, value in zip(jaxpr.constvars, closed.consts, strict=True):
            is_number = np.ndim(value) == 0
            place[variable] = Scalar(value) if is_number else self._add(value)

        def source(atom: Any) -> Source:
            if isinstance(atom, core().Literal):
                return Scalar(atom.val)
            return place[atom]

        for equation in jaxpr.eqns:
            read = [source(atom) for atom in equation.invars]
            inner = _inner(equation) if self._inline or top else None
            if inner is not None:
                place |= zip(
                    equation.outvars, self._follow(inner, read, top=top), strict=True
                )
            else:
                place |= zip(_kept(equation), self._run(equation, read), strict=True)
        return [source(atom) for atom in jaxpr.outvars]

    def _run(self, equation: Any, read: Sequence[Source]) -> Sequence[Source]:
        """Adds one step, and what it makes to the values."""
        inputs = tuple(dict.fromkeys(one for one in read if isinstance(one, int)))
        alone = _alone(equation)
        # The equation's own numbers stay in it: the rest is what it is called with.
        free = [
            one
            for one, atom in zip(read, equation.invars, strict=True)
            if not isinstance(atom, core().Literal)
        ]

        def run(*values: Any) -> list[Any]:
            known = dict(zip(inputs, values, strict=True))
            args = [
                one.value if isinstance(one, Scalar) else known[one] for one in free
            ]
            return alone(*args)

        def spell(names: dict[int, str]) -> str:
            operands = [
                one.value if isinstance(one, Scalar) else names[one] for one in read
            ]
            return spelled_call(_name(equation), equation, operands)

        first = len(self.values)
        self.values += run(*(self.values[one] for one in inputs))
        made = tuple(range(first, len(self.values)))
        every = equation.outvars
        places = tuple(
            f"[{every.index(one)}]" if len(every) > 1 else "" for one in _kept(equation)
        )
        self.steps.append(Step(_name(equation), inputs, made, places, run, spell))
        return made

    def _add(self, value: Any) -> int:
        self.values.append(value)
        self.constants.append(len(self.values) - 1)
        return self.constants[-1]

    def _constant(self, one: Source) -> int:
        return self._add(one.value) if isinstance(one, Scalar) else one


def _alone(equation: Any) -> Callable[..., list[Any]]:
    """One equation as a function of what it reads."""
    read = [atom for atom in equation.invars if not isinstance(atom, core().Literal)]
    fresh = dict.fromkeys(read)
    about = core().DebugInfo("graph", _name(equation), None, None)
    parts = ((), [*fresh], _kept(equation), [equation])
    jaxpr = core().Jaxpr(*parts, effects=equation.effects, debug_info=about)
    call = core().jaxpr_as_fun(core().ClosedJaxpr(jaxpr, ()))

    def run(*values: Any) -> list[Any]:
        by_atom = dict(zip(read, values, strict=True))
        return list(call(*(by_atom[atom] for atom in fresh)))

    return run


def _inner(equation: Any) -> Any | None:
    """The function that an equation calls, if it does nothing else."""
    if equation.primitive.name not in _CALLS:
        return None
    inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
    if isinstance(inner, core().Jaxpr):
        return core().ClosedJaxpr(inner, ())
    return inner


def _kept(equation: Any) -> list[Any]:
    """What an equation makes and somebody may read."""
    return [one for one in equation.outvars if not isinstance(one, core().DropVar)]


def _name(equation: Any) -> str:
    """What a reader calls an equation: the function's name, if it calls one."""
    params, name = equation.params, equation.primitive.name
    if isinstance(params.get("name"), str):
        return params["name"].strip("_")
    inner = params.get("call_jaxpr", params.get("jaxpr"))
    if name.startswith("custom_") or name in _CALLS:
        info = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
        given = getattr(info, "func_name", "")
        if given.isidentifier():
            return given.strip("_")
    return name
