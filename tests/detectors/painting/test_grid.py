from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.data.volumes.placement import place
from ad_desktop.data.volumes.resampling import resample
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.detectors.painting.grid import Grid, common_grid
from ad_desktop.detectors.painting.intensity import Scaling, usable


def oblique() -> Volume:
    """A smooth blob on an anisotropic, turned grid."""
    turned = sitk.Euler3DTransform()
    turned.SetRotation(0.3, -0.2, 0.5)
    affine = make_affine((1.2, 0.9, 3.0), (-40, 12, 7), np.array(turned.GetMatrix()).reshape(3, 3))
    z, y, x = np.meshgrid(np.arange(22), np.arange(70), np.arange(56), indexing="ij")
    squares = ((z - 10) / 4) ** 2 + ((y - 34) / 15) ** 2 + ((x - 27) / 12) ** 2
    return Volume(np.exp(-squares).astype(np.float32), affine)


def grid_for(volume: Volume, align: str = "moments") -> tuple[Grid, np.ndarray]:
    mask = volume.array > 0.05
    grid = common_grid([place(mask, volume.affine)], 2.0, align)
    return grid, grid.affine(place(mask, volume.affine))


def test_resampling_agrees_with_simpleitk() -> None:
    volume = oblique()
    grid, affine = grid_for(volume)
    fine = affine @ np.diag([0.4, 0.4, 0.4, 1])
    shape = tuple(int(n * 2.5) for n in grid.shape)
    found = resample(volume.array, volume.affine, fine, shape)
    image = sitk.GetImageFromArray(volume.array)
    image.SetSpacing(volume.spacing[::-1])
    image.SetOrigin(volume.affine[:3, 3])
    image.SetDirection((volume.affine[:3, :3] / volume.spacing[::-1]).ravel())
    wanted = sitk.Image(shape[::-1], sitk.sitkFloat32)
    wanted.SetSpacing(np.diag(fine)[:3])
    wanted.SetOrigin(fine[:3, 3])
    expected = sitk.GetArrayFromImage(sitk.Resample(image, wanted, sitk.Transform(), sitk.sitkLinear, 0.0))
    assert expected.max() > 0.9
    # ITK also gives values half a voxel beyond the outermost centres.
    inside = expected > 0.02
    assert np.abs(found - expected)[inside].max() < 1e-3


def test_there_and_back_keeps_the_place() -> None:
    volume = oblique()
    grid, affine = grid_for(volume)
    there = resample(volume.array, volume.affine, affine, grid.shape)
    back = resample(there, affine, volume.affine, volume.shape)
    body = volume.array > 0.3
    # Two interpolations, one of them 3 mm to 2 mm: what is lost is sharpness, not place.
    assert np.abs(back - volume.array)[body].mean() < 0.05
    centres = [np.array(np.nonzero(a > 0.5)).mean(axis=1) for a in (back, volume.array)]
    assert np.abs(centres[0] - centres[1]).max() < 0.3


@pytest.mark.parametrize("align", ["moments", "centre"])
def test_a_larger_copy_elsewhere_lies_on_the_same_voxels(align: str) -> None:
    volume = oblique()
    grid, affine = grid_for(volume, align)
    moved = np.diag([1.2, 1.1, 0.9, 1.0]) @ volume.affine
    moved[:3, 3] += (100, -50, 30)
    other = resample(volume.array, moved, grid.affine(place(volume.array > 0.05, moved)), grid.shape)
    same = resample(volume.array, volume.affine, affine, grid.shape)
    difference = np.abs(other - same)[same > 0.1].mean()
    assert difference < 0.02 if align == "moments" else difference > 0.02


def test_a_grid_survives_json() -> None:
    grid, _ = grid_for(oblique())
    assert Grid.from_json(grid.to_json()) == grid


def test_what_cannot_be_used_is_told() -> None:
    volume = oblique()
    mask = volume.array > 0.05
    assert usable(volume, mask) is None
    single = Volume(volume.array[:1], volume.affine)
    assert "one slice" in str(usable(single, mask[:1]))
    assert "mask" in str(usable(volume, np.zeros_like(mask)))
    spoilt = volume.array.copy()
    spoilt[3, 3, 3] = np.nan
    assert "NaN" in str(usable(volume.with_array(spoilt), mask))
    with pytest.raises(ValueError, match="equal"):
        Scaling.for_unit("").apply(np.ones(volume.shape, np.float32), mask)
    with pytest.raises(ValueError, match="empty"):
        place(np.zeros_like(mask), volume.affine)


def test_units_choose_the_scaling() -> None:
    values = np.array([[[-1000.0, 800.0, -100.0]]], np.float32)
    scaled = Scaling.for_unit("HU").apply(values, np.array([[[True, True, True]]]))
    np.testing.assert_allclose(scaled, [[[0, 1, 0.5]]], atol=1e-6)
