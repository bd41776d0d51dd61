"""How well the anomaly maps of scans find lesions, voxel by voxel and lesion by lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.errors import UserError
from ad_desktop.scoring.histogram import Histogram

# Columns of the histogram.
NORMAL, ANOMALOUS = range(2)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class VoxelResult:
    """Voxel and lesion metrics, shares 0–1; None where the scans or the model do not allow one.

    ``auroc`` and ``ap`` are over the voxels looked at, of all scans together. ``dice`` is that of all voxels
    together at the map's threshold, ``dice_mean`` the mean over the scans with lesions; ``best_dice`` is at the
    threshold that is best for these very scans and without any region being left out, so it is a bound and no
    performance. A lesion (26-connected)
    is found if the map exceeds the threshold in any of its voxels; ``false_regions`` are the
    regions above the threshold that touch no lesion, in all ``scans`` together.
    """

    auroc: float | None
    ap: float | None
    dice: float | None
    dice_mean: float | None
    best_dice: float | None
    lesions: int
    lesions_found: int | None
    false_regions: int | None
    scans: int


class VoxelMetrics:
    """Counts scans one by one, in memory that does not grow with them.

    ``threshold`` is the map's (None: there is none, and what needs it stays open). Voxels that were not looked at
    are never marked, so lesions there count as missed. Exact up to half a million distinct
    values; beyond that the closest values are counted as equal (see ``Histogram``).
    """

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self._histogram = Histogram(columns=2)
        self._dices: list[float] = []
        self._true = self._both = self._marked = 0
        self._lesions = self._found = self._false = self._scans = 0

    def add(
        self, anomaly_map: NDArray[np.float32], truth: Mask, seen: Mask | None = None, marked: Mask | None = None
    ) -> None:
        """Count one scan: map, ``truth``, ``seen`` (None: everywhere), ``marked`` (None: all above the threshold).

        All are (z, y, x). ``UserError`` for values that are not finite, ``ValueError`` for shapes that differ.
        """
        if not anomaly_map.shape == truth.shape == (truth if seen is None else seen).shape:
            raise ValueError(f"a map of {anomaly_map.shape} voxels and a truth of {truth.shape}")
        looked = np.ones(truth.shape, bool) if seen is None else seen
        values, anomalous = anomaly_map[looked].astype(np.float32, copy=False), truth[looked]
        if not np.isfinite(values).all():
            raise UserError("The anomaly map has values that are not finite numbers.")
        self._histogram.add(values[~anomalous], NORMAL)
        self._histogram.add(values[anomalous], ANOMALOUS)
        self._scans += 1
        self._true += int(truth.sum())
        above = None if self._threshold is None else anomaly_map > self._threshold
        self._count_regions(above if marked is None else marked, truth, looked)

    def _count_regions(self, marked: Mask | None, truth: Mask, looked: Mask) -> None:
        from scipy import ndimage

        touching = np.ones((3, 3, 3), bool)
        lesions, count = ndimage.label(truth, touching)
        self._lesions += int(count)
        if marked is None:
            return
        marked = marked & looked
        regions, count = ndimage.label(marked, touching)
        both = int((marked & truth).sum())
        self._found += len(np.unique(lesions[marked & truth]))
        self._false += int(count) - len(np.unique(regions[marked & truth]))
        self._both, self._marked = self._both + both, self._marked + int(marked.sum())
        if truth.any():
            self._dices.append(2 * both / int(marked.sum() + truth.sum()))

    def result(self) -> VoxelResult:
        """The metrics of everything added so far."""
        given = self._threshold is not None
        total = self._marked + self._true
        return VoxelResult(
            *self._ranking(),
            dice=2 * self._both / total if given and self._true else None,
            dice_mean=float(np.mean(self._dices)) if self._dices else None,
            best_dice=self._best_dice(),
            lesions=self._lesions,
            lesions_found=self._found if given else None,
            false_regions=self._false if given else None,
            scans=self._scans,
        )

    def _reached(self) -> NDArray[np.float64]:
        """(2, n) voxels at and above each value, the highest value first."""
        return np.asarray(np.cumsum(self._histogram.values[:, ::-1], axis=1))

    def _ranking(self) -> tuple[float | None, float | None]:
        reached = self._reached()
        if not reached.size or not reached[:, -1].all():
            return None, None
        fpr, tpr = (np.concatenate([[0.0], row / row[-1]]) for row in reached)
        precision = reached[ANOMALOUS] / reached.sum(axis=0)
        return float(np.trapezoid(tpr, fpr)), float(np.sum(np.diff(tpr) * precision))

    def _best_dice(self) -> float | None:
        reached = self._reached()
        if not reached.size or not self._true:
            return None
        return float((2 * reached[ANOMALOUS] / (reached.sum(axis=0) + self._true)).max())
