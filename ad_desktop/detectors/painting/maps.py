"""From a difference to healthy appearance to an anomaly map that means the same at every place and in every scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.names import GAUSSIAN

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLUR = 1.0
"""Voxels: a Gaussian of 1 beat medians of 3 and 5 voxels for lesions of 4–12 mm."""
MEDIAN_SIDE = 3
"""Voxels of the cube that a median is taken of."""
SIGMA_BLUR = 2.0
SMALLEST_SIGMA = 0.02


def healthy_sigma(residuals: Sequence[FloatArray], masks: Sequence[Mask]) -> FloatArray:
    """Root mean square of healthy residuals (z, y, x) at each place and its surroundings; 1 where there are none."""
    from scipy import ndimage

    squares = np.zeros(residuals[0].shape, np.float32)
    count = np.zeros_like(squares)
    for residual, mask in zip(residuals, masks, strict=True):
        squares += np.where(mask, residual**2, 0)
        count += mask
    squares, count = (ndimage.gaussian_filter(part, SIGMA_BLUR) for part in (squares, count))
    sigma = np.sqrt(squares / np.maximum(count, 0.05))
    return np.where(count > 0.05, np.maximum(sigma, SMALLEST_SIGMA), 1).astype(np.float32)


def healthy_level(residuals: Sequence[FloatArray], masks: Sequence[Mask]) -> FloatArray:
    """Root mean square of healthy residuals, the same at each place (z, y, x).

    A dozen scans do not tell places apart: normalised by place, new healthy scans stood out twice as often as those.
    """
    squares = sum(float((residual[mask] ** 2).sum()) for residual, mask in zip(residuals, masks, strict=True))
    level = np.sqrt(squares / max(1, sum(np.count_nonzero(mask) for mask in masks)))
    return np.full(residuals[0].shape, max(float(level), 1e-3), np.float32)


def signed_map(residual: FloatArray, sigma: FloatArray, mask: Mask, smoothing: str = GAUSSIAN) -> FloatArray:
    """Residual in healthy standard deviations, smoothed inside the mask: above 0 brighter than healthy, below darker.

    ``smoothing``: by a Gaussian that sees nothing outside the mask, or by a 3-D median to which all is healthy there.
    """
    deviation = np.where(mask, residual / sigma, 0).astype(np.float32)
    if smoothing == GAUSSIAN:
        return blurred(deviation, mask)
    from scipy import ndimage

    return np.where(mask, ndimage.median_filter(deviation, MEDIAN_SIDE), 0).astype(np.float32)


def blurred(values: FloatArray, mask: Mask, blur: float = BLUR) -> FloatArray:
    """Gaussian blur that sees nothing outside the mask; 0 there."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(mask.astype(np.float32), blur)
    smooth = ndimage.gaussian_filter(np.where(mask, values, 0).astype(np.float32), blur)
    return np.where(mask, smooth / np.maximum(weight, 1e-3), 0).astype(np.float32)


def normalised(score: FloatArray, mask: Mask) -> FloatArray:
    """A map of no negative values divided by its own mean in the mask: scans differ more as a whole than by lesions."""
    mean = float(score[mask].mean())
    return (score / max(mean, 1e-6)).astype(np.float32)
