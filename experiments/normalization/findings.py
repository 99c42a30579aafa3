"""What the lectures say about normalization, beside what came out."""

import numpy as np

from experiments.common.claims import Claim, compared, exact, measured
from experiments.normalization.inputs import Prepared
from experiments.normalization.landscape import Landscape
from experiments.normalization.nets import Trained, epochs_to
from jaxnet.statistics import Interval, paired_difference

REACHED = 0.3
"""The validation loss on the digits whose epoch is compared; a guess has 2.3."""

ENOUGH = 0.9
"""The accuracy of a learning rate or a scale that works."""


def of_inputs(x: np.ndarray, prepared: dict[str, Prepared]) -> list[Claim]:
    """Standardized inputs; ``x`` are those that were trained on."""
    x = np.asarray(x, np.float64)
    losses = {name: one.test_loss for name, one in prepared.items()}
    return [
        exact("002", "standardized inputs: largest mean", 0.0, abs(x.mean(0)).max()),
        exact("002", "their variance, farthest from 1", 1.0, _farthest(x.var(axis=0))),
        compared(
            "002",
            "raw - standardized inputs: test loss",
            paired_difference(losses["raw"], losses["standardized"]),
            ">",
            0.0,
        ),
        compared(
            "002",
            "raw - batch norm of raw inputs: test loss",
            paired_difference(losses["raw"], losses["norm"]),
            ">",
            0.0,
        ),
    ]


def of_training(trained: dict[tuple[str, float], Trained]) -> list[Claim]:
    """Speed, accuracy, place, and what depends on rate and scale."""
    none, before, after = (trained[place, 1.0] for place in ("none", "before", "after"))
    spread = {place: spread_over_scales(trained, place) for place in ("none", "before")}
    rates = {name: working_rates(one) for name, one in (("b", before), ("n", none))}
    gain = _times(100.0, paired_difference(before.test, none.test))
    place = _times(100.0, paired_difference(before.test, after.test))
    return [
        compared(
            "002",
            f"epochs to a loss of {REACHED:g}, batch norm - none",
            paired_difference(epochs_of(before), epochs_of(none)),
            "<",
            0.0,
        ),
        compared(
            "002",
            "spread over scales of weights, batch norm - none",
            paired_difference(spread["before"], spread["none"]),
            "<",
            0.0,
        ),
        compared(
            "002",
            "learning rates that work, batch norm - none",
            paired_difference(rates["b"], rates["n"]),
            ">",
            0.0,
        ),
        compared("002", "batch norm's gain of accuracy, points", gain, ">", 1.0),
        compared("002", "before - after activation, points", place, ">", 0.0),
    ]


def of_landscape(seen: dict[str, Landscape]) -> list[Claim]:
    """Smoothness, covariate shift, and gradients over layers."""
    none, norm, noisy = (seen[name] for name in seen)

    def difference(of: str) -> Interval:
        return paired_difference(
            getattr(norm, of).mean(axis=1), getattr(none, of).mean(axis=1)
        )

    width = paired_difference(loss_range(norm), loss_range(none))
    shift = difference("shift")
    again = paired_difference(final_loss(noisy), final_loss(none))
    return [
        compared("002", "loss along the gradient, range: norm - none", width, "<", 0.0),
        compared(
            "002",
            "gradient's change in a step: norm - none",
            difference("distance"),
            "<",
            0.0,
        ),
        compared(
            "002", "the same over the step's length", difference("roughness"), "<", 0.0
        ),
        measured(
            "002", "covariate shift, norm - none", "not less", shift, shift.high >= 0
        ),
        compared("002", "noise after norm: loss, noisy - none", again, "<", 0.0),
        compared(
            "000",
            "gradients' spread over layers, norm - none",
            difference("unevenness"),
            "<",
            0.0,
        ),
    ]


def epochs_of(one: Trained) -> np.ndarray:
    """Epochs to `REACHED` at the best learning rate, (seeds,)."""
    return epochs_to(REACHED, one.losses[one.best])


def working_rates(one: Trained) -> np.ndarray:
    """How many learning rates end above `ENOUGH`, (seeds,)."""
    return (one.accuracies[..., -1] > ENOUGH).sum(axis=0).astype(float)


def spread_over_scales(
    trained: dict[tuple[str, float], Trained], place: str
) -> np.ndarray:
    """The best less the worst test accuracy over scales of the weights, (seeds,)."""
    tested = [one.test for (where, _), one in trained.items() if where == place]
    return np.ptp(tested, axis=0)


def loss_range(one: Landscape) -> np.ndarray:
    """The range of the loss over the tried steps, mean over training, (seeds,)."""
    return (one.highest - one.lowest).mean(axis=1)


def final_loss(one: Landscape) -> np.ndarray:
    """The training loss of the last tenth of the steps, (seeds,)."""
    return one.loss[:, -max(1, one.loss.shape[1] // 10) :].mean(axis=1)


def _farthest(variances: np.ndarray) -> float:
    return float(variances[abs(variances - 1).argmax()])


def _times(factor: float, one: Interval) -> Interval:
    return Interval(*(factor * number for number in one))
