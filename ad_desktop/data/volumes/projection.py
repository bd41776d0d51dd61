"""Maximum intensity projections: through a slab of a plane, and through the whole body from turning directions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Array, Volume


def slab_range(volume: Volume, plane: Plane, index: int, thickness: float) -> tuple[int, int]:
    """First and one past the last slice of a slab ``thickness`` mm thick around ``index``."""
    half = max(0, int(thickness / volume.spacing[plane.axis] / 2 + 1e-6))
    return max(0, index - half), min(volume.shape[plane.axis], index + half + 1)


def slab(volume: Volume, plane: Plane, index: int, thickness: float) -> Array:
    """The largest value along the slab, rows × columns of the plane; NaN counts as nothing."""
    first, last = slab_range(volume, plane, index, thickness)
    cuts = [slice(None)] * 3
    cuts[plane.axis] = slice(first, last)
    return np.asarray(np.fmax.reduce(volume.array[tuple(cuts)], axis=plane.axis))


def turning(volume: Volume, steps: int) -> Iterator[NDArray[np.float32]]:
    """Projections (z, width) of the whole volume as it turns once about its z axis, from the front first.

    Columns are as far apart as the finer of x and y, values taken from the nearest voxel. The volume has to
    be on patient axes; it turns so that the patient's left side comes to the front.
    """
    array = np.asarray(volume.array, np.float32)
    _, along_y, along_x = volume.spacing
    _, count_y, count_x = volume.shape
    pitch = min(along_y, along_x)
    width = int(np.ceil(np.hypot(count_y * along_y, count_x * along_x) / pitch))
    places = (np.arange(width) - (width - 1) / 2) * pitch
    depth, across = np.meshgrid(places, places, indexing="ij")
    for step in range(steps):
        angle = 2 * np.pi * step / steps
        x = (across * np.cos(angle) - depth * np.sin(angle)) / along_x + (count_x - 1) / 2
        y = (across * np.sin(angle) + depth * np.cos(angle)) / along_y + (count_y - 1) / 2
        nearest_x, nearest_y = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        inside = (nearest_x >= 0) & (nearest_x < count_x) & (nearest_y >= 0) & (nearest_y < count_y)
        yield _project(array, nearest_y, nearest_x, inside)


def _project(
    array: NDArray[np.float32], y: NDArray[np.intp], x: NDArray[np.intp], inside: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The largest value along the first axis of the index grids, for every z."""
    flat = np.where(inside, y * array.shape[2] + x, 0)
    floor = np.float32(np.nanmin(array)) if array.size else np.float32(0)
    found = np.empty((array.shape[0], y.shape[1]), np.float32)
    for z, layer in enumerate(array.reshape(array.shape[0], -1)):
        found[z] = np.fmax.reduce(np.where(inside, layer[flat], floor), axis=0)
    return found
