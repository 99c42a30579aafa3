"""Which hyperparameter decides how well the net of the ladder learns?

Each repeat draws settings of all of them at once, over ranges that people search, and
trains every setting once. How much one matters is the share of the variance of the
final validation loss that its value alone explains, omega squared: the settings are
put into eight groups by that value, and what the groups' means vary more than chance
lets them is compared with what all losses vary.

References:
  Hays, *Statistics for Psychologists*, 1963, on omega squared; Hutter, Hoos &
  Leyton-Brown, *An Efficient Approach for Assessing Hyperparameter Importance*, 2014.
"""

import jax
import numpy as np
from jaxtyping import Float

import jaxnet
from experiments.common.cli import track
from experiments.learning_rate.config import Config
from experiments.learning_rate.ladder import sine_points
from jaxnet import search
from jaxnet.types import Hypers

SPACE = {
    "learning_rate": search.log_uniform(1e-3, 1.0),
    "momentum": search.uniform(0.0, 0.95),
    "weight_decay": search.log_uniform(1e-6, 1e-1),
    "initial_variance": search.log_uniform(0.1, 10.0),
}
"""What is drawn; the width goes through those of the config in turn."""

NAMES = (*SPACE, "width")

GROUPS = 8


def build(h: Hypers) -> jaxnet.Task:
    """The ladder's net with the usual other things to choose."""
    return jaxnet.Task(
        model=jaxnet.mlp(
            h["width"],
            1,
            activation=jaxnet.tanh,
            kernel_init=jaxnet.initializers.he(h["initial_variance"]),
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer(
            "momentum",
            h["learning_rate"],
            momentum=h["momentum"],
            weight_decay=h["weight_decay"],
        ),
        batch_size=h["batch_size"],
    )


def shares(config: Config, *, progress: bool) -> dict[str, np.ndarray]:
    """The share of the variance that each explains, by name, each (seeds,).

    Args:
      config: how many settings and seeds.
      progress: whether to show a bar, on a terminal.

    Raises:
      ValueError: if there are fewer devices than asked for.
    """
    seeds = range(config.seed, config.seed + config.seeds)
    seeds = track(seeds, "settings of all hyperparameters", show=progress)
    rows = [_of_seed(config, seed) for seed in seeds]
    return {name: np.array([row[name] for row in rows]) for name in NAMES}


def _of_seed(config: Config, seed: int) -> dict[str, float]:
    points = sine_points(config, seed)
    draw_key, run_key = jax.random.split(jax.random.fold_in(jax.random.key(seed), 2))
    settings = [
        {
            **setting,
            "width": config.widths[i % len(config.widths)],
            "batch_size": config.batch_size,
        }
        for i, setting in enumerate(search.random(SPACE, config.settings, draw_key))
    ]
    result = jaxnet.sweep(
        build,
        settings,
        points.train,
        points.validation,
        key=run_key,
        epochs=config.settings_epochs,
        every=config.settings_epochs,
        devices=config.devices or None,
        progress=False,
    )
    # What diverged is as bad as a net that says the mean.
    guess = float(np.var(points.validation[1]))
    losses = result.runs.curves["validation_loss"][:, -1]
    losses = np.where(result.runs.bad_step > 0, guess, np.fmin(losses, guess))
    return {
        name: omega_squared(np.array([setting[name] for setting in settings]), losses)
        for name in NAMES
    }


def omega_squared(
    values: Float[np.ndarray, " settings"], losses: Float[np.ndarray, " settings"]
) -> float:
    """The share of the losses' variance that the values explain.

    With k groups of n losses in all it is
    ``(between - (k - 1) noise) / (total + noise)``, where ``between`` and ``total`` are
    sums of squares and ``noise`` is the mean square within groups: around 0, and as
    often below it as above, where the values explain nothing.

    Args:
      values: of one hyperparameter; those with more than eight are put into eight
        groups of equal size, by rank.
      losses: of the settings.
    """
    known, groups = np.unique(values, return_inverse=True)
    if len(known) > GROUPS:
        groups = values.argsort().argsort() * GROUPS // len(values)
    count = int(groups.max()) + 1
    total = float(((losses - losses.mean()) ** 2).sum())
    within = sum(
        float(((one - one.mean()) ** 2).sum())
        for one in (losses[groups == group] for group in range(count))
    )
    noise = within / (len(losses) - count)
    return (total - within - (count - 1) * noise) / (total + noise)
