"""Small DICOM series for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(
    pixels: np.ndarray[Any, Any], position: Any = (0, 0, 0), series: str = "1.2.3", number: int = 1,
    axes: Any = AXIAL, **tags: Any,
) -> Dataset:  # fmt: skip
    """One CT image; a keyword sets (or with None removes) an element."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = series, "1.2", "1.9"
    data.Modality, data.SeriesDescription, data.PatientName = "CT", "Test", "Nobody"
    data.InstanceNumber = number
    data.Rows, data.Columns = pixels.shape[-2:]
    data.PixelSpacing, data.SliceThickness = [0.5, 0.75], 2.0
    data.ImagePositionPatient = [f"{float(value):.6f}" for value in position]
    data.ImageOrientationPatient = [f"{float(value):.9f}" for value in axes]
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OW"
    for name, value in tags.items():
        if value is None:
            del data[name]
        else:
            setattr(data, name, value)
    return data


def save(data: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def values(slices: int = 6, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 3000, (slices, 5, 7)).astype(np.uint16)


def write_series(folder: Path, heights: Any = range(0, 12, 2), **tags: Any) -> np.ndarray[Any, Any]:
    """Axial slices at ``heights``, with names in an order of their own; returns the stored values by height."""
    stored = values(len(list(heights)))
    for at, z in enumerate(heights):
        save(image(stored[at], (0, 0, z), number=at + 1, **tags), folder / f"{(at * 7) % 100:03d}.dcm")
    return stored
