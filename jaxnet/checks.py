"""Argument checks whose messages say what came, what was due, and what to do.

Each function returns nothing when all is well. Values that are not known while
JAX traces (a swept dropout rate, say) pass unchecked: ``fit`` calls ``build``
once with plain numbers first, so they are checked there.
"""

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


class LayerError(ValueError):
    """A layer refused its arguments; ``path`` says which layer of the model.

    Attributes:
      path: the names from the outermost layer to the one that refused, such as
        ``("residual_1", "block", "dense_2")``.
      message: what was wrong.
    """

    def __init__(self, message: str, path: tuple[str, ...] = ()):
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return f"{'/'.join(self.path)}: {self.message}" if self.path else self.message


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Adds ``name`` to the path of an error that a child layer raises."""
    try:
        yield
    except LayerError as error:
        error.path = (name, *error.path)
        raise
    except Exception as error:
        error.add_note(f"in layer {name!r}")
        raise


def check_shape(name: str, x: Any, expected: Sequence[int | None]) -> None:
    """Raises ValueError unless ``x.shape`` fits ``expected``; None fits any size."""
    shape = tuple(x.shape)
    fits = len(shape) == len(expected) and all(
        due in (None, got) for due, got in zip(expected, shape, strict=True)
    )
    if fits:
        return
    due = str(tuple("any" if n is None else n for n in expected)).replace("'", "")
    hint = ""
    if shape == (*expected, 1):
        hint = f" Drop the trailing axis with {name}[..., 0]."
    elif (*shape, 1) == tuple(expected):
        hint = f" Add the trailing axis with {name}[..., None]."
    raise ValueError(f"{name} should have shape {due}, got {shape}.{hint}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raises ValueError unless ``value`` is one of ``choices``."""
    by_lower = {choice.lower(): choice for choice in choices}
    choices = list(by_lower.values())
    if value in choices:
        return
    near = difflib.get_close_matches(str(value).lower(), by_lower, n=1)
    hint = f" Did you mean {by_lower[near[0]]!r}?" if near else ""
    raise ValueError(f"{name}={value!r} is not one of {choices}.{hint}")


def check_names(what: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    """Raises ValueError for the first of ``names`` that is not among ``allowed``."""
    for name in names:
        check_choice(what, name, allowed)


def check_int(name: str, value: object, *, at_least: int = 1) -> None:
    """Raises ValueError unless ``value`` is an int of at least ``at_least``."""
    if (
        isinstance(value, int | np.integer)
        and not isinstance(value, bool)
        and int(value) >= at_least
    ):
        return
    hint = ""
    if isinstance(value, float | np.floating | jax.Array):
        hint = (
            f" {name} shapes the program, so it has to be a Python int: a float "
            "hyperparameter is traced and cannot be used here. In the space of a sweep "
            "write integers(low, high) or choice(...)."
        )
    raise ValueError(
        f"{name} should be an int of at least {at_least}, got {value!r}.{hint}"
    )


def check_number(
    name: str,
    value: Any,
    *,
    at_least: float | int | None = None,
    above: float | int | None = None,
    below: float | int | None = None,
    hint: str = "",
) -> None:
    """Raises ValueError if a known number is outside its range.

    Args:
      name: the argument's name, for the message.
      value: a number. A traced array passes, since its value is not known.
      at_least: the smallest value allowed.
      above: every value allowed is larger than this.
      below: every value allowed is smaller than this.
      hint: what to do about it, added to the message.
    """
    if isinstance(value, Tracer):
        return
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} should be a number, got {value!r}. {hint}") from None
    limits = []
    if at_least is not None:
        limits.append((number >= at_least, f"at least {at_least:g}"))
    if above is not None:
        limits.append((number > above, f"above {above:g}"))
    if below is not None:
        limits.append((number < below, f"below {below:g}"))
    if all(holds for holds, _ in limits):
        return
    due = " and ".join(text for _, text in limits)
    raise ValueError(f"{name} should be {due}, got {value!r}. {hint}".rstrip())


def check_key(key: object) -> None:
    """Raises TypeError unless ``key`` is one typed key."""
    is_typed = jax.dtypes.prng_key
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, is_typed):
        if key.shape == ():
            return
        raise TypeError(
            f"key should be a single key, got {key.shape[0]} of them. "
            "Pass one, such as keys[0]."
        )
    raise TypeError(
        f"key should be a typed key, got {key!r}. Make one with jax.random.key(0)."
    )
