"""Sound NIfTI, NRRD, MetaImage and Analyze files against the libraries that wrote them, oblique and flipped too."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.opening import find_volumes, load_volume, suggest_unit
from ad_desktop.data.volumes.saving import save_nifti
from ad_desktop.data.volumes.volume import HU, SUV, Volume, flipped_lps_ras, make_affine

FLIPS = {"upright": (1, 1, 1), "turned": (-1, 1, -1), "mirrored": (-1, -1, -1)}
SPACING, ORIGIN = (0.7, 1.3, 2.9), (-12.5, 40.0, 7.25)


def directions(flip: str, seed: int = 0) -> np.ndarray:
    """Oblique axes as columns; ``mirrored`` ones are left-handed."""
    angles = np.random.default_rng(seed).uniform(-40, 40, 3)
    return Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * np.array(FLIPS[flip])


def numbers(dtype: type, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(4, 5, 6)) * 90).astype(dtype)


def only(path):
    found = find_volumes([path])
    assert not found.failures
    (info,) = found.series
    volume = load_volume(info.sample)
    assert (info.shape, info.spacing, info.orientation) == (volume.shape, volume.spacing, volume.orientation)
    return volume


def lies_as_in(volume: Volume, image: sitk.Image) -> None:
    z, y, x = (length - 1 for length in volume.shape)
    for corner in itertools.product((0, x), (0, y), (0, z)):
        np.testing.assert_allclose(volume.position(corner), image.TransformIndexToPhysicalPoint(corner), atol=1e-4)


@pytest.mark.parametrize(
    ("flip", "dtype"),
    [("upright", np.float32), ("turned", np.int16), ("mirrored", np.int16), ("mirrored", np.float32)],
)
@pytest.mark.parametrize(
    ("suffix", "packed"),
    [(".nrrd", False), (".nrrd", True), (".nhdr", False), (".mha", False), (".mha", True), (".mhd", False),
     (".mhd", True), (".nii.gz", False)],
)  # fmt: skip
def test_files_of_simpleitk_read_as_simpleitk_reads_them(tmp_path, suffix, packed, flip, dtype):
    image = sitk.GetImageFromArray(numbers(dtype))
    image.SetSpacing(SPACING)
    image.SetOrigin(ORIGIN)
    image.SetDirection(directions(flip).ravel().tolist())
    path = tmp_path / f"a scan{suffix}"
    sitk.WriteImage(image, str(path), useCompression=packed)
    volume, theirs = only(path), sitk.ReadImage(str(path))
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(theirs))
    lies_as_in(volume, theirs)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.float64])
def test_every_type_of_number_is_read(tmp_path, suffix, dtype):
    array = numbers(np.int16).astype(dtype)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"a{suffix}"))
    assert np.array_equal(only(tmp_path / f"a{suffix}").array, array)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_four_dimensions_are_parts(tmp_path, suffix):
    array = np.stack([numbers(np.int16, seed) for seed in range(3)])
    image = sitk.JoinSeries([sitk.GetImageFromArray(part) for part in array])
    image.SetSpacing((*SPACING, 1.0))
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
    found = find_volumes([tmp_path])
    assert [info.sample.part for info in found.series] == [0, 1, 2]
    for info, part in zip(found.series, array, strict=True):
        volume = load_volume(info.sample)
        assert np.array_equal(volume.array, part)
        assert volume.spacing == pytest.approx(SPACING[::-1])


def test_big_endian_nrrd(tmp_path):
    head = "NRRD0004\ntype: int16\ndimension: 3\nsizes: 6 5 4\nencoding: raw\nendian: big\nspacings: 1 2 3\n\n"
    array = numbers(np.int16)
    (tmp_path / "a.nrrd").write_bytes(head.encode() + array.astype(">i2").tobytes())
    volume = only(tmp_path / "a.nrrd")
    assert np.array_equal(volume.array, array)
    assert volume.spacing == (3, 2, 1)


@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior"])
def test_nrrd_says_in_which_space_it_lies(tmp_path, space):
    head = (
        f"NRRD0004\ntype: int16\ndimension: 3\nspace: {space}\nsizes: 6 5 4\nencoding: raw\nendian: little\n"
        "space directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (10,20,30)\n\n"
    )
    path = tmp_path / "a.nrrd"
    path.write_bytes(head.encode() + numbers(np.int16).tobytes())
    volume = only(path)
    assert volume.orientation == ("LPS" if space.startswith("left") else "RAS")
    lies_as_in(volume, sitk.ReadImage(str(path)))


@pytest.mark.parametrize("kind", [nib.AnalyzeImage, nib.Spm99AnalyzeImage, nib.Nifti1Pair])
@pytest.mark.parametrize("ending", [".hdr", ".img"])
def test_pairs_of_files_read_as_nibabel_reads_them(tmp_path, kind, ending):
    affine = flipped_lps_ras(make_affine(SPACING, ORIGIN, directions("turned")))
    plain = np.diag([-2.0, 3.0, 4.0, 1.0])
    image = kind(numbers(np.int16).T, affine if kind is nib.Nifti1Pair else plain)
    image.to_filename(tmp_path / "a.img")
    theirs = nib.load(tmp_path / "a.img")
    volume = only(tmp_path / f"a{ending}")
    assert np.array_equal(volume.array, np.asarray(theirs.dataobj).T)
    np.testing.assert_allclose(volume.spacing, np.linalg.norm(theirs.affine[:3, :3], axis=0)[::-1], rtol=1e-5)
    if kind is nib.Nifti1Pair:
        np.testing.assert_allclose(volume.affine, flipped_lps_ras(theirs.affine), atol=1e-5)
    else:
        assert "left and right may be exchanged" in volume.warnings[0]
        (tmp_path / "a.mat").unlink(missing_ok=True)  # which the program does not read
        np.testing.assert_allclose(
            only(tmp_path / "a.hdr").affine, flipped_lps_ras(nib.load(tmp_path / "a.img").affine)
        )


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("unit", ["mm", "meter", "micron"])
def test_nifti_honours_its_slope_and_unit_of_length(tmp_path, kind, unit):
    image = kind(numbers(np.float32).T, np.diag([1.0, 2.0, 3.0, 1.0]), dtype=np.int16)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    volume = only(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.array, np.asarray(nib.load(tmp_path / "a.nii").dataobj).T, rtol=1e-5, atol=1e-4)
    scale = {"mm": 1, "meter": 1000, "micron": 0.001}[unit]
    assert volume.spacing == pytest.approx((3 * scale, 2 * scale, scale))
    assert any("not in mm" in warning for warning in volume.warnings) == (unit != "mm")


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("seed", range(4))
def test_nifti_that_was_saved_reads_back_exactly(tmp_path, flip, dtype, seed):
    made = Volume(numbers(dtype, seed), make_affine(SPACING, ORIGIN, directions(flip, seed)), HU)
    path = tmp_path / "a.nii.gz"
    save_nifti(made, path)
    back, theirs = load_volume(VolumeSample(path)), nib.load(path)
    assert back.array.dtype == dtype
    assert np.array_equal(back.array, made.array)
    np.testing.assert_allclose(back.affine, made.affine, atol=1e-5)
    assert np.array_equal(np.asarray(theirs.dataobj).T, made.array)
    np.testing.assert_allclose(flipped_lps_ras(theirs.affine), made.affine, atol=1e-5)
    lies_as_in(made, sitk.ReadImage(str(path)))


@pytest.mark.parametrize(
    ("low", "high", "dtype", "modality", "expected"),
    [
        (-1024, 2000, np.int16, "", HU), (-500, 400, np.int16, "CT", HU), (-1024, 2000, np.int16, "MR", ""),
        (0, 25, np.float32, "", SUV), (0, 25, np.int16, "", ""), (0, 900, np.float32, "", ""),
        (-40, 25, np.float32, "", ""),
    ],
)  # fmt: skip
def test_the_unit_is_suggested_from_the_range(low, high, dtype, modality, expected):
    array = np.linspace(low, high, 8 * 16 * 16).reshape(8, 16, 16).astype(dtype)
    volume = Volume(array, np.eye(4), modality=modality)
    assert suggest_unit(volume) == expected
    assert suggest_unit(volume.with_array(array, "Bq/ml")) == "Bq/ml"


def test_a_unit_is_only_given_to_a_file_without_one(tmp_path):
    save_nifti(Volume(numbers(np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    sample = VolumeSample(tmp_path / "a.nii.gz")
    assert [load_volume(sample, unit=unit).unit for unit in (None, "none", HU, SUV)] == ["", "", HU, SUV]
