"""A CPU as several devices, one for each core, which train members side by side."""

import contextlib
import os

import jax

_OPTION = "jax_num_cpu_devices"

_UNSAID = -1
"""JAX's own default."""


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Not on every system.
        return os.cpu_count() or 1


def split_cpu(devices: int = 0) -> None:
    """Makes the CPU several devices, for programs that have JAX to themselves.

    It has to come before anything that starts JAX, such as making a key, and does
    nothing after that, or where somebody has said a number before. Accelerators are
    what they are.

    Args:
      devices: how many; 0 for as many as there are cores.
    """
    if getattr(jax.config, _OPTION) != _UNSAID:
        return
    # JAX refuses once it has started, as in a notebook.
    with contextlib.suppress(RuntimeError):
        jax.config.update(_OPTION, devices or cores())
