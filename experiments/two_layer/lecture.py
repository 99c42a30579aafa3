"""What lecture 002 says about these nets and about graphs, and what came out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.common.claims import Claim, compared, measured
from experiments.common.results import summarize
from experiments.two_layer.config import Config
from experiments.two_layer.devices import OnDevice
from experiments.two_layer.staging import Change, Timing
from jaxnet.statistics import mean_interval, paired_difference


def loss_metrics(pytorch: np.ndarray, keras: np.ndarray) -> dict[str, Any]:
    """First and last losses of both nets, with intervals over the seeds.

    Args:
      pytorch: losses of PyTorch's net, (seeds, 1 + steps).
      keras: of Keras's, likewise.
    """
    rows = [
        {
            "first_loss": float(ours[0]),
            "last_loss": float(ours[-1]),
            "powers_of_ten": float(np.log10(ours[0] / ours[-1])),
            "keras_first_loss": float(theirs[0]),
            "keras_last_loss": float(theirs[-1]),
        }
        for ours, theirs in zip(pytorch, keras, strict=True)
    ]
    return summarize(rows)


def time_metrics(
    timings: Sequence[Timing], change: Change, on_devices: Sequence[OnDevice]
) -> dict[str, Any]:
    """Milliseconds and ratios of each width; a number is the median of the rounds."""
    metrics: dict[str, Any] = {"ranges": {}}

    def add(name: str, values: np.ndarray) -> None:
        metrics[name] = float(np.median(values))
        metrics["ranges"][name] = [float(values.min()), float(values.max())]

    for one in timings:
        for way, step in one.step.items():
            add(f"{one.width} units: {way}, ms a step", 1e3 * step)
        add(f"{one.width} units: eager / jit", one.ratios("eager", "jit"))
        add(f"{one.width} units: jit / scan", one.ratios("jit", "scan"))
        metrics[f"{one.width} units: largest difference"] = one.difference
        metrics[f"{one.width} units: first turn, s"] = list(one.first.items())
    width = change.width
    add(f"{width} units: a new jit, ms at first", 1e3 * change.first)
    metrics[f"{width} units: steps until it pays"] = change.pays_after()
    for one in on_devices:
        add(f"{one.name}, {one.width} units: ms a step", 1e3 * one.step)
    return metrics


def claims(
    config: Config,
    pytorch: np.ndarray,
    keras: np.ndarray,
    graph_error: float,
    timings: Sequence[Timing],
    change: Change,
) -> list[Claim]:
    """The rows of lecture 002."""
    fall = mean_interval(np.log10(pytorch[:, 0] / pytorch[:, -1]))
    return [
        measured(
            "002",
            f"PyTorch's net, {config.steps} steps: powers of ten",
            "falls by orders",
            fall,
            fall.low > 1.0,
        ),
        compared(
            "002",
            f"Keras's net, {config.keras_steps} steps: last - first",
            paired_difference(keras[:, -1], keras[:, 0]),
            "<",
            0.0,
        ),
        measured(
            "002",
            "tf.gradients' graph: off by hand's",
            "the same",
            graph_error,
            graph_error < 1e-5,
        ),
        *(_of_graphs(one) for one in timings),
        # Who experiments changes the program, and looks at what a step does.
        compared(
            "002",
            "dynamic tries faster: first jit / eager",
            mean_interval(change.first / change.step["eager"]),
            ">",
            1.0,
        ),
    ]


def _of_graphs(one: Timing) -> Claim:
    ratios = mean_interval(one.ratios("eager", "jit"))
    statement = f"static is faster: eager / jit, {one.width} units"
    return compared("002", statement, ratios, ">", 1.0)
