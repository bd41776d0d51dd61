"""Distances and scores in units of what is usual among held-out normal samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CELL_PRIOR = 10.0
"""How many samples' worth of weight the figures over all cells have against a cell's own."""
FLOOR = 1e-6


@dataclass(frozen=True)
class CellStandard:
    """The usual distance of every cell: ``mean`` and ``deviation`` (P,), and the ``spread`` over all of them."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    spread: float

    @classmethod
    def fit(cls, distances: NDArray[np.float32]) -> CellStandard:
        """From held-out distances (n, P), each cell's figures shrunk towards the overall ones by n/(n+10)."""
        sums = _Sums.of(distances.astype(np.float64))
        mean, deviation = sums.shrunk()
        return cls(mean.astype(np.float32), deviation.astype(np.float32), float(sums.spread()[0]))

    def apply(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise distances; (n, P) to (n, P)."""
        return (distances - self.mean) / self.deviation

    @staticmethod
    def held_out(distances: NDArray[np.float32], groups: Sequence[int]) -> NDArray[np.float32]:
        """Standardise held-out distances (n, P), each by the figures of the other groups only."""
        labels = np.unique(groups, return_inverse=True)[1]
        if labels.max() == 0:
            return CellStandard.fit(distances).apply(distances)
        values = distances.astype(np.float64)
        mean, deviation = _Sums.of(values).without_each(values, labels).shrunk()
        return ((values - mean[labels]) / deviation[labels]).astype(np.float32)


@dataclass(frozen=True)
class _Sums:
    """n, sum and sum of squares per cell (P,), which groups leave exactly; or those of several sets, a row each."""

    n: int | NDArray[np.int_]
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> _Sums:
        return cls(len(values), values.sum(axis=0), (values**2).sum(axis=0))

    def without_each(self, values: NDArray[np.float64], labels: NDArray[np.int_]) -> _Sums:
        """The sums without each group of ``values`` (n, P), which are summed here; ``labels`` (n,) count from 0."""
        counts = np.bincount(labels)
        together, starts = values[np.argsort(labels, kind="stable")], np.cumsum(counts) - counts
        first, second = (np.add.reduceat(v, starts, axis=0) for v in (together, np.square(together)))
        return _Sums((self.n - counts)[:, None], self.first - first, self.second - second)

    def spread(self) -> NDArray[np.float64]:
        """Standard deviation over all cells, (1,) for each set."""
        count = self.n * self.first.shape[-1]
        mean = self.first.sum(axis=-1, keepdims=True) / count
        variance = self.second.sum(axis=-1, keepdims=True) / count - mean**2
        return np.asarray(np.maximum(np.sqrt(np.maximum(variance, 0.0)), FLOOR))

    def shrunk(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of each cell, shrunk towards those of all cells."""
        weight = self.n / (self.n + CELL_PRIOR)
        mean = self.first / self.n
        deviation = np.sqrt(np.maximum(self.second / self.n - mean**2, 0.0))
        centre, width = mean.mean(axis=-1, keepdims=True), self.spread()
        deviation = width + weight * (deviation - width)
        return centre + weight * (mean - centre), np.maximum(deviation, FLOOR)


@dataclass(frozen=True)
class ScoreStandard:
    """Mean and standard deviation of one summand of the score among held-out normal samples."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> ScoreStandard:
        """From held-out values (n,)."""
        return cls(float(np.mean(values)), max(float(np.std(values)), FLOOR))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (n,) in standard deviations above the mean."""
        return (values - self.mean) / self.deviation


def held_out_standard(values: NDArray[np.float64], groups: Sequence[int]) -> NDArray[np.float64]:
    """Held-out values (n,), each standardised by the values of the other groups only.

    Where fewer than three others are left their deviation means nothing, and that of all is taken.
    """
    everyone = ScoreStandard.fit(values)
    labels = np.unique(groups, return_inverse=True)[1]
    # About the mean of all, so that little is lost in the differences of squares.
    centred = values - everyone.mean
    others = len(values) - np.bincount(labels)
    left = np.maximum(others, 1)
    mean = (centred.sum() - np.bincount(labels, centred)) / left
    square = (np.square(centred).sum() - np.bincount(labels, np.square(centred))) / left
    deviation = np.maximum(np.sqrt(np.maximum(square - mean**2, 0.0)), FLOOR)
    few = others < 3
    mean, deviation = np.where(few, 0.0, mean), np.where(few, everyone.deviation, deviation)
    return np.asarray((centred - mean[labels]) / deviation[labels])
