"""Arrays on a scan's voxels as NIfTI files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.volumes.volume import Volume, flipped_lps_ras

SCANNER = 1
"""NIfTI's code for scanner coordinates."""


def write_nifti(array: NDArray[Any], volume: Volume, path: Path, description: str) -> None:
    """Write ``array`` (z, y, x) of its own type, unscaled and gzipped, with the affine of ``volume`` (RAS in NIfTI).

    Sheared axes are in the sform only: a qform cannot hold them. Equal arrays give equal files.
    """
    import nibabel

    affine = flipped_lps_ras(volume.affine)
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), affine, dtype=array.dtype)
    image.set_sform(affine, code=SCANNER)
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    orthogonal = bool(np.allclose(axes.T @ axes, np.eye(3), atol=1e-4))
    if orthogonal:
        image.set_qform(affine, code=SCANNER)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))
