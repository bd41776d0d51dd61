"""Values of one grid of voxels on another one, through the patient's space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import Affine, Array


def resample(
    array: Array, source: Affine, target: Affine, shape: tuple[int, int, int], *, nearest: bool = False
) -> NDArray[np.float32]:
    """Values (z, y, x) at the voxels of another grid, linear (blurred first where it is coarser); 0 outside.

    ``source`` and ``target`` map voxel indices (x, y, z, 1) to the same space.
    """
    from scipy import ndimage

    values = np.asarray(array, np.float32)
    if not nearest:
        ratio = (np.linalg.norm(target[:3, :3], axis=0).mean() / np.linalg.norm(source[:3, :3], axis=0))[::-1]
        blur = 0.42 * np.sqrt(np.maximum(ratio**2 - 1, 0))
        values = ndimage.gaussian_filter(values, blur) if (blur > 0.1).any() else values
    between = np.linalg.inv(source) @ target
    found: NDArray[np.float32] = ndimage.affine_transform(
        values, between[:3, :3][::-1, ::-1], between[:3, 3][::-1], shape, order=0 if nearest else 1, cval=0.0
    )
    return found
