"""What one seed finds: the nets that it chooses, on test digits that are changed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from experiments.augmentation.config import Config
from experiments.augmentation.data import Problem, sizes
from experiments.augmentation.training import (
    STRENGTHS,
    build,
    chosen,
    setting,
    study,
)
from experiments.augmentation.transforms import Images, augment_each
from jaxnet.training import TrainState
from jaxnet.types import PRNGKey

TESTED: dict[str, float] = {
    "rotate": 20.0,
    "reflect": 1.0,
    "scale": 0.2,
    "crop": 0.1,
    "noise": 0.2,
    "occlude": 2.0,
}
"""How far test digits are changed, but those that move: these by a whole pixel."""

TESTS = ("plain", "translate", *TESTED)
"""Test digits as they are, those that moved, and those that were changed else."""

AT_ALL_SIZES = ("none", "together", "nearest")


class Seed(NamedTuple):
    """What one seed found.

    Attributes:
      row: errors on test digits, in percent. "rotate_of_150" is that of the net that
        was chosen among those that saw rotated ones of 150 digits; "rotate_on_noise"
        that of the net that saw them turned most, on test digits with noise.
      strengths: those that were chosen, by kind.
    """

    row: dict[str, float]
    strengths: dict[str, float]


def examine(config: Config, problem: Problem, seed: int) -> Seed:
    """Trains every setting, chooses, and looks at the test digits."""
    nets = study(config, problem, seed)
    main = {kind: chosen(nets, config.examples, kind) for kind in STRENGTHS}
    picked = [(config.examples, *one) for one in main.items()]
    for size in sizes(config):
        if size != config.examples:
            picked += [(size, k, chosen(nets, size, k)) for k in AT_ALL_SIZES]
    picked += [
        (config.examples, k, strengths[-1]) for k, strengths in STRENGTHS.items()
    ]
    key = jax.random.fold_in(jax.random.key(seed), 2)
    states = [nets[size][kind, strength].state for size, kind, strength in picked]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
    errors = 100.0 * np.asarray(_wrong(config, stacked, key, *problem.test), float)
    of_chosen, of_strongest = np.split(errors, [len(picked) - len(STRENGTHS)])
    row = {
        f"{kind}_of_{size}": float(plain)
        for (size, kind, _), plain in zip(
            picked[: len(of_chosen)], of_chosen[:, 0], strict=True
        )
    }
    for kind, on_tests in zip(STRENGTHS, of_strongest.tolist(), strict=True):
        row |= {f"{kind}_on_{t}": e for t, e in zip(TESTS, on_tests, strict=True)}
    return Seed(row, main)


def changed(
    key: PRNGKey, images: Float[Array, "batch height width"]
) -> Float[Array, "tests batch height width"]:
    """The test digits in the order of `TESTS`."""
    one_by_one = [{name: strength} for name, strength in TESTED.items()]
    rest = augment_each(key, images, one_by_one)
    return jnp.concatenate([jnp.stack([images, moved(images)]), rest])


def moved(images: Float[Array, "batch height width"]) -> Images:
    """Every image by one pixel: down, up, right, left, and again."""
    batch, height, width = images.shape
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1)))
    windows = jnp.stack(
        [
            padded[:, i : i + height, j : j + width]
            for i, j in ((0, 1), (2, 1), (1, 0), (1, 2))
        ]
    )
    return windows[jnp.arange(batch) % 4, jnp.arange(batch)]


@jax.jit(static_argnames="config")
def _wrong(
    config: Config,
    states: TrainState,
    key: PRNGKey,
    images: Float[Array, "batch height width"],
    labels: Int[Array, " batch"],
) -> Float[Array, "nets tests"]:
    """The share of wrong answers of every net in every one of `TESTS`."""
    model = build(setting(config, "none", 0.0)).model
    shown = changed(key, images)

    def of_net(state: TrainState) -> Float[Array, " tests"]:
        def of_test(images: Images) -> Float[Array, ""]:
            logits, _ = model.apply(state.params, state.model_state, images)
            return (logits.argmax(axis=-1) != labels).mean()

        return jax.lax.map(of_test, shown)

    return jax.vmap(of_net)(states)
