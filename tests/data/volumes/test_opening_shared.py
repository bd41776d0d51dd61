"""Every real scan opens as SimpleITK and nibabel see it."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from ad_desktop.data.volumes.opening import find_volumes, load_volume
from ad_desktop.data.volumes.volume import Volume, flipped_lps_ras

NIFTI = [
    "viewer_volumes", "pyradiomics_cases", "ms_lesions_mni", "ixi_t1_2mm", "dicom/petct_crop_STS_001",
    "dicom/petct_crop_STS_002",
]  # fmt: skip
SERIES = [
    "ct_CRLM-CT-1004/image", "pet_fdg_STS_001_wholebody/image",
    *(f"petct_crop_STS_{n}/{m}/dicom/image" for n in ("001", "002") for m in ("CT", "PET", "MR_T1")),
]  # fmt: skip


def corners(volume: Volume) -> list[tuple[int, int, int]]:
    z, y, x = (length - 1 for length in volume.shape)
    return list(itertools.product((0, x), (0, y), (0, z)))


@pytest.mark.parametrize("folder", NIFTI)
def test_nifti_files_lie_where_nibabel_and_simpleitk_see_them(shared: Path, folder):
    found = find_volumes([shared / "data" / folder])
    files = {info.sample.path for info in found.series if "".join(info.sample.path.suffixes) == ".nii.gz"}
    assert files == set((shared / "data" / folder).rglob("*.nii.gz"))
    assert not found.failures
    for info in found.series:
        if info.sample.path not in files or info.sample.part not in (None, 0, 1):
            continue
        volume = load_volume(info.sample)
        theirs = nib.load(info.sample.path)
        values = np.asarray(theirs.dataobj)
        part = values if info.sample.part is None else values[..., info.sample.part]
        np.testing.assert_allclose(volume.array, part.reshape(part.shape[:3]).T, rtol=1e-6)
        np.testing.assert_allclose(volume.affine, flipped_lps_ras(theirs.affine), atol=1e-6)
        assert (info.shape, info.spacing, info.orientation) == (volume.shape, volume.spacing, volume.orientation)
        if theirs.ndim == 3:
            try:
                image = sitk.ReadImage(str(info.sample.path))
            except RuntimeError:
                continue  # SimpleITK refuses axes that are not orthogonal
            for corner in corners(volume):
                expected = image.TransformIndexToPhysicalPoint(corner)
                np.testing.assert_allclose(volume.position(corner), expected, atol=0.02)


@pytest.mark.parametrize("folder", SERIES)
def test_series_lie_and_read_as_simpleitk_sees_them(shared: Path, folder):
    path = shared / "data/dicom" / folder
    (info,) = find_volumes([path]).series
    volume = load_volume(info.sample)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
    image = reader.Execute()
    for corner in corners(volume):
        np.testing.assert_allclose(
            volume.position(corner), image.TransformIndexToPhysicalPoint(corner), atol=0.05
        )  # fmt: skip
    if "wholebody" in folder:  # SimpleITK applies one slope to all slices; each slice is compared with pydicom
        slopes = {}
        for file in path.iterdir():
            data = pydicom.dcmread(file)
            slopes[float(data.ImagePositionPatient[2])] = data.pixel_array * float(data.RescaleSlope)
        stored = np.stack([slopes[z] for z in sorted(slopes)])
        factor = volume.array.sum() / stored.sum()
        np.testing.assert_allclose(volume.array, stored * factor, rtol=1e-4)
    else:
        np.testing.assert_allclose(volume.array, sitk.GetArrayFromImage(image), rtol=1e-5)
    assert volume.unit == {"CT": "HU", "PT": "SUVbw", "MR": ""}[volume.modality]


def test_suv_equals_the_published_answer(shared: Path):
    """The crop was published as SUV, from the very scan that is here in Bq/ml."""
    raw, crop = (
        load_volume(find_volumes([shared / "data/dicom" / name]).series[0].sample)
        for name in ("pet_fdg_STS_001_wholebody/image", "petct_crop_STS_001/PET/dicom/image")
    )
    x, y, z = np.rint(raw.index(crop.position((0, 0, 0)))).astype(int)
    depth, height, width = crop.shape
    own = raw.array[z : z + depth, y : y + height, x : x + width]
    assert crop.array.max() > 20
    assert np.abs(own - crop.array).max() < 0.001
    assert raw.facts["time since injection"] == "45.2 min"
