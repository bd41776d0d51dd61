"""Iso-lines of a small array as loose line segments: marching squares over all cells at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# For each of the 16 corner patterns the edges that a line joins: 0 top, 1 right, 2 bottom, 3 left.
# Corner bits: 1 top left, 2 top right, 4 bottom right, 8 bottom left. The two saddles get two lines.
_LINES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 0), (1, 2)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((0, 2),), 10: ((0, 1), (2, 3)), 11: ((1, 2),), 12: ((1, 3),), 13: ((0, 1),), 14: ((3, 0),),
}  # fmt: skip


def segments(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """The line ``values == level`` as (2k, 2) float32: x, y of both ends of k segments, cell centres at integers."""
    if values.shape[0] < 2 or values.shape[1] < 2:
        return np.empty((0, 2), np.float32)
    above = values > level
    pattern = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1].astype(np.uint8)
    pieces: list[NDArray[np.float64]] = []
    rows, columns = np.nonzero((pattern > 0) & (pattern < 15))
    kinds = pattern[rows, columns]
    for kind, lines in _LINES.items():
        chosen = kinds == kind
        if chosen.any():
            y, x = rows[chosen], columns[chosen]
            pieces.extend(
                np.stack([_cross(values, level, y, x, a), _cross(values, level, y, x, b)], axis=1) for a, b in lines
            )
    if not pieces:
        return np.empty((0, 2), np.float32)
    return np.concatenate(pieces).reshape(-1, 2).astype(np.float32)


def _cross(
    values: NDArray[np.float32], level: float, y: NDArray[np.intp], x: NDArray[np.intp], edge: int
) -> NDArray[np.float64]:
    """Where the level crosses one edge of each cell, (n, 2) x, y."""
    y0, x0 = y + (edge == 2), x + (edge == 1)
    y1, x1 = y + (edge != 0), x + (edge != 3)
    first, second = values[y0, x0].astype(np.float64), values[y1, x1].astype(np.float64)
    share = (level - first) / (second - first)
    return np.stack([x0 + share * (x1 - x0), y0 + share * (y1 - y0)], axis=1)
