"""Small scans that tests make up: a ball of soft tissue in air, with a bright lesion or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SHAPE = (20, 24, 24)
LESION = (slice(8, 11), slice(9, 13), slice(13, 17))
"""Where the lesion is, in (z, y, x)."""
AFFINE = np.array([[4.0, 0, 0, -46], [0, 4, 0, -46], [0, 0, 5, -47.5], [0, 0, 0, 1]])
"""From indices (x, y, z) to RAS in mm, as in NIfTI."""


def ball(seed: int, lesion: bool = False) -> np.ndarray[Any, Any]:
    """Values in HU, float32 (z, y, x)."""
    z, y, x = np.indices(SHAPE)
    inside = ((z - 10) / 8) ** 2 + ((y - 12) / 10) ** 2 + ((x - 12) / 10) ** 2 < 1
    values = 40 + 15 * np.sin(y) + np.random.default_rng(seed).normal(0, 2, SHAPE)
    array = np.where(inside, values, -1000).astype(np.float32)
    if lesion:
        array[LESION] = 120
    return array


def lesion_mask() -> np.ndarray[Any, Any]:
    """Where the lesion is, uint8 (z, y, x)."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[LESION] = 1
    return mask


def save_nifti(array: np.ndarray[Any, Any], path: Path, affine: np.ndarray[Any, Any] = AFFINE) -> Path:
    """Write ``array`` (z, y, x) on the phantoms' voxels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array.T, affine), path)
    return path


def save_scan(path: Path, seed: int, lesion: bool = False) -> Path:
    """Write a ball as NIfTI."""
    return save_nifti(ball(seed, lesion), path)


def ct_slice(number: int, uids: tuple[str, str, str], name: str) -> pydicom.Dataset:
    """A slice of CT without its pixels and place; ``uids`` are those of series, study and frame of reference."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = uids
    dataset.Modality, dataset.PatientName, dataset.PatientID = "CT", name, "1"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.StudyID = dataset.AccessionNumber = ""
    dataset.StudyDate, dataset.StudyTime, dataset.ReferringPhysicianName = "20260101", "120000", ""
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.Manufacturer = 1, number + 1, "Test"
    dataset.PositionReferenceIndicator = ""
    return dataset


def save_series(folder: Path, seed: int, lesion: bool = False) -> Path:
    """Write a ball as a DICOM series of CT, at the same place as the NIfTI."""
    folder.mkdir(parents=True)
    uids = (generate_uid(), generate_uid(), generate_uid())
    for number, pixels in enumerate(np.rint(ball(seed, lesion)).astype(np.int16)[:, ::-1, ::-1] + 1024):
        dataset = ct_slice(number, uids, "Test^Ball")
        dataset.Rows, dataset.Columns, dataset.PixelSpacing, dataset.SliceThickness = 24, 24, [4, 4], 5
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [-46, -46, -47.5 + 5 * number]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 1
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(folder / f"{number:02}.dcm", enforce_file_format=True)
    return folder
