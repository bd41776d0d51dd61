"""Candidate regions, hidden as a whole and painted again: what then agrees with healthy appearance is dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.painter import Painter
from ad_desktop.task import Task

FloatArray = NDArray[np.float32]
Mask = NDArray[np.bool_]

DIFFERENT = 2.0
"""Expected errors, smoothed: what differs by less is not hidden again. Most of a healthy candidate does not."""


@dataclass(frozen=True)
class Refinement:
    """When a voxel is a candidate, what is left of its score, and when the loop stops.

    ``share`` of the body's voxels with the highest scores are candidates, in regions of at least ``smallest_ml``,
    widened by ``widen`` voxels before they are hidden. A voxel keeps its score if it differs from what is painted by
    ``enough`` times the error that the network expects of itself there, otherwise that part of it, at least ``least``.
    It ends after ``rounds``, or when the candidates change by less than ``settled`` of their volume.
    """

    share: float = 0.02
    smallest_ml: float = 0.1
    widen: int = 1
    enough: float = 3.0
    least: float = 0.5
    rounds: int = 2
    settled: float = 0.1


class Refined(NamedTuple):
    """What came of it, all (z, y, x): where candidates were ``hidden``, and in how many ``rounds``.

    ``difference`` is the scan less what was painted there, ``expected`` the absolute error that the network expects of
    it; 0 and 1 elsewhere.
    """

    difference: FloatArray
    expected: FloatArray
    hidden: Mask
    rounds: int

    def lowered(self, score: FloatArray, how: Refinement) -> FloatArray:
        """A score of which no more is left than what still differs deserves; nowhere is it raised.

        Nothing is blurred here, so that the blur of the first pass no longer reaches beyond a lesion's edge.
        """
        left = np.clip(np.abs(self.difference) / self.expected / how.enough, how.least, 1)
        return np.where(self.hidden, score * left, score).astype(np.float32)


def refine(painter: Painter, scan: Scan, score: FloatArray, how: Refinement, task: Task | None = None) -> Refined:
    """Hide every candidate of a first pass's ``score`` (no negative values) whole, and paint it; see ``Refined``.

    The next round hides only where what was painted differs, and so sees more of what surrounds it.
    """
    from scipy import ndimage

    difference, expected = np.zeros_like(scan.image), np.ones_like(scan.image)
    hidden = np.zeros(scan.mask.shape, bool)
    candidates = _candidates(score, scan.mask, how, painter.spacing)
    done = 0
    while candidates.any() and done < how.rounds:
        holes = ndimage.binary_dilation(candidates, iterations=how.widen) & scan.mask
        painted = painter.paint(scan, holes, task)
        difference[holes], expected[holes] = (scan.image - painted.image)[holes], painted.expected[holes]
        hidden |= holes
        done += 1
        kept = holes & (ndimage.gaussian_filter(np.where(holes, np.abs(difference) / expected, 0), 1.0) > DIFFERENT)
        changed = np.count_nonzero(kept ^ candidates)
        if changed < how.settled * np.count_nonzero(candidates):
            break
        candidates = kept
    return Refined(difference, expected, hidden, done)


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
