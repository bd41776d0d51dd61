"""One volume's values on another's planes, through the patient's space: what fusion needs, slice by slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Volume

_OBLIQUE_PIXELS = 65_536
"""A plane that cuts the other volume obliquely is sampled at no more places than these, to keep its pace."""


class PlaneSampler:
    """Linear interpolation of ``volume`` at the voxel centres of slices of ``grid``; NaN outside of it.

    Inside reaches half a voxel beyond the outer voxel centres, where the outermost value goes on, as in
    SimpleITK's resampling. Where both volumes have parallel axes, each axis is interpolated by itself.
    """

    def __init__(self, volume: Volume, grid: Volume) -> None:
        self.volume = volume
        self._grid = grid
        matrix = np.linalg.inv(volume.affine) @ grid.affine
        self._matrix, self._offset = matrix[:3, :3], matrix[:3, 3]
        largest = np.abs(self._matrix).max(axis=0)
        self.parallel = bool((np.abs(self._matrix) > 1e-6 * largest).sum() == 3)
        self._same = volume.same_grid(grid)

    def step(self, plane: Plane) -> int:
        """Every how many rows and columns of the grid a slice has values."""
        rows, columns = plane.shape(self._grid)
        return 1 if self.parallel else max(1, int(np.ceil(np.sqrt(rows * columns / _OBLIQUE_PIXELS))))

    def cut(self, plane: Plane, index: int) -> NDArray[np.float32]:
        """The slice of the grid's plane at ``index``: every ``step``-th row and column."""
        if self._same:
            # In one piece: each pass over a sagittal view of the whole array would go through all of its memory.
            return np.ascontiguousarray(plane.cut(self.volume.array, index), np.float32)
        return self._separate(plane, index) if self.parallel else self._oblique(plane, index)

    def _separate(self, plane: Plane, index: int) -> NDArray[np.float32]:
        # The volume's axes in the order of the grid's, then each index axis on its own.
        order = [2 - int(np.argmax(np.abs(self._matrix[:, 2 - axis]))) for axis in range(3)]
        array = self.volume.array.transpose(order)
        places: list[NDArray[np.float64]] = []
        for axis in range(3):
            own, theirs = 2 - axis, 2 - order[axis]
            counted = np.array([index]) if axis == plane.axis else np.arange(self._grid.shape[axis])
            places.append(counted * self._matrix[theirs, own] + self._offset[theirs])
        sizes = array.shape
        if not _inside(places[plane.axis], sizes[plane.axis])[0]:
            return np.full(plane.shape(self._grid), np.nan, np.float32)
        (low,), (high,), (share,) = _neighbours(places[plane.axis], sizes[plane.axis])
        first = np.asarray(plane.cut(array, low), np.float32)
        flat = first if low == high else first * (1 - share) + plane.cut(array, high) * share
        # Columns first, while there are few rows: whole rows are then quickly copied.
        for axis, along in ((plane.columns, 1), (plane.rows, 0)):
            lower, upper, shares = _neighbours(places[axis], sizes[axis])
            weights = shares[None, :] if along else shares[:, None]
            found, above = np.take(flat, lower, axis=along), np.take(flat, upper, axis=along)
            above -= found
            above *= weights
            found += above
            outside = ~_inside(places[axis], sizes[axis])
            if outside.any():
                found[(slice(None),) * along + (outside,)] = np.nan
            flat = found
        return np.asarray(flat, np.float32)

    def _oblique(self, plane: Plane, index: int) -> NDArray[np.float32]:
        from scipy import ndimage

        step = self.step(plane)
        rows, columns = plane.shape(self._grid)
        counted: list[NDArray[np.intp]] = [np.array(0)] * 3
        counted[2 - plane.axis] = np.array(index)
        counted[2 - plane.rows] = np.arange(0, rows, step)[:, None]
        counted[2 - plane.columns] = np.arange(0, columns, step)[None, :]
        places = [sum(self._matrix[i, j] * counted[j] for j in range(3)) + self._offset[i] for i in range(3)]
        z, y, x = np.broadcast_arrays(*places[::-1])
        values = ndimage.map_coordinates(
            self.volume.array, (z, y, x), np.float32, order=1, mode="nearest", prefilter=False
        )
        inside = np.logical_and.reduce(
            [_inside(place, size) for place, size in zip((z, y, x), self.volume.shape, strict=True)]
        )
        return np.where(inside, values, np.float32(np.nan))


def _inside(places: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    return (places >= -0.5 - 1e-9) & (places <= size - 0.5 + 1e-9)


def _neighbours(
    places: NDArray[np.float64], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The voxels before and after each place, and how far it is on the way to the latter."""
    clipped = np.clip(places, 0, size - 1)
    low = np.floor(clipped).astype(np.intp)
    return low, np.minimum(low + 1, size - 1), (clipped - low).astype(np.float32)
