"""Rows of length 1, and columns of mean 0 and variance 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from experiments.newsgroups.arrays import load_array, save_array

_SMALLEST = 1e-6
"""Of lengths and standard deviations: what is below it is rounding."""


def directions(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows scaled to length 1, and which of them had a length.

    Args:
      z: (rows, dimensions).

    Returns:
      float32 (rows, dimensions), 0 where there is no length, and bool (rows,).
    """
    z = np.asarray(z, np.float32)
    lengths = np.linalg.norm(z, axis=1)
    known = lengths > _SMALLEST
    scale = np.where(known, lengths, np.float32(np.inf))
    return z / scale[:, None], known


@dataclass(frozen=True)
class Standardizer:
    """Takes away the mean of the training rows and divides by their deviation.

    Attributes:
      mean: (dimensions,).
      scale: (dimensions,), above 0.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, z: np.ndarray) -> Self:
        """Learns mean and scale; a column that hardly varies is not scaled."""
        scale = z.std(axis=0)
        return cls(z.mean(axis=0), np.where(scale > _SMALLEST, scale, np.float32(1)))

    def transform(self, z: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Rows standardized; one that is not known is 0, the mean.

        Args:
          z: float32 (rows, dimensions).
          known: bool (rows,).
        """
        return np.where(known[:, None], (z - self.mean) / self.scale, np.float32(0))

    def save(self, folder: Path) -> list[Path]:
        """Writes ``mean.npy`` and ``scale.npy``; returns their paths."""
        return [
            save_array(folder / "mean.npy", self.mean),
            save_array(folder / "scale.npy", self.scale),
        ]

    @classmethod
    def load(cls, folder: Path, dimensions: int) -> Self:
        """Reads what `save` wrote; ValueError if it cannot be."""
        mean = load_array(folder / "mean.npy", (dimensions,))
        scale = load_array(folder / "scale.npy", (dimensions,))
        if not (scale > 0).all():
            raise ValueError(f"{folder / 'scale.npy'} should hold numbers above 0.")
        return cls(mean, scale)
