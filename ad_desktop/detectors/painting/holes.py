"""Holes for training and for the passes: grids, ellipses, discs and lines, in millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def grid_holes(shape: tuple[int, int], hole: int, gap: int, offset: tuple[int, int]) -> Mask:
    """Square holes of ``hole`` pixels with ``gap`` pixels between them, shifted by ``offset`` (rows, columns)."""
    rows, columns = (((np.arange(n) + o) % (hole + gap)) < hole for n, o in zip(shape, offset, strict=True))
    return rows[:, None] & columns[None, :]


def grid_phases(hole: int) -> list[tuple[int, int]]:
    """Offsets at which grids with gaps as wide as the holes hide every pixel exactly once."""
    return [(row, column) for row in (0, hole) for column in (0, hole)]


def random_holes(shape: tuple[int, int], spacing: float, rng: np.random.Generator) -> Mask:
    """Holes for one training slice: grid holes of 10–56 mm, or ellipses, discs and lines."""
    kind = rng.random()
    if kind < 0.5:
        hole = max(2, round(rng.uniform(10, 56) / spacing))
        gap = max(2, round(hole * rng.uniform(0.7, 1.3)))
        row, column = (int(n) for n in rng.integers(0, hole + gap, 2))
        return grid_holes(shape, hole, gap, (row, column))
    mask = np.zeros(shape, bool)
    for _ in range(int(rng.integers(1, 7))):
        mask |= ellipse(shape, spacing, rng, 5.0, 26.0)
    if kind > 0.9:
        for _ in range(int(rng.integers(1, 8))):
            mask |= _line(shape, spacing, rng)
    return mask


def ellipse(shape: tuple[int, int], spacing: float, rng: np.random.Generator, low: float, high: float) -> Mask:
    """One turned ellipse anywhere, with half axes between ``low`` and ``high`` mm."""
    rows, columns = _offsets(shape, rng)
    angle = rng.uniform(0, np.pi)
    along = (rows * np.cos(angle) + columns * np.sin(angle)) * spacing
    across = (columns * np.cos(angle) - rows * np.sin(angle)) * spacing
    first, second = rng.uniform(low, high, 2)
    return np.asarray((along / first) ** 2 + (across / second) ** 2 < 1)


def _line(shape: tuple[int, int], spacing: float, rng: np.random.Generator) -> Mask:
    rows, columns = _offsets(shape, rng)
    angle = rng.uniform(0, np.pi)
    across = (columns * np.cos(angle) - rows * np.sin(angle)) * spacing
    along = (rows * np.cos(angle) + columns * np.sin(angle)) * spacing
    return np.asarray((np.abs(across) < rng.uniform(3, 15) / 2) & (np.abs(along) < rng.uniform(20, 120) / 2))


def _offsets(shape: tuple[int, int], rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    row, column = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
    rows, columns = (np.arange(n, dtype=np.float64) for n in shape)
    return np.asarray(rows[:, None] - row), np.asarray(columns[None, :] - column)
