"""Samplers: which settings of a space to try.

A sampler is a function ``(space, trials, key) -> settings`` of one dict of plain
Python values for each trial, fixed values included. Four rules hold for all of them:

* The same key gives the same settings.
* More trials of `random` and `sobol` begin with the same settings.
* What a dimension gets depends on its place among the sorted names, and not on the
  order in the dict.
* At least one trial is asked for.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np
from jaxtyping import Float

from jaxnet.checks import check_int, check_key
from jaxnet.search.dimensions import Choice, plain
from jaxnet.search.space import Space, check_space, varying
from jaxnet.types import PRNGKey

Setting: TypeAlias = dict[str, Any]
"""A value for each name of a space."""

Sampler: TypeAlias = Callable[[Space, int, PRNGKey], list[Setting]]
"""``(space, trials, key) -> settings``."""


def random(space: Space, trials: int, key: PRNGKey) -> list[Setting]:
    """Independent settings, each drawn from the whole space.

    Where few of the dimensions matter, it finds better settings than a grid of as
    many trials, which repeats the same few values of those.

    Args:
      space: what to sample.
      trials: how many settings, at least 1.
      key: which sample. Trial i is a function of the space, the key and i alone.

    Raises:
      ValueError: if the space cannot be sampled, or trials is no int of at least 1.

    References:
      Bergstra & Bengio, *Random Search for Hyper-Parameter Optimization*, 2012.
    """
    _check(space, trials)
    # The generator fills row by row, so that more rows begin with the same ones.
    shares = _generator(key).random((trials, len(varying(space))))
    return _settings(space, shares)


def sobol(space: Space, trials: int, key: PRNGKey) -> list[Setting]:
    """Settings that fill the space evenly: a scrambled Sobol sequence.

    Every part of the space gets nearly as many settings as it is large, most exactly
    with a power of two of them; and no range repeats a number, as a grid does.

    Args:
      space: what to sample, of at most 21,201 dimensions.
      trials: how many settings, at least 1.
      key: which scrambling. Trial i is a function of the space, the key and i alone.

    Raises:
      ValueError: if the space cannot be sampled, or trials is no int of at least 1.

    References:
      Sobol, *On the distribution of points in a cube*, 1967; Owen, *Scrambling Sobol
      and Niederreiter-Xing Points*, 1998.
    """
    from scipy.stats import qmc

    _check(space, trials)
    generator, count = _generator(key), len(varying(space))
    if count == 0:
        return _settings(space, np.zeros((trials, 0)))
    # Whole powers of two, of which the first are taken, since scipy warns otherwise.
    power = (trials - 1).bit_length()
    # The annotations of scipy know it as rng, which versions before 1.15 have not.
    sequence = qmc.Sobol(count, seed=generator)  # pyright: ignore[reportCallIssue]
    return _settings(space, sequence.random_base2(power)[:trials])


def grid(space: Space, trials: int, key: PRNGKey) -> list[Setting]:
    """The largest full grid of at most ``trials`` settings.

    Every choice has all of its values. Ranges have equal numbers of points, or nearly
    so: the range that has the fewest gets one more while the product still fits, the
    first by name among equals. One point is the middle, more reach both ends.

    Args:
      space: what to sample.
      trials: the most settings, at least as many as the choices have combinations.
      key: not used: the grid of a space is always the same.

    Returns:
      The settings, of which the last dimension by name changes fastest.

    Raises:
      ValueError: if the space cannot be sampled, or trials is too small for it.

    >>> from jaxnet.search.space import choice, log_uniform
    >>> space = {"rate": log_uniform(0.01, 1.0), "width": choice(16, 64)}
    >>> [tuple(s.values()) for s in grid(space, 7, jax.random.key(0))]
    [(0.01, 16), (0.01, 64), (0.1, 16), (0.1, 64), (1.0, 16), (1.0, 64)]
    """
    del key
    _check(space, trials)
    dimensions = varying(space)
    sizes = {n: d.size if isinstance(d, Choice) else 1 for n, d in dimensions.items()}
    least = math.prod(sizes.values())
    if least > trials:
        raise ValueError(
            f"grid: the choices alone have {least} combinations, got trials={trials}. "
            f"Ask for at least {least} trials, or sample at random."
        )
    growing = [n for n, d in dimensions.items() if not isinstance(d, Choice)]
    while growing:
        fewest = min(growing, key=sizes.__getitem__)
        if sizes[fewest] == dimensions[fewest].size:
            growing.remove(fewest)
            continue
        larger = sizes | {fewest: sizes[fewest] + 1}
        if math.prod(larger.values()) > trials:
            break
        sizes = larger
    axes = [dimension.grid(int(sizes[n])) for n, dimension in dimensions.items()]
    points = itertools.product(*axes)
    return [_setting(space, dict(zip(dimensions, p, strict=True))) for p in points]


def _check(space: Space, trials: int) -> None:
    check_space(space)
    check_int("trials", trials)


def _generator(key: PRNGKey) -> np.random.Generator:
    check_key(key)
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def _settings(
    space: Space, shares: Float[np.ndarray, "trials dimensions"]
) -> list[Setting]:
    """One setting for each row of numbers in [0, 1), by the order of the names."""
    dimensions = varying(space)
    settings = []
    for row in shares.tolist():
        pairs = zip(dimensions.items(), row, strict=True)
        settings.append(_setting(space, {n: d.at(u) for (n, d), u in pairs}))
    return settings


def _setting(space: Space, drawn: Setting) -> Setting:
    """What was drawn with what is fixed, in the order of the space."""
    return {n: drawn[n] if n in drawn else plain(space[n]) for n in space}
