"""What of a scan's anomaly map counts as marked, in lists, masks, exports and figures alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import Volume

TOUCHING = np.ones((3, 3, 3), bool)
"""Voxels that share a face, an edge or a corner belong together."""


@dataclass(frozen=True)
class Marking:
    """Rules for regions above the map's threshold; by themselves they leave out none.

    Regions below ``min_ml`` millilitres are left out, and so are those in which the map stays below ``peak`` times its
    threshold (hysteresis: the threshold outlines, the peak decides). Where ``above`` is given, only voxels with a
    higher value in the scan's own unit can be marked (an intensity prior, such as SUV 2.5).
    """

    min_ml: float = 0.0
    peak: float = 1.0
    above: float | None = None

    def regions(
        self, anomaly_map: NDArray[np.float32], threshold: float, volume: Volume, seen: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], int]:
        """Labels (z, y, x), 0 for none, and how many; ``seen`` is where the scan was looked at (None: everywhere).

        NaN voxels belong to no region.
        """
        from scipy import ndimage

        marked = anomaly_map > threshold
        if seen is not None:
            marked &= seen
        if self.above is not None:
            marked &= volume.array > self.above
        labels, count = ndimage.label(marked, TOUCHING)
        if not count:
            return labels, 0
        owner = labels[marked]
        # A region of just the smallest size counts, whatever rounding did to it.
        kept = np.bincount(owner, minlength=count + 1) * volume.voxel_ml >= self.min_ml * (1 - 1e-9)
        if self.peak > 1:
            high = np.zeros(count + 1, bool)
            high[owner[anomaly_map[marked] > self.peak * threshold]] = True
            kept &= high
        kept[0] = False
        numbers = np.cumsum(kept) * kept
        return np.asarray(numbers[labels], np.int64), int(kept.sum())
