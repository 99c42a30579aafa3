"""JAX's own types of what it has traced, for those who take a jaxpr apart."""

import functools
from types import ModuleType


@functools.cache
def core() -> ModuleType:
    """``jax.extend.core``, imported when it is first asked for.

    Pallas comes with it, which takes half as long to import as all of jaxnet.
    """
    from jax.extend import core

    return core
