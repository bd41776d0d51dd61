"""Volumes written as NIfTI: to RAS at this border, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ad_desktop.data.atomic import atomic_path
from ad_desktop.data.volumes.volume import Volume, flipped_lps_ras
from ad_desktop.errors import UserError

SUFFIXES = (".nii", ".nii.gz")


def save_nifti(volume: Volume, target: Path) -> None:
    """Write a volume as NIfTI-1, whole or not at all; ``UserError`` if the name or the system refuses.

    Types that NIfTI knows are kept; sform and qform say scanner positions (the sform alone where the axes
    are not orthogonal), and the unit stands in the description.
    """
    if not target.name.lower().endswith(SUFFIXES):
        raise UserError(f"{target}: the name has to end in .nii or .nii.gz.")
    import nibabel as nib

    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    if array.dtype in (np.int64, np.uint64, np.float16):
        array = array.astype(np.float64 if array.dtype.kind != "f" else np.float32)
    affine = flipped_lps_ras(volume.affine)
    image = nib.Nifti1Image(np.asarray(array).T, affine, dtype=array.dtype)
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1 if np.allclose(columns.T @ columns, np.eye(3), atol=1e-4) else 0, strip_shears=True)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = volume.unit.encode("ascii", "replace")[:79]
    with atomic_path(target) as temporary:
        # The temporary name has only the last suffix, so the packing is chosen here.
        data = image.to_bytes()
        if target.name.lower().endswith(".gz"):
            import gzip

            data = gzip.compress(data, 5, mtime=0)
        temporary.write_bytes(data)
