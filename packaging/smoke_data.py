"""What the smoke test feeds the program: pictures of many kinds, and small scans, made here."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

SYNTAXES = {
    "plain": ExplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
}
TIFF_KINDS = {"lzw": "lzw", "deflate": "zlib", "zstd": "zstd", "jpeg2000": "jpeg2000", "webp": "webp", "lzma": "lzma"}
SHAPE = (12, 48, 40)
SPACING = (2.0, 0.8, 0.8)


def head(seed: int, lesion: bool = False) -> np.ndarray[Any, Any]:
    """A CT of a ball in air, in HU, int16 (z, y, x); a lesion is a small dense spot in it."""
    random = np.random.default_rng(seed)
    z, y, x = (np.arange(n) - n / 2 for n in SHAPE)
    radius = np.sqrt((z[:, None, None] * 2.0) ** 2 + (y[:, None] * 0.8) ** 2 + (x * 0.8) ** 2)
    volume = np.where(radius < 14, 40.0, -1000.0) + random.normal(0, 8, SHAPE)
    if lesion:
        volume[5:8, 22:28, 18:24] += 400
    return volume.round().astype(np.int16)


def write_nifti(path: Path, volume: np.ndarray[Any, Any]) -> None:
    """The volume as NIfTI, whose axes point to the right, front and top."""
    affine = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    image = nibabel.Nifti1Image(volume.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def write_nrrd(path: Path, volume: np.ndarray[Any, Any]) -> None:
    """The volume as NRRD, its voxels packed behind a header, in the space of DICOM."""
    z, y, x = SPACING
    lines = ["NRRD0004", "type: int16", "dimension: 3", "space: left-posterior-superior",
             f"sizes: {' '.join(map(str, volume.shape[::-1]))}", f"space directions: ({x},0,0) (0,{y},0) (0,0,{z})",
             "kinds: domain domain domain", "endian: little", "encoding: gzip", "space origin: (0,0,0)"]  # fmt: skip
    head = "\n".join(lines) + "\n\n"
    path.write_bytes(head.encode() + gzip.compress(volume.astype("<i2").tobytes(), mtime=0))


def write_metaimage(path: Path, volume: np.ndarray[Any, Any]) -> None:
    """The volume as MetaImage: packed behind its header (.mha), or plain in a file of its own (.mhd)."""
    voxels, alone = volume.astype("<i2").tobytes(), path.suffix == ".mhd"
    data = voxels if alone else zlib.compress(voxels)
    lines = ["ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False",
             f"CompressedData = {not alone}", *([] if alone else [f"CompressedDataSize = {len(data)}"]),
             "TransformMatrix = 1 0 0 0 1 0 0 0 1", "Offset = 0 0 0", "CenterOfRotation = 0 0 0",
             "AnatomicalOrientation = RAI", f"ElementSpacing = {' '.join(map(str, SPACING[::-1]))}",
             f"DimSize = {' '.join(map(str, volume.shape[::-1]))}", "ElementType = MET_SHORT",
             f"ElementDataFile = {path.with_suffix('.raw').name if alone else 'LOCAL'}"]  # fmt: skip
    head = "\n".join(lines).encode() + b"\n"
    path.write_bytes(head if alone else head + data)
    if alone:
        path.with_suffix(".raw").write_bytes(data)


def write_series(folder: Path, volume: np.ndarray[Any, Any], syntax: str) -> None:
    """The volume as a DICOM series, one file for each slice, in an order of their own."""
    folder.mkdir(parents=True)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    for number, pixels in enumerate(volume):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = series, study, frame
        data.PatientName, data.PatientID, data.Modality, data.SeriesDescription = "Nobody", "0", "CT", "Made"
        data.PatientBirthDate = data.PatientSex = data.StudyDate = data.StudyTime = data.AccessionNumber = ""
        data.ReferringPhysicianName = data.StudyID = data.Manufacturer = data.PositionReferenceIndicator = ""
        data.InstanceNumber, data.SeriesNumber = number + 1, 1
        data.Rows, data.Columns = pixels.shape
        data.PixelSpacing, data.SliceThickness = [SPACING[1], SPACING[2]], SPACING[0]
        data.ImagePositionPatient = [0, 0, number * SPACING[0]]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelData = (pixels.astype(np.int32) + 1024).clip(0).astype(np.uint16).tobytes()
        data["PixelData"].VR = "OW"
        uid = SYNTAXES[syntax]
        if uid == DeflatedExplicitVRLittleEndian:
            data.file_meta.TransferSyntaxUID = uid
        elif uid != ExplicitVRLittleEndian:
            data.compress(uid, generate_instance_uid=False)
        pydicom.dcmwrite(folder / f"{(number * 7) % 50:02}.dcm", data, enforce_file_format=True)


def write_pictures(folder: Path) -> None:
    """One picture of each kind that the program reads, grey and coloured."""
    folder.mkdir()
    random = np.random.default_rng(5)
    colour = np.repeat(np.repeat(random.integers(0, 256, (24, 24, 3)).astype(np.uint8), 8, 0), 8, 1)
    for suffix in ("png", "jpg", "bmp", "webp"):
        Image.fromarray(colour).save(folder / f"colour.{suffix}")
    Image.fromarray(colour[..., 0].astype(np.uint16) * 200).save(folder / "grey16.png")
    for name, kind in TIFF_KINDS.items():
        tifffile.imwrite(folder / f"{name}.tif", colour, compression=kind, photometric="rgb")
    tifffile.imwrite(folder / "float.tif", colour[..., 0].astype(np.float32) / 7)


def write_scans(folder: Path) -> None:
    """Healthy scans, one with a lesion as NIfTI, NRRD and MetaImage, and as a series in each transfer syntax."""
    folder.mkdir()
    (folder / "healthy").mkdir()
    for number in range(4):
        write_nifti(folder / "healthy" / f"h{number}.nii.gz", head(number))
    lesion = head(9, lesion=True)
    write_nifti(folder / "lesion.nii", lesion)
    (folder / "itk").mkdir()
    write_nrrd(folder / "itk" / "lesion.nrrd", lesion)
    for suffix in ("mha", "mhd"):
        write_metaimage(folder / "itk" / f"lesion-{suffix}.{suffix}", lesion)
    for syntax in SYNTAXES:
        write_series(folder / "dicom" / syntax, lesion, syntax)
