"""Contours of RTSTRUCT files land on the lesions that were published as NIfTI masks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.data.volumes.contours import _filled, rtstruct_masks
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.errors import InputError


def as_volume(image: sitk.Image) -> Volume:
    affine = make_affine(image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return Volume(sitk.GetArrayFromImage(image), affine)


@pytest.mark.parametrize("case", ["petct_crop_STS_001", "petct_crop_STS_002"])
@pytest.mark.parametrize("kind", ["PET", "CT"])
def test_contours_are_the_published_masks(case: str, kind: str, shared: Path) -> None:
    folder = shared / "data" / "dicom" / case / kind
    [image] = (folder / "nifti" / "image").glob("*.nii.gz")
    [mask] = (folder / "nifti" / "mask").glob("*.nii.gz")
    volume = as_volume(sitk.ReadImage(str(image)))
    published = sitk.GetArrayFromImage(sitk.ReadImage(str(mask))) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masks = rtstruct_masks(folder / "dicom" / "mask" / "RS.dcm", volume)
    found = np.any(list(masks.values()), axis=0)
    dice = 2 * (found & published).sum() / (found.sum() + published.sum())

    assert dice > 0.9
    spread = float(volume.array[published].std())
    means = [float(volume.array[mask].mean()) for mask in (found, published)]
    assert means[0] == pytest.approx(means[1], abs=0.1 * spread)


def test_holes_and_small_polygons() -> None:
    square = np.array([[1, 1], [9, 1], [9, 9], [1, 9]], float) - 0.5
    hole = np.array([[3, 3], [5, 3], [5, 5], [3, 5]], float) - 0.5
    expected = np.zeros((12, 12), bool)
    expected[1:9, 1:9] = True
    expected[3:5, 3:5] = False
    assert np.array_equal(_filled([square, hole], 12, 12), expected)


def test_what_is_no_rtstruct_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"nothing")
    volume = Volume(np.zeros((2, 2, 2)), make_affine((1, 1, 1)))
    with pytest.raises(InputError, match="no DICOM"):
        rtstruct_masks(tmp_path / "x.dcm", volume)
