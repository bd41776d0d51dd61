"""Damaged scans of every format, made anew for each run."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from dicom_files import image, save, values
from pydicom.dataset import Dataset

LENIENT = {"odd_slope.nii", "odd_magic.nii", "endian.nii", "packed.nrrd", "jpeg_noise.dcm"}
"""Damage that the libraries read past: nothing in the file gives it away."""


def write_lenient(folder: Path) -> list[Path]:
    """Damaged files that open all the same."""
    folder.mkdir(parents=True, exist_ok=True)
    return [path for path in [*_nifti(folder), *_text_headers(folder), *_dicom(folder)] if path.name in LENIENT]


def write_corpus(folder: Path) -> list[Path]:
    """Files that are no sound scans; each has to be survived with a message."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [*_cut(folder), *_nifti(folder), *_text_headers(folder), *_dicom(folder), *_strays(folder)]
    for path in made:
        if path.name in LENIENT:
            path.unlink()
    return [path for path in made if path.name not in LENIENT]


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _sound(folder: Path) -> dict[str, bytes]:
    """A sound file of each format, as bytes."""
    home = folder / ".sound"
    home.mkdir()
    array = np.random.default_rng(0).integers(0, 1000, (6, 7, 8)).astype(np.int16)
    plain = nib.Nifti1Image(array.T, np.diag([1, 2, 3, 1])).to_bytes()
    two = nib.Nifti2Image(array.T, np.diag([1, 2, 3, 1])).to_bytes()
    found = {".nii": plain, "_2.nii": two, ".nii.gz": gzip.compress(plain)}
    for suffix in (".nrrd", ".mha"):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(home / f"a{suffix}"), useCompression=suffix == ".nrrd")
        found[suffix] = (home / f"a{suffix}").read_bytes()
    found[".dcm"] = save(image(values(1)[0]), home / "a.dcm").read_bytes()
    return found


def _cut(folder: Path) -> list[Path]:
    parts = (0.0, 0.02, 0.1, 0.3, 0.5, 0.9, 0.97)
    return [
        _put(folder, f"cut{part}{suffix}", data[: int(len(data) * part)])
        for suffix, data in _sound(folder).items() for part in parts
    ]  # fmt: skip


def _header(**fields: Any) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_shape((4, 4, 4))
    header.set_data_dtype(np.int16)
    header.set_sform(np.eye(4), 1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + b"\0" * 4


def _nifti(folder: Path) -> list[Path]:
    body = b"\1" * 128
    dims = {
        "zero": [3, 4, 0, 4], "negative": [3, 4, -4, 4], "huge": [3, 32767, 32767, 32767], "rank0": [0, 4, 4, 4],
        "rank9": [9, 4, 4, 4], "long": [7, 32767, 32767, 32767, 32767, 32767, 32767, 32767], "row": [1, 64],
    }  # fmt: skip
    found = [
        _put(folder, f"dim_{name}{suffix}", _packed(suffix, _header(dim=(dim + [1] * 8)[:8]) + body))
        for name, dim in dims.items() for suffix in (".nii", ".nii.gz")
    ]  # fmt: skip
    odd = {
        "type": {"datatype": 9999}, "offset": {"vox_offset": 1e9}, "offset_nan": {"vox_offset": np.nan},
        "offset_negative": {"vox_offset": -8.0}, "slope": {"scl_slope": np.inf}, "rgb": {"datatype": 128},
        "complex": {"datatype": 32}, "affine": {"srow_x": [np.nan] * 4}, "flat": {"srow_x": [0] * 4},
        "magic": {"magic": b"bad"}, "size": {"sizeof_hdr": 1},
    }  # fmt: skip
    found += [_put(folder, f"odd_{name}.nii", _header(**fields) + body) for name, fields in odd.items()]
    swapped = nib.Nifti1Header(_header()[:348]).as_byteswapped(">").binaryblock
    found.append(_put(folder, "endian.nii", swapped[:40] + _header()[40:] + body))
    bomb = gzip.compress(_header(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]) + bytes(50_000_000), 9)
    found.append(_put(folder, "bomb.nii.gz", bomb))
    found.append(_put(folder, "checksum.nii.gz", gzip.compress(_header() + body)[:-8] + b"\0" * 8))
    found.append(_put(folder, "no_gzip.nii.gz", b"this is no gzip stream" * 20))
    found.append(_put(folder, "alone.hdr", _header(magic=b"ni1")))
    found.append(_put(folder, "alone.img", body))
    return found


def _packed(suffix: str, data: bytes) -> bytes:
    return gzip.compress(data) if suffix.endswith(".gz") else data


def _text_headers(folder: Path) -> list[Path]:
    meta = "ObjectType = Image\nNDims = 3\nDimSize = {}\nElementType = {}\nElementDataFile = {}\n"
    nrrd = "NRRD0004\ntype: {}\ndimension: 3\nsizes: {}\nencoding: {}\nendian: little\nspace: left-posterior-superior\n"
    cases: dict[str, bytes] = {}
    for name, sizes in {
        "zero": "4 0 4", "negative": "4 -4 4", "huge": "99999 99999 99999", "words": "a b c", "none": "",
        "overflow": "99999999999999999999 2 2",
    }.items():  # fmt: skip
        cases[f"{name}.mha"] = meta.format(sizes, "MET_SHORT", "LOCAL").encode() + b"\1" * 128
        cases[f"{name}.nrrd"] = nrrd.format("short", sizes, "raw").encode() + b"\n" + b"\1" * 128
    cases["elsewhere.mhd"] = meta.format("4 4 4", "MET_SHORT", "../../../etc/passwd").encode()
    cases["device.mhd"] = meta.format("4 4 4", "MET_SHORT", "/dev/zero").encode()
    cases["missing.mhd"] = meta.format("4 4 4", "MET_SHORT", "gone.raw").encode()
    cases["list.mhd"] = meta.format("4 4 4", "MET_SHORT", "LIST").encode()
    cases["type.mha"] = meta.format("4 4 4", "MET_NONSENSE", "LOCAL").encode() + b"\1" * 128
    cases["type.nrrd"] = nrrd.format("nonsense", "4 4 4", "raw").encode() + b"\n" + b"\1" * 128
    cases["packed.nrrd"] = nrrd.format("short", "4 4 4", "gzip").encode() + b"\n" + b"\1" * 128
    cases["endless.nrrd"] = b"NRRD0004\n" + b"# nothing but remarks\n" * 200_000
    cases["endless.mha"] = b"ObjectType = " + b"x" * 3_000_000
    cases["missing.nhdr"] = nrrd.format("short", "4 4 4", "raw").encode() + b"data file: gone.raw\n\n"
    return [_put(folder, name, data) for name, data in cases.items()]


def _dicom(folder: Path) -> list[Path]:
    pixels = values(1)[0]
    found = []
    for name, tags in {
        "rows0": {"Rows": 0}, "rows_huge": {"Rows": 65535, "Columns": 65535}, "frames_huge": {"NumberOfFrames": 10**6},
        "frames_negative": {"NumberOfFrames": -3, "Rows": 50}, "no_pixels": {"PixelData": None},
        "short_pixels": {"PixelData": b"\0" * 8}, "bits": {"BitsAllocated": 24, "BitsStored": 24},
        "colour": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
                   "PixelData": bytes(5 * 7 * 6)},
        "axes": {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
    }.items():  # fmt: skip
        found.append(save(image(pixels, series=f"1.5.{len(found)}", **tags), folder / f"dicom_{name}.dcm"))
    jpeg = image(np.tile(pixels, (14, 10)), series="1.6")
    jpeg.compress("1.2.840.10008.1.2.4.90", generate_instance_uid=False)
    whole = save(jpeg, folder / "jpeg.dcm").read_bytes()
    (folder / "jpeg.dcm").unlink()
    found.append(_put(folder, "jpeg_cut.dcm", whole[:-90]))
    at = len(whole) - 100
    found.append(_put(folder, "jpeg_noise.dcm", whole[:at] + bytes(range(60)) + whole[at + 60 :]))
    found.append(_put(folder, "nested.dcm", _nested(3000)))
    length = b"DICM" + struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0x7FFFFFF0)
    found.append(_put(folder, "length.dcm", bytes(128) + length + bytes(64)))
    long = bytes(128) + b"DICM" + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 0xFFFFFFF0)
    found.append(_put(folder, "value_length.dcm", long + bytes(64)))
    return found


def _nested(depth: int) -> bytes:
    item = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return bytes(128) + b"DICM" + item * depth


def _strays(folder: Path) -> list[Path]:
    text = b"not a scan at all\n" * 30
    found = [_put(folder, f"text{suffix}", text) for suffix in (".nii", ".nrrd", ".mha", ".dcm", ".img", ".hdr")]
    for suffix in (".nii", ".nii.gz", ".nrrd", ".mhd", ".mha", ".dcm", ".hdr"):
        found.append(_put(folder, f"empty{suffix}", b""))
        noise = np.random.default_rng(len(suffix)).integers(0, 256, 4000).astype(np.uint8).tobytes()
        found.append(_put(folder, f"noise{suffix}", noise))
    return found


def odd_but_sound(folder: Path) -> list[Path]:
    """Scans that open, with a warning: all the same, not numbers, nothing known of their place."""
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.full((4, 4, 4), 7, np.int16), np.eye(4)), folder / "constant.nii.gz")
    nib.save(nib.Nifti1Image(np.full((4, 4, 4), np.nan, np.float32), np.eye(4)), folder / "nan.nii.gz")
    (folder / "placeless.nii").write_bytes(_header(sform_code=0, qform_code=0) + bytes(range(128)))
    bare: Dataset = image(values(1)[0], ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None)
    save(bare, folder / "bare" / "bare.dcm")
    return [folder / "constant.nii.gz", folder / "nan.nii.gz", folder / "placeless.nii", folder / "bare"]
