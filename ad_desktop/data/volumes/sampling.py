"""One volume's values on another's planes, through the patient's space: what fusion needs, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.cuts import Cuts
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Volume

_OBLIQUE_PIXELS = 65_536
"""A plane that cuts the other volume obliquely is sampled at no more places than these, to keep its pace."""


@dataclass(frozen=True)
class _Axis:
    """Where the grid's indices along one of its axes lie among the volume's along one of its own.

    ``low`` and ``high`` are the voxels before and after each, ``share`` how far it is on the way to the latter.
    """

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: NDArray[np.float32]
    outside: NDArray[np.bool_]

    @classmethod
    def of(cls, places: NDArray[np.float64], size: int) -> _Axis:
        """From places among ``size`` voxels."""
        clipped = np.clip(places, 0, size - 1)
        low = np.floor(clipped).astype(np.intp)
        high = np.minimum(low + 1, size - 1)
        return cls(low, high, (clipped - low).astype(np.float32), ~_inside(places, size))


class PlaneSampler:
    """Linear interpolation of ``volume`` at the voxel centres of slices of ``grid``; NaN outside of it.

    Inside reaches half a voxel beyond the outer voxel centres, where the outermost value goes on, as in
    SimpleITK's resampling. Where both volumes have parallel axes, each axis is interpolated by itself. ``cuts`` are
    the slices of the volume's own array, of which some may be fetched ahead. For one thread.
    """

    def __init__(self, volume: Volume, grid: Volume) -> None:
        self.volume = volume
        self.cuts = Cuts(volume.array)
        self._grid = grid
        matrix = np.linalg.inv(volume.affine) @ grid.affine
        self._matrix, self._offset = matrix[:3, :3], matrix[:3, 3]
        largest = np.abs(self._matrix).max(axis=0)
        self.parallel = bool((np.abs(self._matrix) > 1e-6 * largest).sum() == 3)
        self.same = volume.same_grid(grid)
        self._last: dict[Plane, tuple[int, NDArray[np.float32]]] = {}

    def step(self, plane: Plane) -> int:
        """Every how many rows and columns of the grid a slice has values."""
        rows, columns = plane.shape(self._grid)
        return 1 if self.parallel else max(1, int(np.ceil(np.sqrt(rows * columns / _OBLIQUE_PIXELS))))

    def cut(self, plane: Plane, index: int) -> NDArray[np.float32]:
        """The slice of the grid's plane at ``index``: every ``step``-th row and column; not to be changed."""
        last = self._last.get(plane)
        if last is None or last[0] != index:
            # A map's colours and its contour want the same slice one after the other.
            last = self._last[plane] = index, self._cut(plane, index)
        return last[1]

    def _cut(self, plane: Plane, index: int) -> NDArray[np.float32]:
        if self.same:
            # In one piece: each pass over a sagittal view of the whole array would go through all of its memory.
            return np.ascontiguousarray(self.cuts.get(plane, index), np.float32)
        return self._separate(plane, index) if self.parallel else self._oblique(plane, index)

    @cached_property
    def _order(self) -> list[int]:
        """For each array axis of the grid, the volume's own that runs along it; only where they are parallel."""
        return [2 - int(np.argmax(np.abs(self._matrix[:, 2 - axis]))) for axis in range(3)]

    @cached_property
    def _axes(self) -> list[_Axis]:
        axes = []
        for axis, other in enumerate(self._order):
            counted = np.arange(self._grid.shape[axis])
            places = counted * self._matrix[2 - other, 2 - axis] + self._offset[2 - other]
            axes.append(_Axis.of(places, self.volume.shape[other]))
        return axes

    def _separate(self, plane: Plane, index: int) -> NDArray[np.float32]:
        # The volume's axes in the order of the grid's, then each index axis on its own.
        array = self.volume.array.transpose(self._order)
        across = self._axes[plane.axis]
        if across.outside[index]:
            return np.full(plane.shape(self._grid), np.nan, np.float32)
        low, high, share = across.low[index], across.high[index], across.share[index]
        flat = np.asarray(plane.cut(array, low), np.float32)
        if low != high:
            flat = flat * (1 - share) + plane.cut(array, high) * share
        # Columns first, while there are few rows: whole rows are then quickly copied.
        for number, along in ((plane.columns, 1), (plane.rows, 0)):
            axis = self._axes[number]
            weights = axis.share[None, :] if along else axis.share[:, None]
            found, above = np.take(flat, axis.low, axis=along), np.take(flat, axis.high, axis=along)
            above -= found
            above *= weights
            found += above
            if axis.outside.any():
                found[(slice(None),) * along + (axis.outside,)] = np.nan
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
