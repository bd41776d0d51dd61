"""How a network's feature maps become what is kept of a picture: one row of local features, one pooled vector."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FINE_CELLS = 16
"""Longest side of a level's own map; larger maps are averaged down to it."""
COARSE_CELLS = 4
"""Side of the coarse map on which all levels are seen together."""
LARGEST_HALF = 65504.0
LARGEST_EXPONENT = np.int16(0x7C00)
SIGN_AND_REST = np.int32(0x8FFFE000 - (1 << 32))
ORIGIN = np.float32(2.0**112)
"""Masks and moves the bits of half precision to those of single precision."""


class LevelShape(NamedTuple):
    """Channels and side of one level's kept map."""

    channels: int
    side: int


class Features(NamedTuple):
    """What is kept of one picture: ``local`` (row,) float16 and ``pooled`` (d,) float32."""

    local: NDArray[np.float16]
    pooled: NDArray[np.float32]


class Layout:
    """Where each level's cells lie in the row: level after level, each as (cells, channels)."""

    def __init__(self, levels: Sequence[LevelShape]) -> None:
        self.levels = tuple(levels)
        ends = np.cumsum([shape.side**2 * shape.channels for shape in levels])
        self.row = int(ends[-1])
        self._slices = [slice(int(e) - s.side**2 * s.channels, int(e)) for e, s in zip(ends, levels, strict=True)]
        self.coarse = min(COARSE_CELLS, min(shape.side for shape in levels))
        self.pooled = sum(shape.channels for shape in levels)

    @classmethod
    def of_maps(cls, maps: Sequence[NDArray[Any]]) -> Layout:
        """The layout for a network whose levels give ``maps`` (N, C, S, S)."""
        return cls([LevelShape(m.shape[1], min(m.shape[2], FINE_CELLS)) for m in maps])

    def features(self, maps: Sequence[NDArray[np.float32]]) -> list[Features]:
        """What is kept of each picture of a batch, from its levels' maps (N, C, S, S)."""
        local, pooled = [], []
        for level, shape in zip(maps, self.levels, strict=True):
            flat = level.reshape(*level.shape[:2], -1)
            pooled.append(flat.mean(axis=2))
            cells = np.swapaxes(resample(level, shape.side), 1, 2)
            local.append(cells.reshape(len(level), -1))
        rows = np.concatenate(local, axis=1)
        halves = np.clip(rows, -LARGEST_HALF, LARGEST_HALF, out=rows).astype(np.float16)
        vectors = np.concatenate(pooled, axis=1).astype(np.float32)
        return [Features(row, vector) for row, vector in zip(halves, vectors, strict=True)]

    def fine(self, rows: NDArray[np.float16]) -> list[NDArray[np.float32]]:
        """Every level's cells (n, cells, channels) of rows (n, row)."""
        singles = single(rows)
        return [
            singles[:, place].reshape(len(rows), shape.side**2, shape.channels)
            for place, shape in zip(self._slices, self.levels, strict=True)
        ]

    def all_coarse(self, fine: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The coarse cells (n, cells, all channels) from every level's fine cells (n, cells, channels)."""
        parts: list[NDArray[np.float32]] = []
        for cells, shape in zip(fine, self.levels, strict=True):
            # A stack of products: one for all samples would round each differently in every batch.
            parts.append(grid_averaging(shape.side, self.coarse) @ cells)
        return np.concatenate(parts, axis=2)


def single(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """The same numbers in single precision, in a third of the time that numpy's own conversion takes.

    Exponent and mantissa are moved to where single precision has them, and the product moves the exponent's origin.
    """
    halves = np.ascontiguousarray(halves)
    bits = halves.view(np.int16)
    # What is infinite or no number has the largest exponent, which means another thing in single precision.
    if (bits & LARGEST_EXPONENT).max(initial=0) == LARGEST_EXPONENT:
        return halves.astype(np.float32)
    moved = bits.astype(np.int32)
    moved <<= 13
    moved &= SIGN_AND_REST
    found = moved.view(np.float32)
    found *= ORIGIN
    return found


def resample(level: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Area-average maps (N, C, S, S) down to ``side``; returns (N, C, side²)."""
    if level.shape[2] == side:
        return level.reshape(*level.shape[:2], -1)
    down = averaging(level.shape[2], side)
    both = np.asarray(down @ level @ down.T, np.float32)
    return both.reshape(*level.shape[:2], -1)


@lru_cache(maxsize=32)
def averaging(source: int, target: int) -> NDArray[np.float32]:
    """Matrix (target, source) that averages ``source`` cells into ``target`` ones by the area they share."""
    edges = np.linspace(0, source, target + 1)
    cells = np.arange(source)
    shared = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights = np.clip(shared, 0, None)
    matrix = np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
    matrix.flags.writeable = False
    return matrix


@lru_cache(maxsize=32)
def grid_averaging(source: int, target: int) -> NDArray[np.float32]:
    """Matrix (target², source²) that averages the cells of a square grid in the same way."""
    down = averaging(source, target)
    matrix = np.kron(down, down)
    matrix.flags.writeable = False
    return matrix
