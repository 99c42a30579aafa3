"""What the contestants of `small_nets` train, and how it is measured."""

from collections.abc import Callable
from typing import Any

import numpy as np

MEMBERS = {16: 256, 64: 256, 256: 32}
"""How many members, by H."""

EXAMPLES, BATCH, EPOCHS, MOMENTUM = 1024, 32, 20, 0.9
STEPS = EXAMPLES // BATCH
RATES = (1e-3, 1e-2)
"""Between which learning rates are: no member diverges, which would spare its work."""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs x and targets sin(pi x), (1024, 1) each."""
    x = np.linspace(-1.0, 1.0, EXAMPLES, dtype=np.float32)[:, None]
    return x, np.sin(np.pi * x)


def rates(count: int) -> np.ndarray:
    """A learning rate for each member, evenly on a log scale, (members,)."""
    return np.geomspace(*RATES, count, dtype=np.float32)


def build_of(units: int) -> Callable[[Any], Any]:
    """`jaxnet`'s build function for H units."""
    import jaxnet

    def build(h):
        return jaxnet.Task(
            model=jaxnet.mlp(units, units, 1, activation=jaxnet.tanh),
            loss=jaxnet.mean_squared_error,
            optimizer=jaxnet.optimizer("momentum", h["rate"], momentum=MOMENTUM),
            batch_size=BATCH,
        )

    return build


def per_thousand(seconds: float, members: int, epochs: int) -> float:
    """Seconds for 1,000 steps of a member."""
    return 1000 * seconds / (members * epochs * STEPS)
