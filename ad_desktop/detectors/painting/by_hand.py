"""A region that a user drew, hidden as a whole and painted with healthy appearance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.painting.model import PaintModel
from ad_desktop.errors import UserError
from ad_desktop.task import Task

Mask = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

_TOUCHED = 0.1
"""A voxel of the grid is hidden where at least this share of it was drawn on, so that nothing shows at the edge."""


def painted_over(model: PaintModel, volume: Volume, mask: Mask, region: Mask, task: Task) -> FloatArray:
    """What a scan's values in ``region`` (z, y, x) differ in from healthy ones, in its unit; 0 elsewhere.

    Nothing in the region has a part in what is painted there, but for percentiles that values are scaled by.
    ``UserError`` where it lies outside ``mask``, and for a scan that cannot be used.
    """
    scan, affine = model.laid(volume, mask)
    holes = (resample(region.astype(np.float32), volume.affine, affine, scan.mask.shape) > _TOUCHED) & scan.mask
    drawn = region & mask
    if not holes.any() or not drawn.any():
        raise UserError("The region lies outside what is examined of the scan: draw it on the body.")
    shown, own = model.even(scan, holes)
    # Slices without a hole need not be painted.
    near = replace(shown, mask=scan.mask & holes.any(axis=(1, 2), keepdims=True))
    painted = model.painter.paint(near, holes, task).image
    if own is not None:
        painted = own.undo(painted)
    healthy = resample(np.where(holes, painted, scan.image), affine, volume.affine, volume.shape)
    low, high = model.scaling.ends(volume.array, mask)
    values = np.float32(low) + healthy * np.float32(high - low)
    return np.where(drawn, np.asarray(volume.array, np.float32) - values, 0).astype(np.float32)
