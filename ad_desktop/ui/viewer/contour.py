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
# The two corners that each edge joins, (row, column) within the cell.
_ROW_A, _COLUMN_A = np.array([0, 0, 1, 0]), np.array([0, 1, 0, 0])
_ROW_B, _COLUMN_B = np.array([0, 1, 1, 1]), np.array([1, 1, 1, 0])


def segments(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """The line ``values == level`` as (2k, 2) float32: x, y of both ends of k segments, cell centres at integers."""
    if values.shape[0] < 2 or values.shape[1] < 2:
        return np.empty((0, 2), np.float32)
    width = values.shape[1]
    flat = np.ascontiguousarray(values).ravel()
    above = (flat > level).view(np.uint8)
    # As one long row: numpy is far quicker without a gap after every row of cells. Sums are quicker than shifts.
    pairs = above[:-1] + (above[1:] + above[1:])
    lower = above[1:] + (above[:-1] + above[:-1])
    lower = (lower + lower)[width:]
    pattern = pairs[:-width] + (lower + lower)
    pattern[width - 1 :: width] = 0  # from the end of a row to the start of the next there is no cell
    # What is not 0 and not 15, in one comparison: 0 wraps around.
    cells = np.flatnonzero(pattern - np.uint8(1) < 14)
    if not len(cells):
        return np.empty((0, 2), np.float32)
    kinds = pattern[cells]
    edges = _FIRST.take(kinds, axis=0)
    for kind, second in _SADDLES.items():
        (again,) = np.nonzero(kinds == kind)
        if len(again):
            cells = np.append(cells, cells[again])
            edges = np.append(edges, np.broadcast_to(second, (len(again), 2)), axis=0)
    rows, columns = np.divmod(cells, width)
    found = np.empty((len(cells), 2, 2), np.float32)
    for end in (0, 1):
        edge = edges[:, end]
        y, x = rows + _ROW_A[edge], columns + _COLUMN_A[edge]
        down, across = (_ROW_B - _ROW_A)[edge], (_COLUMN_B - _COLUMN_A)[edge]
        first = flat[y * width + x].astype(np.float64)
        second_value = flat[(y + down) * width + x + across]
        share = (level - first) / (second_value - first)
        found[:, end, 0] = x + share * across
        found[:, end, 1] = y + share * down
    return found.reshape(-1, 2)
