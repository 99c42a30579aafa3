"""What the contestants of `mlp_epoch` train: lecture 003's network, and its data."""

import itertools

import numpy as np

INPUTS, SIZES, CLASSES = 300, (2048, 256, 20), 20
EXAMPLES, BATCH, RATE = 11_264, 512, 1e-3
EPOCHS = 5
"""Epochs in a turn; the first of them, where a run begins, is not counted."""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Random inputs, (11264, 300), and labels: values do not matter to the time."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(EXAMPLES, INPUTS)).astype(np.float32)
    return x, rng.integers(0, CLASSES, EXAMPLES).astype(np.int32)


def flops() -> float:
    """Operations of an epoch's matrix products.

    Each has 2 for every weight and example: forwards, backwards for the weights, and
    for all layers but the first backwards for the inputs.
    """
    widths = (INPUTS, *SIZES)
    weights = [a * b for a, b in itertools.pairwise(widths)]
    return 2.0 * EXAMPLES * (3 * sum(weights) - weights[0])


def adam_bytes() -> float:
    """What Adam reads and writes in an epoch, at least.

    For each weight and step it reads the gradient, and reads and writes the weight and
    two moments: 7 numbers of 4 bytes.
    """
    weights = sum(a * b + b for a, b in itertools.pairwise((INPUTS, *SIZES)))
    return 7.0 * 4 * weights * (EXAMPLES // BATCH)
