"""Scores of slices in units of what is usual among normal slices of the same band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR = 40.0
"""How many slices' worth of weight the figures over all bands have against a band's own."""
FLOOR = 1e-6

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class BandStandard:
    """Mean and standard deviation of each band's scores, (bands,) each."""

    mean: Vector
    deviation: Vector

    @classmethod
    def fit(cls, scores: Vector, bands: NDArray[np.int_], count: int) -> BandStandard:
        """From scores (n,) and their bands; spreads are drawn towards that within all bands.

        A band's own spread hangs on a handful of scans, and one odd scan among them would make or break it.
        """
        n = np.bincount(bands, minlength=count)
        filled = np.maximum(n, 1)
        mean = np.where(n > 0, np.bincount(bands, scores, count) / filled, scores.mean())
        squares = np.bincount(bands, np.square(scores - mean[bands]), count)
        pooled = squares.sum() / len(scores)
        variance = (squares + PRIOR * pooled) / (n + PRIOR)
        return cls(mean, np.maximum(np.sqrt(variance), FLOOR))

    def apply(self, scores: Vector, bands: NDArray[np.int_]) -> Vector:
        """Scores (n,) in standard deviations above the mean of their band."""
        return np.asarray((scores - self.mean[bands]) / self.deviation[bands])

    @staticmethod
    def held_out(scores: Vector, bands: NDArray[np.int_], groups: Sequence[int], count: int) -> Vector:
        """Scores (n,), each standardised by those of the other groups."""
        found, owners = np.empty(len(scores)), np.asarray(groups)
        for group in np.unique(owners):
            own = owners == group
            others = own if own.all() else ~own
            found[own] = BandStandard.fit(scores[others], bands[others], count).apply(scores[own], bands[own])
        return found
