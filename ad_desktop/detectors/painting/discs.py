"""The scheme that AutoPaint was published with: discs on bright places, each painted alone, the best ones together.

Slice by slice, for comparison: only what is bright is looked for, and only above a fixed value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Discs:
    """``level`` and ``peak`` are scaled values: of SUV 0…12 they are the published 6.5 and 9.6.

    Candidates are voxels above ``level``; ``tried`` discs of ``radius_mm`` around the brightest of them are painted, if
    they reach ``peak``; where the best one differs by more than ``least`` on average, the best ``kept`` are hidden
    together.
    """

    level: float = 6.5 / 12
    peak: float = 9.6 / 12
    radius_mm: float = 30.0
    tried: int = 5
    kept: int = 3
    least: float = 0.06


def disc_residual(painter: Painter, scan: Scan, how: Discs | None = None, task: Task | None = None) -> FloatArray:
    """How much brighter than painted each voxel (z, y, x) is inside the discs that were kept; 0 elsewhere."""
    how = how or Discs()
    radius = max(1, round(how.radius_mm / painter.spacing))
    choices = [_discs(image, mask, radius, how) for image, mask in zip(scan.image, scan.mask, strict=True)]
    slices = range(len(choices))
    scores = np.zeros((how.tried, len(choices)))
    for number in range(how.tried):
        holes = np.stack([_at(discs, number, mask) for discs, mask in zip(choices, scan.mask, strict=True)])
        if holes.any():
            scores[number] = _brighter(painter, scan, holes, task).sum(axis=(1, 2))
    area = np.count_nonzero(_disc(radius))
    found = scores.max(axis=0) / area > how.least
    best = np.argsort(-scores, axis=0, kind="stable")[: how.kept]
    union = np.zeros(scan.mask.shape, bool)
    for z in slices:
        if found[z]:
            union[z] = np.any([_at(choices[z], int(number), scan.mask[z]) for number in best[:, z]], axis=0)
    return _brighter(painter, scan, union, task) if union.any() else np.zeros_like(scan.image)


def _brighter(painter: Painter, scan: Scan, holes: Mask, task: Task | None) -> FloatArray:
    painted = painter.paint(scan, holes, task).image
    return np.where(holes, np.maximum(scan.image - painted, 0), 0).astype(np.float32)


def _discs(image: FloatArray, mask: Mask, radius: int, how: Discs) -> list[Mask]:
    """Discs around the places of a slice that are brightest on average, no middle inside another disc."""
    from scipy import ndimage

    shape = _disc(radius)
    open_ = mask & (image > how.level)
    discs: list[Mask] = []
    if not open_.any():
        return discs
    mean = ndimage.convolve(image, shape / np.float32(np.count_nonzero(shape)), mode="constant")
    rows, columns = np.indices(image.shape)
    while open_.any() and len(discs) < how.tried:
        row, column = np.unravel_index(np.where(open_, mean, -np.inf).argmax(), image.shape)
        disc = np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)
        if image[disc & mask].max() >= how.peak:
            discs.append(disc)
        open_ = open_ & ~disc
    return discs


def _at(discs: list[Mask], number: int, mask: Mask) -> Mask:
    return discs[number] & mask if number < len(discs) else np.zeros(mask.shape, bool)


def _disc(radius: int) -> Mask:
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(rows**2 + columns**2 <= radius**2)
