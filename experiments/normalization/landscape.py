"""The loss along the gradient: how far it and its gradient change within a step.

From each point of a training run, steps of several sizes along the same gradient are
tried. The flatter the landscape, the less the loss varies over them and the less the
gradient at their end differs from the one that they follow. Beside this, how the
gradient of a layer changes when only the layers in front of it take their step, which
is Santurkar's measure of covariate shift.

References:
  Santurkar et al., *How Does Batch Normalization Help Optimization?*, 2018,
  section 3 and definition 2.1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from experiments.normalization.config import Config
from experiments.normalization.nets import PLACES, build
from jaxnet.types import Batch, PRNGKey

FACTORS = (0.5, 1.0, 2.0, 4.0)
"""Of the learning rate: the steps that are tried."""

BATCH = 64

KINDS = {
    "none": PLACES["none"] | {"noise": 0.0},
    "batch norm": PLACES["before"] | {"noise": 0.0},
    "batch norm, noise": PLACES["before"] | {"noise": 1.0},
}


class Landscape(NamedTuple):
    """What was seen from every step, each an array (seeds, steps).

    Attributes:
      loss: of the batch.
      lowest: loss over the tried steps.
      highest: likewise.
      distance: the largest distance of a gradient at the end of a step, relative to
        the length of the one that it followed.
      roughness: the largest distance between gradients over that between the weights.
      shift: the change of the middle layer's gradient when the layers in front of it
        take their step, relative to its length.
      unevenness: the standard deviation of log10 of the gradient's length over layers.
      accuracy: on test data after the last step, (seeds,).
    """

    loss: Any
    lowest: Any
    highest: Any
    distance: Any
    roughness: Any
    shift: Any
    unevenness: Any
    accuracy: Any


def see(
    config: Config, key: PRNGKey, train: Batch, test: Batch
) -> dict[str, Landscape]:
    """Trains nets of all `KINDS` with the same seeds, as one program."""
    numbers = {
        name: jnp.array([kind[name] for kind in KINDS.values()])
        for name in ("before", "after", "noise")
    }
    keys = jax.random.split(key, config.seeds)

    @jax.jit
    def all_runs(numbers: dict[str, Array], train: Batch, test: Batch) -> Landscape:
        def one(kind: dict[str, Array], key: PRNGKey) -> Landscape:
            return _run(config, kind, key, train, test)

        # The same keys for all kinds, on purpose.
        of_kind = jax.vmap(one, (None, 0))
        return jax.lax.map(lambda kind: of_kind(kind, jax.random.clone(keys)), numbers)

    found = all_runs(numbers, train, test)
    return {
        name: Landscape(*(np.asarray(a[i]) for a in found))
        for i, name in enumerate(KINDS)
    }


def _run(
    config: Config, kind: dict[str, Array], key: PRNGKey, train: Batch, test: Batch
) -> Any:
    sizes = {"layers": config.layers, "width": config.width}
    task = build(kind | sizes | {"scale": 1.0, "learning_rate": config.step_size})
    init_key, key = jax.random.split(key)
    params, state = task.model.init(init_key, train[0])
    middle = config.layers // 2 + 1
    names = [f"dense_{i}" for i in range(1, config.layers + 1)]

    def step(carry: Any, i: Array) -> tuple[Any, dict[str, Array]]:
        params, state = carry
        rows_key, noise_key = jax.random.split(jax.random.fold_in(key, i))
        rows = jax.random.randint(rows_key, (BATCH,), 0, len(train[0]))
        x, y = train[0][rows], train[1][rows]

        def objective(params: Any) -> tuple[Array, Any]:
            # The same noise wherever the step leads.
            noise = jax.random.clone(noise_key)
            outputs, new = task.model.apply(params, state, x, train=True, key=noise)
            return task.loss(outputs, y), new

        gradient_of = jax.value_and_grad(objective, has_aux=True)
        (loss, new_state), gradient = gradient_of(params)
        length = optax.tree.norm(gradient)

        def moved(size: Array) -> Any:
            return jax.tree.map(lambda p, g: p - size * g, params, gradient)

        def at(size: Array) -> tuple[Array, Array]:
            (value, _), other = gradient_of(moved(size))
            return value, optax.tree.norm(optax.tree.sub(other, gradient))

        sizes = config.step_size * jnp.array(FACTORS)
        values, distances = jax.lax.map(at, sizes)
        new_params = moved(jnp.asarray(config.step_size))
        front = {
            name: new_params[name] if int(name.split("_")[1]) < middle else params[name]
            for name in params
            if name != "head"
        }
        (_, _), shifted = gradient_of(front | {"head": params["head"]})
        own, other = (g[f"dense_{middle}"]["kernel"] for g in (gradient, shifted))
        lengths = jnp.stack([optax.tree.norm(gradient[name]) for name in names])
        seen = {
            "loss": loss,
            "lowest": jnp.minimum(values.min(), loss),
            "highest": jnp.maximum(values.max(), loss),
            "distance": distances.max() / length,
            "roughness": (distances / (sizes * length)).max(),
            "shift": jnp.linalg.norm(other - own) / jnp.linalg.norm(own),
            "unevenness": jnp.log10(lengths).std(),
        }
        return (new_params, new_state), seen

    (params, state), seen = jax.lax.scan(
        step, (params, state), jnp.arange(config.steps)
    )
    outputs, _ = task.model.apply(params, state, test[0])
    accuracy = jnp.mean(outputs.argmax(axis=-1) == test[1])
    return Landscape(**seen, accuracy=accuracy)
