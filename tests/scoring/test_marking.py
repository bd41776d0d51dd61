"""Marked regions against SimpleITK's component filter, hysteresis and size filter."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from ad_desktop.data.volumes.volume import SUV, Volume, make_affine
from ad_desktop.errors import UserError
from ad_desktop.scoring.marking import Marking
from ad_desktop.scoring.volume_regions import find_volume_regions
from ad_desktop.workflows.scans.settings import SliceSettings


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(16, 30, 28)), 1.2)
    return (noise / noise.std()).astype(np.float32)


@pytest.fixture(scope="module")
def volume() -> Volume:
    values = np.random.default_rng(4).uniform(0, 5, (16, 30, 28)).astype(np.float32)
    return Volume(values, make_affine((5, 4, 3)), SUV)


def test_hysteresis_is_that_of_simpleitk(field: np.ndarray, volume: Volume) -> None:
    labels, count = Marking(peak=1.6).regions(field, 1.2, volume)
    # Voxels from 1.2 up that hang together with one above 1.92, by faces, edges and corners.
    threshold = sitk.DoubleThresholdImageFilter()
    threshold.FullyConnectedOn()
    threshold.SetThreshold1(np.nextafter(1.2, 2))
    threshold.SetThreshold2(np.nextafter(np.float32(1.6 * 1.2), 3).item())
    threshold.SetThreshold3(1e9)
    threshold.SetThreshold4(1e9)
    theirs = sitk.GetArrayFromImage(threshold.Execute(sitk.GetImageFromArray(field))) > 0
    assert np.array_equal(labels > 0, theirs)
    assert 0 < count < Marking().regions(field, 1.2, volume)[1]
    assert np.array_equal(np.unique(labels), np.arange(count + 1))
    assert [region.peak > 1.92 for region in find_volume_regions(field, 1.2, volume, Marking(peak=1.6))[1]] == (
        [True] * count
    )


def test_small_components_are_those_that_simpleitk_drops(field: np.ndarray, volume: Volume) -> None:
    labels, count = Marking(min_ml=1.0).regions(field, 1.2, volume)
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((field > 1.2).astype(np.uint8)), True)
    kept = sitk.RelabelComponent(parts, int(np.ceil(1.0 / volume.voxel_ml)))
    assert np.array_equal(labels > 0, sitk.GetArrayFromImage(kept) > 0)
    assert count == sitk.GetArrayFromImage(kept).max() > 0


def test_a_prior_keeps_what_is_bright_and_seen(field: np.ndarray, volume: Volume) -> None:
    seen = np.zeros(field.shape, bool)
    seen[4:] = True
    labels, _ = Marking(above=2.5).regions(field, 0.5, volume, seen)
    assert np.array_equal(labels > 0, (field > 0.5) & (volume.array > 2.5) & seen)
    assert Marking(above=9).regions(field, 0.5, volume)[1] == 0
    assert find_volume_regions(field, 0.5, volume, Marking(above=9))[1] == []


def test_settings_make_the_rules() -> None:
    assert SliceSettings().marking == Marking()
    assert SliceSettings(min_ml=2.0, peak=1.5, above="2.5").marking == Marking(2.0, 1.5, 2.5)
    for wrong in ("bright", "nan", ""):
        with pytest.raises(UserError, match="above="):
            _ = SliceSettings(above=wrong).marking
