"""One net, trained with learning rates from much too small to much too large.

The net learns a sine from noisy points in small batches, whose noise is what a large
rate cannot average out. Four rates of the ladder are named by rules, on one half of
the seeds, and judged on the other:

* good: the lowest mean validation loss of those with which no seed diverged;
* low: the nearest to a tenth of it;
* high: the largest with which no seed diverged;
* very high: the smallest with which every seed did.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnet
from experiments.learning_rate.config import Config
from experiments.learning_rate.parabola import SLIDES
from experiments.regression import sine
from jaxnet.search import Sweep
from jaxnet.types import Hypers

NOISE = 0.25
"""Standard deviation of the points' noise."""

NAMES = ("low", "good", "high", "very high")


def build(h: Hypers) -> jaxnet.Task:
    """A hidden layer of tanh units, trained by plain gradient descent in batches."""
    pytorch = jaxnet.initializers.pytorch_default
    return jaxnet.Task(
        model=jaxnet.mlp(
            h["width"],
            1,
            activation=jaxnet.tanh,
            kernel_init=pytorch,
            bias_init=pytorch,
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer("sgd", h["learning_rate"]),
        batch_size=h["batch_size"],
    )


class Ladder(NamedTuple):
    """What each rate did to the net.

    Attributes:
      rates: in ascending order, (rates,).
      first: the training loss of the initial net, (seeds,).
      train: the training loss of each epoch; infinite after a run has diverged,
        (rates, seeds, epochs).
      validation: the loss at the end on points not trained on, likewise infinite,
        (rates, seeds).
      diverged: the step at which a run did; 0 if it did not, (rates, seeds).
      curvature: the largest of the training loss at the initial net, (seeds,).
      rungs: the rows of the four rates, by name.
      sweep: where all this is from.
    """

    rates: np.ndarray
    first: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    diverged: np.ndarray
    curvature: np.ndarray
    rungs: dict[str, int]
    sweep: Sweep


def climb(config: Config) -> Ladder:
    """Trains the net with every rate, and as many seeds to choose as to judge.

    Raises:
      ValueError: if there are fewer devices than asked for.
    """
    points = sine_points(config, config.seed)
    rates = sorted({*np.geomspace(1e-3, 1.0, config.rates).tolist(), *SLIDES})
    fixed: dict[str, Any] = {"width": config.width, "batch_size": config.batch_size}
    sweep = jaxnet.sweep(
        build,
        [{"learning_rate": rate, **fixed} for rate in rates],
        points.train,
        points.validation,
        key=jax.random.fold_in(jax.random.key(config.seed), 1),
        seeds=2 * config.seeds,
        epochs=config.epochs,
        devices=config.devices or None,
        progress=False,
    )
    shape = (len(rates), 2 * config.seeds)
    runs = sweep.runs
    diverged = runs.bad_step.reshape(shape)

    def curve(name: str) -> np.ndarray:
        rows = runs.curves[name].reshape(*shape, -1)
        return np.where(np.isfinite(rows), rows, np.inf)

    validation = np.where(diverged > 0, np.inf, curve("validation_loss")[..., -1])
    first, curvature = _at_start(sweep, 2 * config.seeds)
    judge = slice(config.seeds, None)
    return Ladder(
        np.asarray(rates),
        first[judge],
        curve("train_loss")[:, judge],
        validation[:, judge],
        diverged[:, judge],
        curvature[judge],
        choose(np.asarray(rates), validation[:, : config.seeds]),
        sweep,
    )


def choose(rates: np.ndarray, losses: np.ndarray) -> dict[str, int]:
    """The rows of the four rates, by the rules above.

    Args:
      rates: ascending, (rates,).
      losses: at the end, infinite where a run diverged, (rates, seeds).

    Raises:
      ValueError: if a rule finds no rate.
    """
    finite = np.isfinite(losses)
    safe, lost = np.flatnonzero(finite.all(axis=1)), ~finite.any(axis=1)
    if not len(safe) or not lost.any():
        raise ValueError(
            f"{len(safe)} rates are without divergence and {int(lost.sum())} with "
            "nothing else, of which one each is due. Use other seeds or more rates."
        )
    good = int(safe[losses[safe].mean(axis=1).argmin()])
    low = int(np.abs(np.log(rates / (0.1 * rates[good]))).argmin())
    rows = (low, good, int(safe[-1]), int(lost.argmax()))
    return dict(zip(NAMES, rows, strict=True))


def sine_points(config: Config, seed: int) -> sine.Points:
    """What the net learns: points of a sine with noise, those of a seed."""
    return sine.draw_points(sine.Config(points=config.points, noise=NOISE), seed)


def _at_start(sweep: Sweep, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """The loss and its largest curvature at the initial net of every seed."""
    recipe = jaxnet.supervised(build)
    x, y = jax.device_put(sweep.plan.data.train, sweep.plan.devices[0])
    hypers = sweep.settings[0]
    task = build(hypers)

    def one(seed: jax.Array) -> tuple[jax.Array, jax.Array]:
        init_key, _ = jax.random.split(jax.random.fold_in(sweep.plan.key, seed))
        state = recipe.init(hypers, init_key, (x, y))

        def loss(params: Any) -> jax.Array:
            return task.loss(task.model.apply(params, state.model_state, x)[0], y)

        return loss(state.params), largest_curvature(loss, state.params)

    losses, curvatures = jax.jit(jax.vmap(one))(jnp.arange(seeds))
    return np.asarray(losses), np.asarray(curvatures)


def largest_curvature(loss: Any, params: Any, *, steps: int = 50) -> jax.Array:
    """The largest eigenvalue of the Hessian, by power iteration.

    The Hessian is never made: `jax.jvp` of the gradient is its product with a vector.
    """
    gradient = jax.grad(loss)

    def product(v: Any) -> Any:
        return jax.jvp(gradient, (params,), (v,))[1]

    def norm(v: Any) -> jax.Array:
        return jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(v)))

    def step(v: Any, _: None) -> tuple[Any, jax.Array]:
        hv = product(v)
        size = norm(hv)
        return jax.tree.map(lambda leaf: leaf / size, hv), size

    start = gradient(params)
    start = jax.tree.map(lambda leaf: leaf / norm(start), start)
    return jax.lax.scan(step, start, None, length=steps)[1][-1]
