"""The step on each kind of device that JAX has here."""

from typing import NamedTuple

import jax
import numpy as np

from experiments.two_layer.config import Config
from experiments.two_layer.staging import beginning, seconds, ways
from jaxnet.types import Device

PLATFORMS = ("cpu", "gpu", "tpu")


class OnDevice(NamedTuple):
    """How long a step takes on a device.

    Attributes:
      name: its platform, and what the maker calls it.
      width: units in the hidden layer.
      step: seconds of a step in each round, (rounds,).
    """

    name: str
    width: int
    step: np.ndarray


def of_each_kind() -> dict[str, Device]:
    """One device of each kind, by name."""
    found: dict[str, Device] = {}
    for platform in PLATFORMS:
        try:
            on_platform = jax.devices(platform)
        except RuntimeError:  # There is none.
            continue
        for device in on_platform:
            kind = device.device_kind
            name = platform if kind.lower() == platform else f"{platform} {kind}"
            found.setdefault(name, device)
    return found


def time_devices(config: Config) -> list[OnDevice]:
    """Times the step on each kind of device, as a scan, by turns.

    Compilation and the first touch of everything come before the first turn.
    """
    timed = []
    for width in config.timed_widths:
        run = ways(config, width, config.timed_steps)["scan"]
        begin = beginning(config, width)
        there = {
            name: jax.device_put(begin, device)
            for name, device in of_each_kind().items()
        }
        for one in there.values():
            seconds(run, one)
        rows = {name: [] for name in there}
        for _ in range(config.rounds):
            for name, one in there.items():
                rows[name].append(seconds(run, one)[0] / config.timed_steps)
        timed += [OnDevice(name, width, np.array(row)) for name, row in rows.items()]
    return timed
