"""The aligned healthy scans: their mean and spread at each place, with or without some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ad_desktop.task import Task

FloatArray = NDArray[np.float32]
Sums = NDArray[np.float64]

SMOOTHING = 0.7
"""Voxels: alignment is no better than this."""
SMALLEST_SPREAD = 0.03
"""Of scaled values: below it is noise."""


class Template:
    """Sums over aligned healthy scans, from which any of them can be left out again."""

    def __init__(self, count: Sums, total: Sums, squares: Sums) -> None:
        self.count, self.total, self.squares = count, total, squares

    @classmethod
    def of(cls, images: Sequence[FloatArray], masks: Sequence[NDArray[np.bool_]], task: Task | None = None) -> Template:
        """Template of images (z, y, x), each counted where its mask is true."""
        sums = np.zeros((3, *images[0].shape))
        for image, mask in zip(images, masks, strict=True):
            (task or Task()).check()
            sums += _moments(image, mask)
        return cls(*sums)

    def less(self, members: Sequence[tuple[FloatArray, NDArray[np.bool_]]]) -> Template:
        """The template less some of its images, each with its mask."""
        gone = np.sum([_moments(image, mask) for image, mask in members], axis=0)
        return Template(self.count - gone[0], self.total - gone[1], self.squares - gone[2])

    def statistics(self) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation (z, y, x) at each place and its surroundings; where no scan reaches, 0 and 1."""
        from scipy import ndimage

        count, total, squares = (
            ndimage.gaussian_filter(part, SMOOTHING) for part in (self.count, self.total, self.squares)
        )
        known = count > 0.05
        weight = np.maximum(count, 0.05)
        mean = np.where(known, total / weight, 0)
        variance = squares / weight - mean**2
        spread = np.where(known, np.sqrt(np.maximum(variance, SMALLEST_SPREAD**2)), 1)
        return mean.astype(np.float32), spread.astype(np.float32)


def _moments(image: FloatArray, mask: NDArray[np.bool_]) -> Sums:
    kept = np.where(mask, image, 0).astype(np.float64)
    return np.stack([mask.astype(np.float64), kept, kept * kept])
