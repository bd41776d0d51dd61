"""Volumes against SimpleITK and nibabel: positions, orientation, and turning axes and back."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ad_desktop.data.volumes.reorient import Reorientation, patient_axes
from ad_desktop.data.volumes.volume import Volume, flipped_lps_ras, make_affine

AXES = list(itertools.permutations(range(3)))
SIGNS = list(itertools.product((-1, 1), repeat=3))


def oblique(seed: int = 0, axes: tuple[int, ...] = (0, 1, 2), signs: tuple[int, ...] = (1, 1, 1)) -> Volume:
    rng = np.random.default_rng(seed)
    turn = Rotation.from_euler("xyz", rng.uniform(-20, 20, 3), degrees=True).as_matrix()
    directions = (turn * np.array(signs))[:, list(axes)]
    affine = make_affine((0.7, 1.3, 2.9), (-12.5, 40.0, 7.25), directions)
    return Volume(rng.normal(size=(4, 5, 6)).astype(np.float32), affine)


def as_sitk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.array)
    z, y, x = volume.spacing
    image.SetSpacing((x, y, z))
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / [x, y, z]).ravel().tolist())
    return image


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("signs", SIGNS)
def test_positions_and_orientation_are_those_of_simpleitk_and_nibabel(axes, signs):
    volume = oblique(1, axes, signs)
    image = as_sitk(volume)
    for index in [(0, 0, 0), (5, 0, 3), (2, 4, 1)]:
        np.testing.assert_allclose(volume.position(index), image.TransformIndexToPhysicalPoint(index), atol=1e-9)
        np.testing.assert_allclose(volume.index(volume.position(index)), index, atol=1e-9)
    assert volume.orientation == "".join(nib.aff2axcodes(flipped_lps_ras(volume.affine)))


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("signs", SIGNS)
def test_turning_to_the_patient_keeps_every_voxel_in_its_place(axes, signs):
    volume = oblique(2, axes, signs)
    way = Reorientation.to_patient(volume.affine)
    turned = way.turn(volume)
    assert turned.orientation == "LPS"
    assert np.array_equal(way.undo(turned.array), volume.array)
    for k, j, i in itertools.product(*map(range, turned.shape)):
        source = np.rint(volume.index(turned.position((i, j, k)))).astype(int)
        assert turned.array[k, j, i] == volume.array[tuple(source[::-1])]


def test_turned_volumes_share_memory():
    volume = oblique(3, (2, 0, 1), (1, -1, 1))
    assert np.shares_memory(patient_axes(volume).array, volume.array)


def test_voxel_volume_spacing_and_read_only():
    volume = oblique(4)
    assert volume.spacing == pytest.approx((2.9, 1.3, 0.7))
    assert volume.voxel_ml == pytest.approx(2.9 * 1.3 * 0.7 / 1000)
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_same_grid_looks_at_corners():
    volume = oblique(5)
    shifted = volume.affine.copy()
    shifted[0, 3] += 0.01
    assert volume.same_grid(volume.with_array(np.zeros(volume.shape)))
    assert not volume.same_grid(Volume(volume.array, shifted))
    assert not volume.same_grid(Volume(volume.array[1:], volume.affine))


@pytest.mark.parametrize(
    ("array", "affine"),
    [(np.zeros((2, 2)), np.eye(4)), (np.zeros((0, 2, 2)), np.eye(4)), (np.zeros((2, 2, 2)), np.zeros((4, 4)))],
)
def test_impossible_volumes_are_refused(array, affine):
    with pytest.raises(ValueError, match="volume"):
        Volume(array, affine)
