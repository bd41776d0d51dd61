"""Headers of NRRD and MetaImage written by hand, in all their variants, against what SimpleITK makes of them."""

from __future__ import annotations

import bz2
import gzip
import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.data.readers.base import UnreadableError
from ad_desktop.data.volumes.readers.base import Array, VolumeHeader
from ad_desktop.data.volumes.readers.headed import HeadedReader
from ad_desktop.data.volumes.readers.metaimage import MetaImageReader
from ad_desktop.data.volumes.readers.nrrd import NrrdReader

ARRAY = np.random.default_rng(1).integers(-900, 900, (4, 5, 6)).astype("<i2")
RAW = ARRAY.tobytes()
TEXT = " ".join(map(str, ARRAY.ravel())).encode() + b"\n"
PACKED = zlib.compress(RAW)

NRRD = {
    "type": "short", "dimension": "3", "sizes": "6 5 4", "endian": "little", "encoding": "raw",
    "space": "left-posterior-superior", "space directions": "(0.6,0.8,0) (-0.8,0.6,0) (0,0,-2.5)",
    "space origin": "(3,-4,5.5)",
}  # fmt: skip
META = {
    "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False",
    "TransformMatrix": "0.6 0.8 0 -0.8 0.6 0 0 0 -1", "Offset": "3 -4 5.5", "ElementSpacing": "1 1.5 2.5",
    "DimSize": "6 5 4", "ElementType": "MET_SHORT",
}  # fmt: skip
NRRD_CASES = {
    "plain": ({}, RAW),
    "gzip": ({"encoding": "gzip"}, gzip.compress(RAW)),
    "gz": ({"encoding": "gz"}, gzip.compress(RAW)),
    "text": ({"encoding": "ascii"}, TEXT),
    "big": ({"endian": "big"}, ARRAY.astype(">i2").tobytes()),
    "bytes": ({"byte skip": "7"}, b"#" * 7 + RAW),
    "bytes at the end": ({"byte skip": "-1"}, b"#" * 31 + RAW),
    "lines": ({"line skip": "2"}, b"one\ntwo\n" + RAW),
    "lines and bytes": ({"line skip": "1", "byte skip": "3"}, b"one\nabc" + RAW),
    "packed bytes": ({"encoding": "gzip", "byte skip": "5"}, gzip.compress(b"#" * 5 + RAW)),
    "las": ({"space": "left-anterior-superior"}, RAW),
    "ras": ({"space": "RAS"}, RAW),
    "no space": ({"space": None, "space directions": None, "space origin": None, "spacings": "1 2 3.5"}, RAW),
    "space dimension": ({"space": None, "dimension": "3\nspace dimension: 3"}, RAW),
    "unsigned": ({"type": "uint16"}, RAW),
    "kinds": ({"kinds": "domain domain domain"}, RAW),
    "one number": ({"dimension": "4", "sizes": "1 6 5 4", "kinds": "list domain domain domain",
                    "space directions": "none (1,0,0) (0,2,0) (0,0,3)"}, RAW),
    "remarks": ({"# a remark": "with a colon"}, RAW),
    "key": ({"modality": "= CT"}, RAW),
    "joined names": ({"space origin": None, "spaceorigin": "(3,-4,5.5)"}, RAW),
}  # fmt: skip
META_CASES = {
    "plain": ({}, RAW),
    "packed": ({"CompressedData": "True", "CompressedDataSize": str(len(PACKED))}, PACKED),
    "gzip": ({"CompressedData": "True", "CompressedDataSize": str(len(gzip.compress(RAW)))}, gzip.compress(RAW)),
    "text": ({"BinaryData": "False"}, TEXT),
    "big": ({"BinaryDataByteOrderMSB": "True"}, ARRAY.astype(">i2").tobytes()),
    "old big": ({"BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True"}, ARRAY.astype(">i2").tobytes()),
    "size": ({"ElementSpacing": None, "ElementSize": "1 2 3"}, RAW),
    "origin": ({"Offset": None, "Origin": "1 2 3"}, RAW),
    "position": ({"Offset": None, "Position": "1 2 3"}, RAW),
    "rotation": ({"TransformMatrix": None, "Rotation": "0 1 0 1 0 0 0 0 1"}, RAW),
    "bare": ({"TransformMatrix": None, "Offset": None, "ElementSpacing": None}, RAW),
    "unsigned": ({"ElementType": "MET_USHORT"}, RAW),
    "one channel": ({"ElementNumberOfChannels": "1"}, RAW),
    "tight": ({"Comment": "a=b"}, RAW),
}  # fmt: skip


def nrrd(path: Path, changes: dict[str, str | None], data: bytes) -> Path:
    fields = {**NRRD, **changes}
    lines = [f"{name}: {value}".replace(": =", ":=") for name, value in fields.items() if value is not None]
    path.write_bytes("\n".join(["NRRD0005", *lines, "", ""]).encode() + data)
    return path


def meta(path: Path, changes: dict[str, str | None], data: bytes) -> Path:
    fields = {**META, **changes}
    lines = [f"{name} = {value}" for name, value in fields.items() if value is not None]
    path.write_bytes("\n".join([*lines, "ElementDataFile = LOCAL", ""]).encode() + data)
    return path


def described_and_read(reader: HeadedReader, path: Path) -> tuple[VolumeHeader, Array]:
    return reader.describe(path), reader.read(path, 0)


def same_as_simpleitk(path: Path, reader: HeadedReader) -> None:
    theirs = sitk.ReadImage(str(path))
    header, array = described_and_read(reader, path)
    wanted = sitk.GetArrayFromImage(theirs)
    assert array.dtype == wanted.dtype
    assert np.array_equal(array, wanted)
    assert header.shape == wanted.shape
    assert (header.parts, header.voxel_bytes) == (1, wanted.dtype.itemsize)
    affine = np.reshape(header.affine, (4, 4))
    for index in itertools.product(*((0, length - 1) for length in theirs.GetSize())):
        place = theirs.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose((affine @ [*index, 1])[:3], place, atol=1e-6)


@pytest.mark.parametrize("case", NRRD_CASES)
def test_nrrd_reads_as_simpleitk_reads_it(tmp_path, case):
    same_as_simpleitk(nrrd(tmp_path / "a.nrrd", *NRRD_CASES[case]), NrrdReader())


@pytest.mark.parametrize("case", META_CASES)
def test_metaimage_reads_as_simpleitk_reads_it(tmp_path, case):
    same_as_simpleitk(meta(tmp_path / "a.mha", *META_CASES[case]), MetaImageReader())


def test_what_simpleitk_does_not_unpack(tmp_path):
    """bzip2, and MetaImage that does not say how long its packed voxels are."""
    path = nrrd(tmp_path / "a.nrrd", {"encoding": "bzip2"}, bz2.compress(RAW))
    assert np.array_equal(NrrdReader().read(path, 0), ARRAY)
    path = meta(tmp_path / "a.mha", {"CompressedData": "True"}, PACKED)
    assert np.array_equal(MetaImageReader().read(path, 0), ARRAY)


def test_metaimage_whose_voxels_are_the_end_of_a_file(tmp_path):
    (tmp_path / "a.raw").write_bytes(b"#" * 77 + RAW)
    path = meta(tmp_path / "a.mhd", {"HeaderSize": "-1"}, b"")
    path.write_text(path.read_text().replace("LOCAL", "a.raw"))
    same_as_simpleitk(path, MetaImageReader())


def test_a_series_in_time_is_parts_wherever_its_axis_is(tmp_path):
    """SimpleITK has no such axis before others; the voxels are known."""
    series = np.stack([ARRAY, ARRAY + 1])
    changes = {
        "dimension": "4", "sizes": "2 6 5 4", "kinds": "time space space space",
        "space directions": "none (1,0,0) (0,2,0) (0,0,3)",
    }  # fmt: skip
    path = nrrd(tmp_path / "a.nrrd", changes, np.moveaxis(series, 0, -1).astype("<i2").tobytes())
    header = NrrdReader().describe(path)
    assert (header.shape, header.parts) == ((4, 5, 6), 2)
    assert np.diag(np.reshape(header.affine, (4, 4))).tolist() == [1, 2, 3, 1]
    assert all(np.array_equal(NrrdReader().read(path, part), series[part]) for part in (0, 1))


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_picture_is_one_slice(tmp_path, suffix):
    image = sitk.GetImageFromArray(ARRAY[0])
    image.SetSpacing((0.5, 0.25))
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path))
    reader = NrrdReader() if suffix == ".nrrd" else MetaImageReader()
    header = reader.describe(path)
    assert header.shape == (1, 5, 6)
    assert np.diag(np.reshape(header.affine, (4, 4))).tolist() == [0.5, 0.25, 1, 1]
    assert np.array_equal(reader.read(path, 0), ARRAY[:1])


@pytest.mark.parametrize(
    ("changes", "data", "told"),
    [
        ({}, RAW[:-1], "promises"), ({"encoding": "gzip"}, gzip.compress(RAW[:-2]), "119 of the 120"),
        ({"encoding": "hex"}, RAW, "'hex' is unknown"), ({"dimension": "4"}, RAW, "number of dimensions"),
        ({"space directions": "(1,0,0) (0,1,0)"}, RAW, "3 vectors"), ({"spacings": "1 x 3"}, RAW, "should be numbers"),
        ({"space directions": "(1,0,0) (2,0,0) (0,0,1)"}, RAW, "flatten"), ({"type": "block"}, RAW, "type of numbers"),
        ({"dimension": "4", "sizes": "3 6 5 4", "kinds": "RGB-color domain domain domain"}, RAW * 3, "3 numbers"),
    ],
)  # fmt: skip
def test_what_is_no_sound_nrrd_is_said_so(tmp_path, changes, data, told):
    path = nrrd(tmp_path / "a.nrrd", changes, data)
    with pytest.raises(UnreadableError, match=told):
        described_and_read(NrrdReader(), path)


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress(RAW)), ("bzip2", bz2.compress(RAW))])
@pytest.mark.parametrize("lost", [20, 101])
def test_packed_voxels_that_are_cut_off_are_said_so(tmp_path, encoding, packed, lost):
    path = nrrd(tmp_path / "a.nrrd", {"encoding": encoding}, packed[:-lost])
    with pytest.raises(UnreadableError, match="of the 120 numbers"):
        NrrdReader().read(path, 0)


@pytest.mark.parametrize("reader", [NrrdReader(), MetaImageReader()])
def test_no_more_is_unpacked_than_is_promised(tmp_path, reader):
    """A small file may hold gigabytes of zeros."""
    packed = zlib.compress(RAW + bytes(50_000_000))
    packing = {"encoding": "gzip"} if isinstance(reader, NrrdReader) else {"CompressedData": "True"}
    write = nrrd if isinstance(reader, NrrdReader) else meta
    path = write(tmp_path / f"a{reader.suffixes[0]}", packing, packed)
    assert np.array_equal(reader.read(path, 0), ARRAY)
