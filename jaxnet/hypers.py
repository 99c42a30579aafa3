"""Which hyperparameters are traced, and which shape the program.

Floats are traced: they are arrays in the compiled program, and a new value never
compiles again. Everything else (an int such as a width, a string, a function, a
tuple of ints) is static: it shapes the program, and a new value makes a new one.
"""

import difflib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxnet.types import Hypers

Static = tuple[tuple[str, Any], ...]
"""The static hyperparameters as a hashable value, in the order of their names."""


def split_hypers(hypers: Hypers) -> tuple[dict[str, jax.Array], Static]:
    """Parts hyperparameters into traced and static ones.

    Args:
      hypers: by name.

    Returns:
      The floats as float32 arrays by name, and the others as sorted pairs.

    Raises:
      ValueError: if a float is not finite, or another value cannot be hashed.

    >>> traced, static = split_hypers({"learning_rate": 0.1, "width": 64})
    >>> list(traced), static
    (['learning_rate'], (('width', 64),))
    """
    traced, static = {}, []
    for name, value in sorted(hypers.items()):
        if is_traced(value):
            array = jnp.asarray(value, jnp.float32)
            if not isinstance(array, Tracer) and not jnp.isfinite(array).all():
                raise ValueError(
                    f"hyperparameter {name} should be finite, got {value}."
                )
            traced[name] = array
            continue
        try:
            hash(value)
        except TypeError:
            raise ValueError(
                f"hyperparameter {name}={value!r} is neither a float, to be traced, "
                "nor hashable, to be static. Use a tuple in place of a list."
            ) from None
        static.append((name, value))
    return traced, tuple(static)


def join_hypers(traced: dict[str, jax.Array], static: Static) -> Hypers:
    """What `split_hypers` took apart."""
    return Named({**dict(static), **traced})


class Named(dict[str, Any]):
    """Hyperparameters by name, with a message that helps where one is missing."""

    def __missing__(self, name: str) -> Any:
        near = difflib.get_close_matches(name, self, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise KeyError(
            f"build reads the hyperparameter {name!r}, but there are only "
            f"{sorted(self)}.{hint}"
        )


def is_traced(value: object) -> bool:
    """Whether a hyperparameter is an argument of the program: a float is."""
    if isinstance(value, float | np.floating):
        return True
    return isinstance(value, jax.Array | np.ndarray) and jnp.issubdtype(
        value.dtype, jnp.floating
    )
