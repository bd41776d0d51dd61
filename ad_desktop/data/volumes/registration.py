"""One scan laid over another by an affine transform (SimpleITK), found on coarse voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.placement import Placement, place
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Affine, Volume

Mask = NDArray[np.bool_]

COARSE_MM = 7.0
"""Voxels that scans are laid over each other on: heads lay as well as on 4 mm, in a quarter of the time."""
LIFT = 0.3
"""Added to values of 0 to 1 inside the mask, so that its outline counts beside what lies in it."""
BRIGHTEST = 1.3
MARGIN = 3
"""Coarse voxels around the mask."""
STRETCH = 1.35
"""Scans that have to be stretched more than this to begin with are only shifted: they show another part."""
LARGEST_STRETCH = 1.8
ITERATIONS = 200
RATE, SMALLEST_STEP, RELAXED, SMALLEST_SLOPE = 4.0, 0.02, 0.9, 1e-6
FEWEST_VOXELS = 4
"""Coarse ones along each axis."""


@dataclass(frozen=True, eq=False)
class Coarse:
    """A scan on coarse voxels along the patient's axes: values (z, y, x), 0 outside its mask, which lies at ``place``.

    ``affine`` takes voxel indices (x, y, z, 1) to LPS in mm.
    """

    values: NDArray[np.float32]
    affine: Affine
    place: Placement


def coarse(volume: Volume, mask: Mask) -> Coarse:
    """What ``register`` takes of a scan; ``ValueError`` where its mask holds too little, or values all alike."""
    where = place(mask, volume.affine)
    reach = where.reach + MARGIN * COARSE_MM
    count = np.ceil(2 * reach / COARSE_MM).astype(int) + 1
    if (count - 2 * MARGIN < FEWEST_VOXELS).any():
        raise ValueError(f"what is looked at is less than {FEWEST_VOXELS * COARSE_MM:.0f} mm long")
    affine = np.diag([COARSE_MM] * 3 + [1.0])
    affine[:3, 3] = where.centre - COARSE_MM * (count - 1) / 2
    low, high = np.percentile(volume.array[mask], (1, 99))
    if not high > low:
        raise ValueError("all its values are equal")
    scaled = np.clip((np.asarray(volume.array, np.float32) - low) / (high - low), 0, BRIGHTEST) + LIFT
    x, y, z = (int(length) for length in count)
    values = resample(np.where(mask, scaled, 0).astype(np.float32), volume.affine, affine, (z, y, x))
    return Coarse(values, affine, where)


def shifted(fixed: Placement, moving: Placement) -> Affine:
    """By shift and stretch along the patient's axes: takes LPS of what is ``fixed`` to LPS of what is ``moving``."""
    scale = moving.deviation / fixed.deviation
    if (np.abs(np.log(scale)) > np.log(STRETCH)).any():
        scale = np.ones(3)
    found = np.diag([*scale, 1.0])
    found[:3, 3] = moving.centre - scale * fixed.centre
    return found


def register(fixed: Coarse, moving: Coarse) -> Affine:
    """The affine (4, 4) that takes LPS of ``fixed`` to where ``moving`` shows the same; ``ValueError`` for none.

    By correlation, which does for another sequence too, from ``shifted`` on; on one thread, so that the same scans
    give the same numbers.
    """
    import SimpleITK as sitk

    begin = shifted(fixed.place, moving.place)
    transform = sitk.AffineTransform(3)
    centre = fixed.place.centre
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(begin[:3, :3].ravel().tolist())
    transform.SetTranslation((moving.place.centre - centre).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(RATE, SMALLEST_STEP, ITERATIONS, RELAXED, SMALLEST_SLOPE)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(_image(fixed), _image(moving))
    except RuntimeError as error:
        raise ValueError("it does not come to lie on the normal scans") from error
    matrix = np.asarray(transform.GetMatrix()).reshape(3, 3)
    found = np.eye(4)
    found[:3, :3] = matrix
    found[:3, 3] = centre + np.asarray(transform.GetTranslation()) - matrix @ centre
    stretch = np.linalg.svd(matrix, compute_uv=False) if np.isfinite(matrix).all() else np.full(3, np.nan)
    if not (
        np.isfinite(found).all()
        and np.linalg.det(matrix) > 0
        and (np.abs(np.log(stretch)) < np.log(LARGEST_STRETCH)).all()
    ):
        raise ValueError("it would have to be stretched beyond what heads differ by")
    return found


def _image(scan: Coarse) -> object:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(scan.values)
    image.SetSpacing([COARSE_MM] * 3)
    image.SetOrigin(scan.affine[:3, 3].tolist())
    return image
