"""Learning rates that change: functions ``step -> rate``, and one that listens.

    optimizer("momentum", warm_up(cosine(h["learning_rate"], 900), 100))
    optax.chain(optimizer("sgd", 0.1), on_plateau(steps_per_epoch=50))

Steps are counted from 0, one for each update; multiply epochs by the steps in one.
Rates and factors may be traced, numbers of steps are ints. ``step`` may be an
array, for plots: ``plt.plot(cosine(0.1, 900)(jnp.arange(1000)))``. Schedules of
optax fit wherever these do; these take traced numbers throughout.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxnet.checks import check_int, check_number

Number: TypeAlias = float | Float[Array, ""]


def constant(learning_rate: Number) -> optax.Schedule:
    """The same rate in every step.

    Args:
      learning_rate: at least 0.

    Raises:
      ValueError: if a known rate is negative.
    """
    check_number("constant: learning_rate", learning_rate, at_least=0.0)
    return optax.constant_schedule(learning_rate)


def steps(
    learning_rate: Number, boundaries: Sequence[int], factor: Number = 0.1
) -> optax.Schedule:
    """A rate that is multiplied by ``factor`` at each boundary.

    ``rate(t) = learning_rate * factor ** #{b in boundaries: b <= t}``, which is
    PyTorch's ``MultiStepLR``.

    Args:
      learning_rate: the rate in step 0, at least 0.
      boundaries: the steps that are the first with a new rate, increasing.
      factor: at least 0.

    Raises:
      ValueError: if a known number is out of its range, or the boundaries do not
        increase.

    >>> [round(float(steps(1.0, [2, 3])(t)), 2) for t in range(5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    check_number("steps: learning_rate", learning_rate, at_least=0.0)
    check_number("steps: factor", factor, at_least=0.0)
    for boundary in boundaries:
        check_int("steps: each of boundaries", boundary)
    if any(first >= second for first, second in pairwise(boundaries)):
        raise ValueError(
            f"steps: boundaries should increase, got {list(boundaries)}. Sort them, "
            "and give each step once."
        )

    def rate(step: Any) -> Array:
        passed = sum(jnp.where(step >= boundary, 1, 0) for boundary in boundaries)
        return learning_rate * jnp.power(factor, passed)

    return rate


def exponential(learning_rate: Number, factor: Number, steps: int) -> optax.Schedule:
    """A rate that is multiplied by ``factor`` over every ``steps`` steps, smoothly.

    ``rate(t) = learning_rate * factor ** (t / steps)``. With ``steps`` an epoch, it
    passes through the values of PyTorch's ``ExponentialLR(gamma=factor)``.

    Args:
      learning_rate: the rate in step 0, at least 0.
      factor: above 0.
      steps: at least 1.

    Raises:
      ValueError: if a known number is out of its range.

    >>> [round(float(exponential(1.0, 0.25, 2)(t)), 3) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """
    check_number("exponential: learning_rate", learning_rate, at_least=0.0)
    check_number("exponential: factor", factor, above=0.0)
    check_int("exponential: steps", steps)
    return lambda step: learning_rate * jnp.power(factor, step / steps)


def cosine(learning_rate: Number, steps: int, *, final: Number = 0.0) -> optax.Schedule:
    """A rate that falls along half a cosine wave, then stays.

    ``rate(t) = final + (learning_rate - final) (1 + cos(pi t / steps)) / 2`` up to
    ``t = steps``, and ``final`` from there, where PyTorch's ``CosineAnnealingLR``
    would climb again.

    Args:
      learning_rate: the rate in step 0, at least 0.
      steps: how many steps it falls for, at least 1.
      final: the rate at the end, at least 0: a rate, not a share of the first.

    Raises:
      ValueError: if a known number is out of its range.

    References:
      Loshchilov & Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*,
      2017, eq. 5, without restarts.

    >>> [round(float(cosine(1.0, 4)(t)), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    check_number("cosine: learning_rate", learning_rate, at_least=0.0)
    check_int("cosine: steps", steps)
    check_number("cosine: final", final, at_least=0.0)
    falling = optax.cosine_decay_schedule(learning_rate - final, steps)
    return lambda step: final + falling(step)


def warm_up(schedule: Number | optax.Schedule, steps: int) -> optax.Schedule:
    """A linear climb to a rate, or to the first rate of a schedule that follows.

    ``rate(t) = schedule(0) (t + 1) / (steps + 1)`` for ``t < steps``, then
    ``schedule(t - steps)``. No step has the rate zero, and none of the climb the
    full rate.

    Args:
      schedule: a rate of at least 0, or a function ``step -> rate``. Its own steps
        begin when the climb ends: ``warm_up(cosine(0.1, 900), 100)`` ends at 1000.
      steps: how many steps the climb takes, at least 1.

    Raises:
      ValueError: if a known number is out of its range.

    References:
      Goyal et al., *Accurate, Large Minibatch SGD*, 2017, section 2.2.

    >>> [round(float(warm_up(1.0, 3)(t)), 2) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    check_int("warm_up: steps", steps)
    after = schedule if callable(schedule) else constant(schedule)
    peak = jnp.asarray(after(0))
    climb = optax.linear_schedule(peak / (steps + 1), peak, steps)
    # Both parts are evaluated in every step, and the second may overflow below 0.
    return optax.join_schedules(
        [climb, lambda step: after(jnp.maximum(step, 0))], [steps]
    )


def on_plateau(
    *,
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    cooldown: int = 0,
    min_scale: Number = 0.0,
    steps_per_epoch: int = 1,
) -> optax.GradientTransformationExtraArgs:
    """Lowers the rate when the loss no longer falls; to be chained behind an optimizer.

    It multiplies the updates by a scale of 1 at first. Each epoch's loss is the mean
    of ``steps_per_epoch`` values; if it is not below ``(1 - threshold)`` times the
    best one, the epoch is a bad one. After ``patience`` bad epochs in a row the
    scale is multiplied by ``factor``.

        optax.chain(optimizer("sgd", 0.1), on_plateau(steps_per_epoch=50))

    ``update`` needs ``value=loss``. Training passes the loss of each batch, which
    is noisy: set ``steps_per_epoch`` to the number of batches in an epoch, or to
    some of these.

    Args:
      factor: what the scale is multiplied by, in (0, 1). It cannot be traced.
      patience: bad epochs before it is lowered, at least 1. PyTorch's
        ``ReduceLROnPlateau(patience=n)`` waits for one more: it is n + 1 here. Keras
        counts as we do.
      threshold: the least relative fall that counts as one, in (0, 1). It cannot be
        traced.
      cooldown: epochs after a change in which none is bad, at least 0.
      min_scale: where the scale stops falling, at least 0.
      steps_per_epoch: values that are averaged to an epoch's loss, at least 1:
        ``accumulation_size`` in optax.

    Returns:
      `optax.contrib.reduce_on_plateau`, whose state has the ``scale``.

    Raises:
      ValueError: if a number is out of its range, or has to be known and is traced.
    """
    for name, value in (("factor", factor), ("threshold", threshold)):
        if isinstance(value, jax.Array):
            raise ValueError(
                f"on_plateau: {name} has to be a plain number, got {value}: it "
                "cannot be swept in one program. Train once for each value."
            )
        check_number(f"on_plateau: {name}", value, above=0.0, below=1.0)
    check_int("on_plateau: patience", patience)
    check_int("on_plateau: cooldown", cooldown, at_least=0)
    check_number("on_plateau: min_scale", min_scale, at_least=0.0)
    check_int("on_plateau: steps_per_epoch", steps_per_epoch)
    return optax.contrib.reduce_on_plateau(
        factor,
        patience,
        rtol=threshold,
        cooldown=cooldown,
        accumulation_size=steps_per_epoch,
        min_scale=min_scale,
    )
