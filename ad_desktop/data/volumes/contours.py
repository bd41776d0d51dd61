"""Drawn contours of a DICOM RTSTRUCT as masks on a scan's voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError

FINER = 8
"""A voxel is drawn as so many pixels along each side; those half covered or more count."""
OFF_PLANE = 0.5
"""How far from a slice, in slices, a contour may lie; also how far its points may be from its own plane."""


def rtstruct_masks(path: Path, volume: Volume) -> dict[str, NDArray[np.bool_]]:
    """Each region's mask (z, y, x) by name; a contour inside another one is a hole (even-odd rule).

    ``InputError`` for a file that is no RTSTRUCT, that was drawn in another frame of reference, or whose contours
    do not lie in the slices of ``volume``.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        told = pydicom.dcmread(path)
    except (InvalidDicomError, OSError) as error:
        raise InputError(path, f"it is no DICOM file: {error}") from error
    if told.get("Modality") != "RTSTRUCT":
        raise InputError(path, f"it is {told.get('Modality', 'of no modality')}, and an RTSTRUCT is needed")
    named = {roi.ROINumber: roi for roi in told.get("StructureSetROISequence", ())}
    masks: dict[str, NDArray[np.bool_]] = {}
    for roi in told.get("ROIContourSequence", ()):
        name = named.get(roi.ReferencedROINumber)
        frame = str(name.get("ReferencedFrameOfReferenceUID", "")) if name is not None else ""
        if frame and volume.frame_of_reference and frame != volume.frame_of_reference:
            raise InputError(path, "it was drawn in another frame of reference than that of the scan")
        title = str(name.get("ROIName", "")) if name is not None else ""
        masks[title or f"region {roi.ReferencedROINumber}"] = _drawn(roi.get("ContourSequence", ()), volume, path)
    return masks


def _drawn(contours: Any, volume: Volume, path: Path) -> NDArray[np.bool_]:
    mask = np.zeros(volume.shape, bool)
    slices: dict[int, list[NDArray[np.float64]]] = {}
    for contour in contours:
        points = volume.index(np.asarray(contour.ContourData, float).reshape(-1, 3))
        if contour.get("ContourGeometricType", "CLOSED_PLANAR") != "CLOSED_PLANAR" or len(points) < 3:
            continue
        number = round(float(points[:, 2].mean()))
        if np.abs(points[:, 2] - number).max() > OFF_PLANE:
            raise InputError(path, "its contours do not lie in the slices of the scan")
        if 0 <= number < volume.shape[0]:
            slices.setdefault(number, []).append(points[:, :2])
    for number, polygons in slices.items():
        mask[number] = _filled(polygons, volume.shape[1], volume.shape[2])
    return mask


def _filled(polygons: list[NDArray[np.float64]], rows: int, columns: int) -> NDArray[np.bool_]:
    """Where an odd number of polygons (x, y; voxel centres are whole numbers) covers half a voxel or more."""
    covered = np.zeros((rows * FINER, columns * FINER), bool)
    for polygon in polygons:
        canvas = Image.new("1", (columns * FINER, rows * FINER))
        ImageDraw.Draw(canvas).polygon([tuple(point) for point in (polygon + 0.5) * FINER - 0.5], fill=1)
        covered ^= np.asarray(canvas)
    share = covered.reshape(rows, FINER, columns, FINER).mean(axis=(1, 3))
    return np.asarray(share >= 0.5)
