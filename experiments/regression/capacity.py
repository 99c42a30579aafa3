"""Too little freedom and too much: the same sine, nets of many widths and depths.

Each is trained by Adam for as long as it takes to use the freedom that it has.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxnet
from experiments.common.cli import track
from experiments.regression.config import Config
from experiments.regression.sine import Points, curve, grid
from jaxnet.types import Hypers


def build(h: Hypers) -> jaxnet.Task:
    """A net of ``depth`` hidden layers, each of ``width`` tanh units."""
    return jaxnet.Task(
        model=jaxnet.mlp(
            *[h["width"]] * h["depth"],
            1,
            activation=jaxnet.tanh,
            kernel_init=jaxnet.initializers.pytorch_default,
            bias_init=jaxnet.initializers.pytorch_default,
        ),
        loss=jaxnet.mean_squared_error,
        optimizer=jaxnet.optimizer("adam", h["learning_rate"]),
        batch_size=None,
    )


class Net(NamedTuple):
    """A width and a depth, and how nets of that size fitted.

    Attributes:
      depth: hidden layers.
      width: units in each.
      train_loss: mean squared error on the points, (seeds,).
      validation_loss: likewise on fresh points.
      curve_rmse: distance from the noise-free curve, root mean square, (seeds,).
      outputs: on the grid, for the first seed.
    """

    depth: int
    width: int
    train_loss: np.ndarray
    validation_loss: np.ndarray
    curve_rmse: np.ndarray
    outputs: np.ndarray

    def summary(self) -> dict[str, float]:
        """Size and mean errors."""
        return {
            "depth": self.depth,
            "width": self.width,
            "train_loss": float(self.train_loss.mean()),
            "validation_loss": float(self.validation_loss.mean()),
            "curve_rmse": float(self.curve_rmse.mean()),
        }


def train_nets(config: Config, data: Sequence[Points], *, progress: bool) -> list[Net]:
    """Trains a net of every width and depth on the data of every seed."""
    sizes = [(depth, width) for depth in config.depths for width in config.widths]
    return [
        _train_net(config, data, depth, width)
        for depth, width in track(sizes, "widths and depths", show=progress)
    ]


def smallest(nets: Sequence[Net]) -> Net:
    """The net with the least freedom."""
    return min(nets, key=lambda net: (net.depth, net.width))


def largest(nets: Sequence[Net]) -> Net:
    """The net with the most freedom."""
    return max(nets, key=lambda net: (net.depth, net.width))


def best(nets: Sequence[Net]) -> Net:
    """The net that one would choose: by its loss on fresh points."""
    return min(nets, key=lambda net: net.validation_loss.mean())


def verdict(net: Net, noise: float) -> str:
    """What the training loss says, held against the noise that it should be.

    Args:
      net: trained nets of one size.
      noise: the standard deviation of y about the curve.

    Returns:
      "underfits" if the loss is above 3/2 of the noise's variance, "overfits" below
      1/2 of it, where the noise must have been learned, and else "".
    """
    ratio = net.train_loss.mean() / noise**2
    if ratio > 1.5:
        return "underfits"
    return "overfits" if ratio < 0.5 else ""


def gaps(nets: Sequence[Net]) -> list[dict[str, float]]:
    """For each seed, what the smallest net and the largest get wrong.

    Returns:
      "underfit_train_loss_gap", the loss of the smallest net on the points that it
      was trained on above that of the largest, and "overfit_curve_rmse_gap", the
      error of the largest net on the noise-free curve above that of the best.
    """
    under = smallest(nets).train_loss - largest(nets).train_loss
    over = largest(nets).curve_rmse - best(nets).curve_rmse
    return [
        {"underfit_train_loss_gap": float(u), "overfit_curve_rmse_gap": float(o)}
        for u, o in zip(under, over, strict=True)
    ]


def _train_net(config: Config, data: Sequence[Points], depth: int, width: int) -> Net:
    size, parts = {"depth": depth, "width": width}, []
    for points in data:
        key = jax.random.fold_in(points.capacity_key, depth)
        fitted = jaxnet.fit(
            build,
            {**size, "learning_rate": config.adam_learning_rate},
            points.train,
            key=jax.random.fold_in(key, width),
            epochs=config.adam_steps,
            every=config.adam_steps,  # One compiled call: no curve is needed.
            progress=False,
        )
        inputs = [points.train[0], points.validation[0], grid()]
        targets = [points.train[1], points.validation[1], curve(grid())]
        outputs = np.asarray(fitted.predict(jnp.concatenate(inputs)))
        parts.append(_errors(outputs, targets))
    train, validation, on_curve, outputs = zip(*parts, strict=True)
    rmse = np.sqrt(np.array(on_curve))
    return Net(depth, width, np.array(train), np.array(validation), rmse, outputs[0])


def _errors(
    outputs: np.ndarray, targets: Sequence[jax.Array]
) -> tuple[float, float, float, np.ndarray]:
    """The mean squared error on each part, and the outputs on the last."""
    ends = np.cumsum([len(part) for part in targets])[:-1]
    parts = np.split(outputs, ends)
    squares = [
        float(np.mean((part - np.asarray(target)) ** 2))
        for part, target in zip(parts, targets, strict=True)
    ]
    return squares[0], squares[1], squares[2], parts[-1]
