"""Scans made even: how bright they are, and how that changes slowly across the body, as in the normal scans.

What differs between scanners is taken away before anything is compared. Small lesions hardly change it, large ones do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

SHARES = np.linspace(0, 1, 201)
SLOW_MM = 15.0
"""Standard deviation of the blur that leaves what changes slowly; 15 mm did as well as 25."""
OFFSET = 0.15
"""Added before values are divided: the 1st percentile of a scan is 0."""
LOWEST, HIGHEST = -0.2, 1.6
GAINS = (0.25, 4.0)


def usual_quantiles(images: Sequence[FloatArray], masks: Sequence[Mask]) -> FloatArray:
    """The mean of the quantiles of normal scans at ``SHARES``, in their masks."""
    found = [np.quantile(image[mask], SHARES) for image, mask in zip(images, masks, strict=True)]
    return np.asarray(np.mean(found, axis=0), np.float32)


@dataclass(frozen=True, eq=False)
class Evened:
    """An evened scan's ``image`` (z, y, x), and what ``undo`` needs: a gain at each place and the scan's quantiles."""

    image: FloatArray
    gain: FloatArray
    own: FloatArray
    usual: FloatArray

    def undo(self, image: FloatArray) -> FloatArray:
        """Values like those of ``image`` as they would be in the scan."""
        plain = (image + OFFSET) / self.gain - OFFSET
        return np.asarray(np.interp(plain, _rising(self.usual), self.own), np.float32)


def evened(
    image: FloatArray, mask: Mask, mean: FloatArray, usual: FloatArray, spacing: float | Sequence[float],
    hidden: Mask | None = None,
) -> Evened:  # fmt: skip
    """A scan with the ``usual`` quantiles and the slow change of ``mean``, on whose grid it is.

    ``spacing`` is in mm, of all axes or of each. What is ``hidden`` has no part in how the rest is changed.
    """
    seen = mask if hidden is None or not (mask & ~hidden).any() else mask & ~hidden
    own = np.quantile(image[seen], SHARES).astype(np.float32)
    plain = np.interp(image, _rising(own), usual).astype(np.float32)
    blur = SLOW_MM / np.broadcast_to(spacing, 3)
    slow, wanted = (_slow(values, seen, blur) + OFFSET for values in (plain, mean))
    gain = np.where(mask, np.clip(wanted / np.maximum(slow, 0.1 * OFFSET), *GAINS), 1).astype(np.float32)
    found = np.clip((plain + OFFSET) * gain - OFFSET, LOWEST, HIGHEST)
    return Evened(np.where(mask, found, 0).astype(np.float32), gain, own, usual)


def _slow(values: FloatArray, seen: Mask, blur: NDArray[np.float64]) -> FloatArray:
    """What changes slowly of the values that are seen, also beyond these."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(seen.astype(np.float32), blur)
    found = ndimage.gaussian_filter(np.where(seen, values, 0).astype(np.float32), blur)
    return np.asarray(found / np.maximum(weight, 1e-3), np.float32)


def _rising(quantiles: FloatArray) -> NDArray[np.float64]:
    """Where many values are the same, quantiles are, too: interpolation wants them to rise."""
    return np.asarray(np.maximum.accumulate(quantiles.astype(np.float64)) + np.arange(len(quantiles)) * 1e-7)
