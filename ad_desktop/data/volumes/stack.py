"""A scan as a stack of slices, axial, coronal or sagittal, and a stack put back on the scan's voxels."""

from __future__ import annotations

from ad_desktop.data.volumes.reorient import Reorientation
from ad_desktop.data.volumes.volume import Affine, Array, Volume

AXES = ("axial", "coronal", "sagittal")


def planes(array: Array, affine: Affine, axis: str) -> Array:
    """The array (z, y, x) as (slice, row, column); a view, so what is written to it lands in the array.

    Axial slices go from the feet up with the front on top, coronal ones from the front to the back and
    sagittal ones from right to left with the head on top. Columns go to the left or to the back.
    """
    turned = Reorientation.to_patient(affine).apply(array)
    if axis == "axial":
        return turned
    order = {"coronal": (1, 0, 2), "sagittal": (2, 0, 1)}[axis]
    return turned.transpose(order)[:, ::-1]


def plane_spacing(volume: Volume, axis: str) -> tuple[float, float, float]:
    """Millimetres between slices, rows and columns of ``planes``."""
    z, y, x = (volume.spacing[old] for old in Reorientation.to_patient(volume.affine).order)
    return {"axial": (z, y, x), "coronal": (y, z, x), "sagittal": (x, z, y)}[axis]
