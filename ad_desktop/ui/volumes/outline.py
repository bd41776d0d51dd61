"""Outlines of what lies above a level in a slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_desktop.ui.viewer.contour import segments


def outline(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Line segments along ``level``, (2k, 2) x, y with cell centres at integers; only where there is something."""
    above = values > level
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    if not len(rows):
        return np.empty((0, 2), np.float32)
    # One more voxel on each side, where there is one: the line runs between what is above and what is not.
    top, left = max(0, int(rows[0]) - 1), max(0, int(columns[0]) - 1)
    part = values[top : rows[-1] + 2, left : columns[-1] + 2]
    finite = np.isfinite(part)
    part = part if finite.all() else np.where(finite, part, np.float32(level))
    low = min(float(part.min()), level - 1)
    padded = np.full((part.shape[0] + 2, part.shape[1] + 2), np.float32(low))
    padded[1:-1, 1:-1] = part
    return segments(padded, level) + np.array([left - 1, top - 1], np.float32)
