"""Regions of scans, checked against SimpleITK's own statistics on an oblique grid."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.scoring.marking import Marking
from ad_desktop.scoring.volume_regions import find_volume_regions

TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, -1]])
SPACING, ORIGIN = (0.7, 1.1, 3.0), (-40.0, 25.0, 90.0)


def test_regions_are_those_of_simpleitk() -> None:
    random = np.random.default_rng(0)
    smooth = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(
            sitk.GetImageFromArray(random.normal(size=(14, 30, 40)).astype(np.float32)), 1.5
        )
    )
    volume = Volume(random.normal(40, 10, smooth.shape).astype(np.float32), make_affine(SPACING, ORIGIN, TURN), HU)
    threshold = float(np.quantile(smooth, 0.93))
    labels, regions = find_volume_regions(smooth, threshold, volume)

    def image(array: np.ndarray) -> sitk.Image:
        made = sitk.GetImageFromArray(array)
        made.SetSpacing(SPACING)
        made.SetOrigin(ORIGIN)
        made.SetDirection(TURN.ravel().tolist())
        return made

    theirs = sitk.ConnectedComponent(image((smooth > threshold).astype(np.uint8)), True)
    shapes, maps, values = (
        sitk.LabelShapeStatisticsImageFilter(), sitk.LabelStatisticsImageFilter(), sitk.LabelStatisticsImageFilter(),
    )  # fmt: skip
    shapes.Execute(theirs)
    maps.Execute(image(smooth), theirs)
    values.Execute(image(volume.array.copy()), theirs)
    assert len(regions) == shapes.GetNumberOfLabels() > 5
    assert [region.peak for region in regions] == sorted((region.peak for region in regions), reverse=True)
    their_labels = sitk.GetArrayFromImage(theirs)
    for region in regions:
        label = int(their_labels[region.peak_index])
        assert np.array_equal(labels == region.label, their_labels == label)
        assert region.voxels == shapes.GetNumberOfPixels(label)
        assert region.volume_ml == pytest.approx(shapes.GetPhysicalSize(label) / 1000)
        assert region.centroid == pytest.approx(shapes.GetCentroid(label), abs=1e-6)
        z, y, x = region.peak_index
        assert region.peak_position == pytest.approx(image(smooth).TransformIndexToPhysicalPoint((x, y, z)), abs=1e-6)
        assert (region.peak, region.mean) == pytest.approx((maps.GetMaximum(label), maps.GetMean(label)))
        assert (region.value_mean, region.value_max) == pytest.approx((values.GetMean(label), values.GetMaximum(label)))
        assert region.unit == "HU"


def test_small_regions_and_none() -> None:
    field = np.zeros((4, 5, 6), np.float32)
    field[1, 1, 1] = field[1, 2, 2] = 2  # joined by a corner
    field[3, 4, 5] = 9
    volume = Volume(field, make_affine((10, 10, 10)))
    labels, regions = find_volume_regions(field, 1, volume)
    assert [(region.voxels, round(region.volume_ml, 9)) for region in regions] == [(1, 1.0), (2, 2.0)]
    assert labels.dtype == np.int16
    assert labels[3, 4, 5] == 1
    labels, regions = find_volume_regions(field, 1, volume, Marking(min_ml=1.5))
    assert [(region.label, region.peak) for region in regions] == [(1, 2.0)]
    assert int((labels > 0).sum()) == 2
    assert find_volume_regions(field, 99, volume)[1] == []
