"""Which trials are better than which."""

import numpy as np
from jaxtyping import Float, Int


def kept_rows(
    curve: Float[np.ndarray, "members blocks"],
    epochs: Int[np.ndarray, " members"],
    bad_step: Int[np.ndarray, " members"],
    best_epoch: Int[np.ndarray, " members"],
    every: int,
) -> Float[np.ndarray, " members"]:
    """The values of a metric where the members' kept states are from.

    Args:
      curve: of all members.
      epochs: trained.
      bad_step: 0 for members that did not diverge.
      best_epoch: where the best state is from; 0 where the last one is kept.
      every: epochs in a block.

    Returns:
      Values; NaN for a member that diverged, or has not been trained yet.
    """
    kept = np.where(best_epoch > 0, best_epoch, epochs)
    row = np.maximum(kept // every - 1, 0)
    values = np.take_along_axis(curve, row[:, None], axis=1)[:, 0]
    return np.where((bad_step > 0) | (kept == 0), np.nan, values)


def rank_trials(
    scores: Float[np.ndarray, "trials members"],
    halved: Int[np.ndarray, " trials"],
    *,
    maximize: bool,
) -> Int[np.ndarray, " trials"]:
    """The numbers of the trials, best first.

    By the mean over their members. Trials that were dropped early are behind those
    that went on, since less training is no merit; trials with a member that diverged
    come last.

    Args:
      scores: NaN for members that diverged.
      halved: the epochs after which a trial was dropped; 0 if it was not.
      maximize: whether more is better.
    """
    means = scores.mean(axis=1) * (-1.0 if maximize else 1.0)
    # A score may be infinite though every step was finite.
    means = np.where(np.isfinite(means), means, np.nan)
    trained = np.where(halved == 0, np.iinfo(np.int64).max, halved)
    # The last key counts most.
    return np.lexsort((means, -trained, np.isnan(means)))
