"""A net of two layers as PyTorch, Keras and TensorFlow have it, here in JAX.

    python -m experiments.two_layer
    python -m experiments.two_layer --timed-widths 10 100 1000 4000

Lecture 002's 64 examples, 1000 inputs and 100 hidden units, with random numbers to
learn: PyTorch's loop of 500 Adam steps, Keras's 50 steps of gradient descent, and
TensorFlow's graph of a loss and its gradients. Then what a static graph is for: the
same step eager, jitted, and as one jitted loop, and on each kind of device there is.
Times are medians of turns, and ratios are of the turns of one round.
"""

from collections.abc import Sequence
from functools import partial

import jax
import numpy as np

from experiments.common.cli import parse, track
from experiments.common.reports import finish
from experiments.common.results import Outcome, check, describe, phase
from experiments.two_layer import devices, figures, lecture, nets, staging
from experiments.two_layer.config import Config

__all__ = ["Config", "main", "run"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, options = parse("two_layer", __doc__, Config, argv)
    return finish(config, options, run(config, progress=options.progress))


def run(config: Config, *, progress: bool = False) -> Outcome:
    """Times and trains. Reads no flags and writes no files.

    Args:
      config: everything that determines the numbers, but for times.
      progress: whether to show a bar, on a terminal.
    """
    seconds: dict[str, float] = {}
    seeds = range(config.seed, config.seed + config.seeds)
    with phase(seconds, "ways"):
        widths = track(config.timed_widths, "eager, jit, scan", show=progress)
        timings = [staging.time_ways(config, width) for width in widths]
    with phase(seconds, "change"):
        change = staging.time_change(config, config.timed_widths[0])
    with phase(seconds, "devices"):
        on_devices = devices.time_devices(config)
    with phase(seconds, "nets"):
        hypers = {"width": config.width, "learning_rate": config.learning_rate}
        build, outputs = nets.pytorch_net, nets.OUTPUTS
        pytorch = nets.train_all(build, hypers, outputs, config.steps, seeds)
        hypers = hypers | {"learning_rate": config.keras_learning_rate}
        build, outputs = nets.keras_net, nets.INPUTS
        keras = nets.train_all(build, hypers, outputs, config.keras_steps, seeds)
        graph_loss, graph_error = nets.graph_error(jax.random.key(config.seed))

    metrics = {
        **lecture.loss_metrics(pytorch, keras),
        "graph_loss": graph_loss,
        **lecture.time_metrics(timings, change, on_devices),
    }
    apart = max(timing.difference for timing in timings)
    finite = np.isfinite(pytorch).all() and np.isfinite(keras).all()
    checks = [
        # Adam makes a whole step of the sign of a gradient that is nearly zero.
        check("eager, jit, scan: relative difference", apart, "<", 0.01),
        check("gradients - by hand, relative", graph_error, "<", 1e-5),
        check("losses that are finite", float(finite), "==", 1.0),
    ]
    claims = lecture.claims(config, pytorch, keras, graph_error, timings, change)
    begin = staging.beginning(config, config.width)
    described = describe("random", begin.batch, train=nets.EXAMPLES)
    draw = partial(figures.draw, pytorch, keras, timings, change, on_devices)
    return Outcome(metrics, checks, described, seconds, draw, claims)
