"""What AutoPaint says of a scan: maps on its own grid, brought to the scan's voxels when asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Affine, Volume
from ad_desktop.detectors.base import FloatArray
from ad_desktop.detectors.volume_prediction import VolumePrediction

Mask = NDArray[np.bool_]

SLICE_SHARE = 0.01
"""A slice's score is the mean of this share of its voxels, the highest ones."""
LEAST_SHARE = 0.05
"""Slices with less of the body than this share of the fullest one have no score."""


@dataclass
class PaintedPrediction(VolumePrediction):
    """``grid`` (k, h, w) holds the anomaly map on the model's grid, which ``grid_affine`` takes to LPS.

    ``difference`` and ``signed`` lie there too: the scan less its healthy appearance, in parts of ``contrast`` (in the
    scan's unit), and in healthy standard deviations.
    """

    difference: FloatArray | None = None
    signed: FloatArray | None = None
    grid_affine: Affine | None = None
    contrast: float = 1.0

    @property
    def looked_at(self) -> Mask:
        """The mask, (z, y, x)."""
        mask = self.examined_voxels
        return np.ones(self.shape, bool) if mask is None else mask

    @property
    def anomaly_map(self) -> FloatArray:
        """The anomaly map on the scan's own voxels (z, y, x), made anew on each access; 0 where not examined."""
        return self._back(self.grid)

    @property
    def residual(self) -> FloatArray:
        """The scan less its healthy appearance (z, y, x), in the scan's unit; 0 where the scan is kept as it is."""
        return self._back(self.difference) * np.float32(self.contrast)

    @property
    def deviation(self) -> FloatArray:
        """The difference (z, y, x) in healthy standard deviations, above 0 where the scan is brighter."""
        return self._back(self.signed)

    def pseudo_healthy(self, volume: Volume) -> FloatArray:
        """The scan with healthy appearance painted over what does not belong, (z, y, x) in its unit."""
        return np.asarray(volume.array, np.float32) - self.residual

    def _back(self, values: FloatArray | None) -> FloatArray:
        if values is None or self.grid_affine is None:
            raise ValueError("this prediction was made without maps")
        found = resample(values, self.grid_affine, self.affine, self.shape)
        return np.where(self.looked_at, found, 0).astype(np.float32)


def slice_scores(anomaly_map: FloatArray, mask: Mask) -> NDArray[np.float64]:
    """A score for each slice along the first axis: the mean of the highest 1 % of its voxels; NaN where few are."""
    counts = np.count_nonzero(mask, axis=(1, 2))
    scores = np.full(len(mask), np.nan)
    for z in np.flatnonzero(counts >= max(1, LEAST_SHARE * counts.max())):
        values = np.sort(anomaly_map[z][mask[z]])
        scores[z] = values[-max(1, round(SLICE_SHARE * len(values))) :].mean()
    return scores
