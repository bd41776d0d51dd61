"""Planes, windows, projections and fusion, against SimpleITK and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.data.volumes.planes import Plane, is_oblique, obliquity
from ad_desktop.data.volumes.projection import slab, turning
from ad_desktop.data.volumes.reorient import patient_axes
from ad_desktop.data.volumes.sampling import PlaneSampler
from ad_desktop.data.volumes.volume import HU, SUV, Volume, make_affine
from ad_desktop.data.volumes.windows import PRESETS, Window, applies, automatic_window, first_preset, to_codes


def turned(degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])


def volume_of(array: np.ndarray, spacing=(1, 1, 1), origin=(0, 0, 0), directions=None, **more) -> Volume:
    return Volume(array, make_affine(spacing, origin, directions), **more)


def image_of(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.array))
    lengths = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(lengths.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / lengths).ravel().tolist())
    return image


def test_letters_of_the_three_planes():
    volume = volume_of(np.zeros((3, 4, 5)))
    assert Plane.AXIAL.letters(volume) == ("R", "L", "A", "P")
    assert Plane.CORONAL.letters(volume) == ("R", "L", "S", "I")
    assert Plane.SAGITTAL.letters(volume) == ("A", "P", "S", "I")
    assert Plane.AXIAL.letters(volume, neurological=True) == ("L", "R", "A", "P")
    assert Plane.SAGITTAL.letters(volume, neurological=True) == ("A", "P", "S", "I")


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_letters_do_not_depend_on_how_the_file_is_stored(flips):
    volume = patient_axes(volume_of(np.zeros((3, 4, 5)), directions=np.diag(flips)[[2, 0, 1]]))
    assert Plane.AXIAL.letters(volume) == ("R", "L", "A", "P")
    assert Plane.CORONAL.letters(volume) == ("R", "L", "S", "I")


def test_an_oblique_volume_says_so():
    volume = volume_of(np.zeros((3, 4, 5)), directions=turned(23))
    assert obliquity(volume) == pytest.approx(23)
    assert is_oblique(volume)
    assert not is_oblique(volume_of(np.zeros((3, 4, 5)), directions=turned(0.5)))


def test_a_plane_cuts_rows_and_columns_of_the_array():
    array = np.arange(60).reshape(3, 4, 5)
    assert np.array_equal(Plane.AXIAL.cut(array, 2), array[2])
    assert np.array_equal(Plane.CORONAL.cut(array, 1), array[:, 1])
    assert np.array_equal(Plane.SAGITTAL.cut(array, 4), array[:, :, 4])
    assert np.shares_memory(Plane.SAGITTAL.cut(array, 4), array)


def test_codes_of_a_window():
    values = np.array([[-200, -125, 50, 225, 400]], np.int16)
    window = Window(350, 50)
    assert to_codes(values, window.low, window.high).tolist() == [[0, 0, 127, 255, 255]]
    assert to_codes(np.array([[np.nan, np.inf, -np.inf]], np.float32), 0, 1).tolist() == [[0, 255, 0]]


def test_presets_by_unit():
    assert [p.title for p in PRESETS if applies(p, HU)] == ["Soft tissue", "Lung", "Bone", "Brain", "Automatic"]
    assert [p.title for p in PRESETS if applies(p, SUV)] == ["Automatic", "SUV 0–10"]
    assert first_preset(volume_of(np.zeros((2, 2, 2)), unit=SUV)).window == Window.between(0, 10, inverted=True)
    assert first_preset(volume_of(np.zeros((2, 2, 2)), unit=HU)).window == Window(350, 50)


def test_an_automatic_window_shows_a_mask_white_on_black():
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[3:7, 3:7, 3:7] = 1
    assert automatic_window(mask) == Window.between(0, 1)


def test_an_automatic_window_leaves_the_background_out():
    array = np.zeros((40, 50, 60), np.float32)
    array[10:30, 10:40, 10:50] = np.random.default_rng(0).uniform(100, 200, (20, 30, 40))
    window = automatic_window(array)
    assert 99 < window.low < 102
    assert 198 < window.high < 201


@pytest.mark.parametrize("array", [np.full((3, 3, 3), 7.0), np.full((3, 3, 3), np.nan), np.zeros((1, 1, 1), np.int16)])
def test_an_automatic_window_of_nothing_to_see(array):
    assert automatic_window(array).width > 0


@pytest.mark.parametrize("plane", list(Plane))
def test_a_slab_is_the_largest_value_along_it(plane):
    array = np.random.default_rng(1).normal(size=(12, 14, 16)).astype(np.float32)
    volume = volume_of(array, spacing=(1, 2, 3))
    spacing = volume.spacing[plane.axis]
    expected = array.take(range(3, 8), plane.axis).max(axis=plane.axis)
    assert np.array_equal(slab(volume, plane, 5, 4 * spacing), expected)
    assert np.array_equal(slab(volume, plane, 5, 0), array.take(5, plane.axis))
    assert np.array_equal(slab(volume, plane, 5, 1e6), array.max(axis=plane.axis))


def test_turning_projections_start_from_the_front_and_go_round():
    array = np.random.default_rng(1).uniform(1, 2, (4, 9, 9)).astype(np.float32)
    front, left, back, _ = turning(volume_of(array), 4)
    middle = slice((front.shape[1] - 9) // 2, (front.shape[1] - 9) // 2 + 9)
    assert np.array_equal(front[:, middle], array.max(axis=1))
    assert np.array_equal(back[:, middle], array.max(axis=1)[:, ::-1])
    assert np.array_equal(np.sort(left[:, middle]), np.sort(array.max(axis=2)))


GRIDS = {
    "same axes": (np.eye(3), (0.9, 0.9, 3.0), (-20.3, -18.1, -11.0)),
    "flipped": (np.diag([-1.0, 1, -1]), (2.1, 1.3, 2.0), (22.037, -20.041, 12.043)),
    "other order": (np.eye(3)[[1, 2, 0]], (1.5, 1.2, 2.0), (-20.037, -18.041, -15.043)),
    "oblique": (turned(17), (1.1, 1.1, 2.5), (-15, -22, -14)),
}


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("plane", list(Plane))
def test_fusion_equals_resampling_by_simpleitk(kind, plane):
    random = np.random.default_rng(5)
    directions, spacing, origin = GRIDS[kind]
    grid = volume_of(np.zeros((9, 40, 36), np.int16), (1.1, 1.0, 3.1), (-19, -21, -13))
    other = volume_of(random.normal(size=(13, 31, 29)).astype(np.float32), spacing, origin, directions)
    sampler = PlaneSampler(other, grid)
    assert sampler.parallel == (kind != "oblique")
    resampled = sitk.GetArrayFromImage(
        sitk.Resample(image_of(other), image_of(grid), sitk.Transform(), sitk.sitkLinear, -1e9, sitk.sitkFloat32)
    )
    seen = 0
    for index in range(grid.shape[plane.axis]):
        expected = plane.cut(resampled, index)
        found = sampler.cut(plane, index)
        outside = expected < -1e8
        assert np.array_equal(np.isnan(found), outside)
        assert found[~outside] == pytest.approx(expected[~outside], abs=2e-5)
        seen += int((~outside).sum())
    assert seen > 1000


def test_a_volume_on_the_same_grid_is_taken_as_it_is():
    array = np.random.default_rng(5).normal(size=(5, 6, 7)).astype(np.float32)
    grid = volume_of(np.zeros((5, 6, 7), np.int16))
    sampler = PlaneSampler(grid.with_array(array), grid)
    assert np.array_equal(sampler.cut(Plane.CORONAL, 3), array[:, 3])
