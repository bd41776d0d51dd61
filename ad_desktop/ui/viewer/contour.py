"""Iso-lines of a small array as loose line segments: marching squares over all cells at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# For each of the 16 corner patterns the two edges that a line joins: 0 top, 1 right, 2 bottom, 3 left.
# Corner bits: 1 top left, 2 top right, 4 bottom right, 8 bottom left. The two saddles get a second line.
_NONE = (0, 0)
_FIRST = np.array([
    _NONE, (3, 0), (0, 1), (3, 1), (1, 2), (3, 0), (0, 2), (3, 2),
    (2, 3), (0, 2), (0, 1), (1, 2), (1, 3), (0, 1), (3, 0), _NONE,
])  # fmt: skip
_SADDLES = {5: (1, 2), 10: (2, 3)}


def segments(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """The line ``values == level`` as (2k, 2) float32: x, y of both ends of k segments, cell centres at integers."""
    if values.shape[0] < 2 or values.shape[1] < 2:
        return np.empty((0, 2), np.float32)
    above = (values > level).view(np.uint8)
    pattern = above[:-1, :-1] | (above[:-1, 1:] << 1) | (above[1:, 1:] << 2) | (above[1:, :-1] << 3)
    # Much quicker than ``nonzero`` of two axes.
    rows, columns = np.divmod(np.flatnonzero((pattern > 0) & (pattern < 15)), pattern.shape[1])
    if not len(rows):
        return np.empty((0, 2), np.float32)
    kinds = pattern[rows, columns]
    edges = _FIRST[kinds]
    for kind, second in _SADDLES.items():
        (again,) = np.nonzero(kinds == kind)
        rows, columns = np.append(rows, rows[again]), np.append(columns, columns[again])
        edges = np.append(edges, np.broadcast_to(second, (len(again), 2)), axis=0)
    ends = [_cross(values, level, rows, columns, edges[:, end]) for end in (0, 1)]
    return np.stack(ends, axis=1).reshape(-1, 2).astype(np.float32)


def _cross(
    values: NDArray[np.float32], level: float, y: NDArray[np.intp], x: NDArray[np.intp], edge: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Where the level crosses one edge of each cell, (n, 2) x, y."""
    y0, x0 = y + (edge == 2), x + (edge == 1)
    y1, x1 = y + (edge != 0), x + (edge != 3)
    first, second = values[y0, x0].astype(np.float64), values[y1, x1].astype(np.float64)
    share = (level - first) / (second - first)
    return np.stack([x0 + share * (x1 - x0), y0 + share * (y1 - y0)], axis=1)
