"""Outlines of what lies above a level in a slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_desktop.ui.viewer.contour import segments


def outline(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Line segments along ``level``, (2k, 2) x, y with cell centres at integers; only where there is something."""
    values = np.where(np.isfinite(values), values, np.float32(level))
    above = values > level
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    if not len(rows):
        return np.empty((0, 2), np.float32)
    low = min(float(values.min()), level - 1)
    part = np.pad(values, 1, constant_values=np.float32(low))[rows[0] : rows[-1] + 3, columns[0] : columns[-1] + 3]
    return segments(part, level) + np.array([columns[0] - 1, rows[0] - 1], np.float32)
