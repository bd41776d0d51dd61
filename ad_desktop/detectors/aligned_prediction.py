"""What a detector says of a scan that was laid over normal ones: maps of slices on their grid, carried back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.stack import planes
from ad_desktop.data.volumes.volume import Affine, Volume
from ad_desktop.detectors.base import FloatArray
from ad_desktop.detectors.volume_prediction import VolumePrediction

LEAST_SHARE = 0.05
"""Slices with less of what is looked at than this share of the fullest one have no score."""


@dataclass
class AlignedPrediction(VolumePrediction):
    """``laid`` is what was said on the grid of the normal scans, which ``to_scan`` takes to LPS of the scan.

    ``grid`` is that of ``laid``; ``slice_scores`` are those of the scan's own slices.
    """

    laid: VolumePrediction | None = None
    to_scan: Affine | None = None

    @property
    def looked_at(self) -> NDArray[np.bool_]:
        """Where the map says anything, (z, y, x)."""
        return self._back(self._laid.looked_at.astype(np.float32), nearest=True) > 0

    @property
    def anomaly_map(self) -> FloatArray:
        """The anomaly map on the scan's own voxels, (z, y, x), made anew on each access; 0 where not examined."""
        return self._back(self._laid.anomaly_map)

    @property
    def _laid(self) -> VolumePrediction:
        if self.laid is None:
            raise ValueError("this prediction was made without what it is made of")
        return self.laid

    def _back(self, values: FloatArray, *, nearest: bool = False) -> FloatArray:
        assert self.to_scan is not None  # noqa: S101 - comes with what is laid
        return resample(values, self.to_scan, self.affine, self.shape, nearest=nearest)


def carried_back(
    laid: VolumePrediction, to_scan: Affine, volume: Volume, units: FloatArray | None, remark: str
) -> AlignedPrediction:
    """What was said on the grid of the normal scans, of the voxels and slices of the scan itself.

    ``units`` (k, h, w) are the maps of slices in units of their scores: a slice of the scan has the highest value in
    it. None: it has the mean of the scores of the slices on the grid that it runs through.
    """
    told = replace(laid, grid=laid.grid if units is None else units)
    if units is None:
        values = np.zeros(laid.shape, np.float32)
        stack = planes(values, laid.affine, laid.axis)
        stack[list(laid.scored)] = laid.slice_scores[list(laid.scored)].astype(np.float32)[:, None, None]
        for index in laid.between:
            stack[index] = stack[min(laid.scored, key=lambda scored: abs(scored - index))]
    else:
        values = told.anomaly_map
    found = AlignedPrediction(
        laid.anomaly_score, laid.grid, laid.size, laid.parts, smoothing=laid.smoothing, remark=remark,
        axis=laid.axis, shape=volume.shape, affine=volume.affine, laid=laid, to_scan=to_scan,
    )  # fmt: skip
    seen = found.looked_at
    at = resample(values, to_scan, volume.affine, volume.shape, nearest=True)
    values, seen = planes(at, volume.affine, laid.axis), planes(seen, volume.affine, laid.axis)
    found.slice_scores = _of_slices(values, seen, units is not None)
    return found


def _of_slices(values: FloatArray, seen: NDArray[np.bool_], highest: bool) -> NDArray[np.float64]:
    """The highest value, or the mean, of what is seen of each slice; NaN where that is little."""
    counts = np.count_nonzero(seen, axis=(1, 2))
    scores = np.full(len(seen), np.nan)
    for index in np.flatnonzero(counts >= max(1, LEAST_SHARE * counts.max())):
        own = values[index][seen[index]]
        scores[index] = own.max() if highest else own.mean()
    return scores
