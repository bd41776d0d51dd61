"""Where lesions of a scan are known to be: label maps and drawn contours, on the scan's own voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.candidates import DICOM_SUFFIXES
from ad_desktop.data.volumes.masks import Mask
from ad_desktop.data.volumes.opening import load_volume
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError
from ad_desktop.task import Task


def load_truth(path: Path, volume: Volume, task: Task) -> Mask:
    """Every voxel (z, y, x) of ``volume`` that is above 0 in a label map, in a segment of a DICOM SEG, or in a contour.

    Contours are those of an RTSTRUCT. A label map or SEG on other voxels is brought over through the patient's space,
    by nearest neighbour, and ``task`` gets a note. ``InputError`` where the file cannot be read, or nothing of what it
    marks lies in the scan.
    """
    dicom = path.suffix.lower() in DICOM_SUFFIXES
    if dicom and _modality(path) != "SEG":
        from ad_desktop.data.volumes.contours import rtstruct_masks

        drawn = np.zeros(volume.shape, bool)
        for mask in rtstruct_masks(path, volume).values():
            drawn |= mask
        return drawn
    if dicom:
        from ad_desktop.data.volumes.segmentations import segmentation_volume

        told = segmentation_volume(path, volume.frame_of_reference)
    else:
        told = load_volume(VolumeSample(path), task)
    marked = told.array > 0
    if told.same_grid(volume, tolerance_mm=0.01 * min(volume.spacing)):
        return np.asarray(marked)
    found = on_voxels_of(marked, told, volume)
    if marked.any() and not found.any():
        raise InputError(path, "nothing of what it marks lies in the scan: is it the mask of another scan?")
    if not _shares_voxels(told, volume):
        task.note(f"{path}: it lies on other voxels than its scan, and was brought over by nearest neighbour.")
    return found


def _modality(path: Path) -> str:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return str(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Modality"]).get("Modality", ""))
    except (InvalidDicomError, OSError) as error:
        raise InputError(path, f"it is no DICOM file: {error}") from error


def _shares_voxels(own: Volume, other: Volume) -> bool:
    """Whether ``own`` is a part of the voxels of ``other``, whatever the order of its axes."""
    matrix = np.linalg.inv(other.affine) @ own.affine
    turned = np.abs(matrix[:3, :3])
    return bool(np.abs(matrix - np.rint(matrix)).max() < 0.01 and (np.sort(turned)[:, :2] < 0.01).all())


def on_voxels_of(mask: Mask, own: Volume, other: Volume) -> Mask:
    """A mask on the voxels of ``own``, seen at the voxel centres of ``other``; false beyond ``own``."""
    from scipy import ndimage

    matrix = np.linalg.inv(own.affine) @ other.affine
    # The affine counts (x, y, z), scipy (z, y, x).
    turned, offset = matrix[:3, :3][::-1, ::-1], matrix[:3, 3][::-1]
    found = ndimage.affine_transform(
        mask.astype(np.uint8), turned, offset, output_shape=other.shape, order=0, mode="grid-constant"
    )
    return np.asarray(found > 0)
