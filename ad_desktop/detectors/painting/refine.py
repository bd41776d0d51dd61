"""Candidate regions, hidden as a whole and painted again: what then agrees with healthy appearance is dropped."""

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
class Refinement:
    """When a voxel is a candidate, and when the loop stops.

    ``share`` of the body's voxels with the highest scores are candidates, in regions of at least ``smallest_ml``,
    widened by ``widen`` voxels before they are hidden. It ends after ``rounds``, or when the candidates change by
    less than ``settled`` of their volume.
    """

    share: float = 0.02
    smallest_ml: float = 0.1
    widen: int = 1
    rounds: int = 3
    settled: float = 0.1


def refine(
    painter: Painter, scan: Scan, score: FloatArray, sigma: FloatArray, how: Refinement, task: Task | None = None
) -> tuple[FloatArray, Mask, int]:
    """Residual (z, y, x) with every candidate hidden whole, the candidates it holds for, and the rounds it took.

    ``score`` is the first pass's map (no negative values), ``sigma`` the healthy deviation of the residual. A
    candidate stays where what is painted, smoothed, differs by more than one healthy deviation.
    """
    from scipy import ndimage

    healthy = np.zeros_like(scan.image)
    hidden_ever = np.zeros(scan.mask.shape, bool)
    candidates = _candidates(score, scan.mask, how, painter.spacing)
    done = 0
    while candidates.any() and done < how.rounds:
        holes = ndimage.binary_dilation(candidates, iterations=how.widen) & scan.mask
        painted = painter.paint(scan, holes, task).image
        healthy[holes] = painted[holes]
        hidden_ever |= holes
        done += 1
        deviation = np.abs(scan.image - healthy) / sigma
        kept = holes & (ndimage.gaussian_filter(np.where(holes, deviation, 0), 1.0) > 1.0)
        changed = np.count_nonzero(kept ^ candidates)
        if changed < how.settled * np.count_nonzero(candidates):
            break
        candidates = kept
    return np.where(hidden_ever, scan.image - healthy, 0).astype(np.float32), hidden_ever, done


def _candidates(score: FloatArray, mask: Mask, how: Refinement, spacing: float) -> Mask:
    from scipy import ndimage

    cut = float(np.quantile(score[mask], 1 - how.share))
    labels, count = ndimage.label((score > cut) & mask)
    if not count:
        return np.zeros(mask.shape, bool)
    voxels = np.bincount(labels.ravel())
    large = voxels * spacing**3 / 1000 >= how.smallest_ml
    large[0] = False
    return np.asarray(large[labels])
