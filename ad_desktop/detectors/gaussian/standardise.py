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
        sums = _Sums.of(distances)
        mean, deviation = sums.shrunk()
        return cls(mean.astype(np.float32), deviation.astype(np.float32), sums.spread())

    def apply(self, distances: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise distances; (n, P) to (n, P)."""
        return (distances - self.mean) / self.deviation

    @staticmethod
    def held_out(distances: NDArray[np.float32], groups: Sequence[int]) -> NDArray[np.float32]:
        """Standardise held-out distances (n, P), each by the figures of the other groups only."""
        numbers = np.asarray(groups)
        if len(np.unique(numbers)) < 2:
            return CellStandard.fit(distances).apply(distances)
        total = _Sums.of(distances)
        z = np.empty_like(distances)
        for group in np.unique(numbers):
            members = numbers == group
            mean, deviation = total.without(distances[members]).shrunk()
            z[members] = (distances[members] - mean) / deviation
        return z


@dataclass(frozen=True)
class _Sums:
    """n, sum and sum of squares per cell, which groups leave exactly."""

    n: int
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def of(cls, distances: NDArray[np.float32]) -> _Sums:
        values = distances.astype(np.float64)
        return cls(len(values), values.sum(axis=0), (values**2).sum(axis=0))

    def without(self, distances: NDArray[np.float32]) -> _Sums:
        gone = _Sums.of(distances)
        return _Sums(self.n - gone.n, self.first - gone.first, self.second - gone.second)

    def spread(self) -> float:
        count = self.n * len(self.first)
        variance = self.second.sum() / count - (self.first.sum() / count) ** 2
        return max(float(np.sqrt(max(variance, 0.0))), FLOOR)

    def shrunk(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        weight = self.n / (self.n + CELL_PRIOR)
        mean = self.first / self.n
        deviation = np.sqrt(np.maximum(self.second / self.n - mean**2, 0.0))
        centre, width = mean.mean(), self.spread()
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
    numbers = np.asarray(groups)
    everyone = ScoreStandard.fit(values)
    result = np.empty(len(values))
    for group in np.unique(numbers):
        members = numbers == group
        others = values[~members]
        standard = ScoreStandard.fit(others) if len(others) >= 3 else everyone
        result[members] = standard.apply(values[members])
    return result
