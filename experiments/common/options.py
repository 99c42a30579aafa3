"""The fields of an experiment's ``Config``: defaults, help texts and ranges.

    @dataclass(frozen=True)
    class Config:
        width: int = option(512, "units in the hidden layer", at_least=1)
        data: Literal["sine", "diabetes"] = option("sine", "what to fit")
        seed: int = seed_option()
        seeds: int = seeds_option(10, quick=3)

        def __post_init__(self):
            check_fields(self)

A field says all about an option in one place: `check_fields` checks it, and
`experiments.common.cli` makes its flag from it. The types are int, float, str,
bool, ``Literal`` of strings, a tuple such as ``tuple[int, ...]``, and ``X | None``.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

from jaxnet.checks import check_choice, check_number

Limits = dict[str, Any]

_UNSET: Any = object()


def option(
    default: Any,
    text: str,
    *,
    quick: Any = _UNSET,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of a ``Config``.

    Args:
      default: its value unless another is given.
      text: what it means, with units, for ``--help``.
      quick: its value with ``--quick``, if that is another.
      at_least: the smallest value allowed; of a tuple, for each entry.
      above: every value allowed is larger than this.
      below: every value allowed is smaller than this.
    """
    limits = {"at_least": at_least, "above": above, "below": below}
    known = {name: float(limit) for name, limit in limits.items() if limit is not None}
    metadata = {"text": text, "limits": known}
    if quick is not _UNSET:
        metadata["quick"] = quick
    return dataclasses.field(default=default, metadata=metadata)


def seed_option() -> Any:
    """The field ``seed: int``, which all experiments have."""
    text = "the first seed, of data, parameters and noise"
    return option(0, text, at_least=0, below=1e9)


def seeds_option(default: int, *, quick: int) -> Any:
    """The field ``seeds: int``, which all experiments have."""
    text = "repetitions, with seeds that count up from the first"
    return option(default, text, quick=quick, at_least=1)


def check_fields(config: Any, *problems: str) -> None:
    """Raises ValueError with all problems of a config, one a line.

    Args:
      config: an instance whose fields are options.
      *problems: others that the experiment has found.
    """
    found = list(problems)
    for field in dataclasses.fields(config):
        value, limits = getattr(config, field.name), field.metadata["limits"]
        found += _problems(field.name, field.type, value, limits)
    if found:
        raise ValueError("\n".join(found))


def quick_values(config_class: type) -> dict[str, Any]:
    """The fields that ``--quick`` changes, by name."""
    return {
        field.name: field.metadata["quick"]
        for field in dataclasses.fields(config_class)
        if "quick" in field.metadata
    }


def from_text(kind: Any, text: Any) -> Any:
    """What was written on the command line, as a value of a field's type.

    Text that cannot be one stays text, for `check_fields` to refuse.

    Args:
      kind: the field's type.
      text: a string; a list of them for a tuple; a bool as it is.

    >>> from_text(int, "3"), from_text(tuple[float, ...], ["1", "x"])
    (3, (1.0, 'x'))
    """
    inner, optional = _without_none(kind)
    if isinstance(text, list):
        return tuple(from_text(_entry(kind), one) for one in text)
    if optional and text == "none":
        return None
    try:
        return inner(text) if inner in (int, float) else text
    except ValueError:
        return text


def is_tuple(kind: Any) -> bool:
    """Whether a field's type is a tuple, or that or None."""
    return typing.get_origin(_without_none(kind)[0]) is tuple


def choices(kind: Any) -> tuple[str, ...]:
    """The strings that a ``Literal`` allows; none for any other type."""
    inner, _ = _without_none(kind)
    return typing.get_args(inner) if typing.get_origin(inner) is Literal else ()


def metavar(kind: Any) -> str:
    """What stands for a value in ``--help``: INT, FLOAT or TEXT."""
    inner = _entry(kind) if is_tuple(kind) else _without_none(kind)[0]
    return {int: "INT", float: "FLOAT"}.get(inner, "TEXT")


def _problems(name: str, kind: Any, value: Any, limits: Limits) -> Iterator[str]:
    """What is wrong with one value: nothing, or one problem for each entry."""
    inner, optional = _without_none(kind)
    if optional and value is None:
        return
    if is_tuple(kind):
        if not isinstance(value, tuple) or not value:
            yield f"{name} should be a tuple with at least one entry, got {value!r}."
            return
        for i, entry in enumerate(value):
            yield from _problems(f"{name}[{i}]", _entry(kind), entry, limits)
        return
    try:
        if choices(kind):
            check_choice(name, value, choices(kind))
        elif not _is_one(inner, value):
            yield f"{name} should be {_NOUNS[inner]}, got {value!r}."
        elif inner in (int, float):
            check_number(name, value, **limits)
    except ValueError as error:
        yield str(error)


_NOUNS = {
    int: "an int",
    float: "a finite float",
    str: "a string",
    bool: "True or False",
}


def _is_one(kind: type, value: Any) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    # An int is no float here: jaxnet would compile again for each value of it.
    return isinstance(value, kind) and (kind is not float or math.isfinite(value))


def _entry(kind: Any) -> Any:
    """The type X of the entries of ``tuple[X, ...]``."""
    return typing.get_args(_without_none(kind)[0])[0]


def _without_none(kind: Any) -> tuple[Any, bool]:
    """``X, True`` for ``X | None``, and ``X, False`` for any other type X."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (inner,) = set(typing.get_args(kind)) - {types.NoneType}
        return inner, True
    return kind, False
