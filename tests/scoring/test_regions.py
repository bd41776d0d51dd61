from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ad_desktop.scoring.regions import Region, find_regions


def test_two_regions_by_hand() -> None:
    anomaly_map = np.zeros((6, 8), np.float32)
    anomaly_map[1, 1], anomaly_map[2, 2] = 2.0, 4.0  # touch at a corner: one region
    anomaly_map[4, 5:8] = 3.0, 9.0, 3.0
    assert find_regions(anomaly_map, 1.0) == [
        Region(1, area=3, peak=9.0, peak_yx=(4, 6), bbox=(4, 5, 5, 8), mean=5.0),
        Region(2, area=2, peak=4.0, peak_yx=(2, 2), bbox=(1, 1, 3, 3), mean=3.0),
    ]
    assert [r.area for r in find_regions(anomaly_map, 1.0, min_area=3)] == [3]


def test_values_at_the_threshold_are_below_it() -> None:
    anomaly_map = np.full((4, 4), 1.5, np.float32)
    assert find_regions(anomaly_map, 1.5) == []
    assert find_regions(anomaly_map, 1.4)[0].area == 16


def test_first_of_equal_peaks_is_named() -> None:
    assert find_regions(np.ones((3, 4), np.float32), 0.5)[0].peak_yx == (0, 0)


@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (1, 9)])
def test_smallest_maps(shape: tuple[int, int]) -> None:
    found = find_regions(np.ones(shape, np.float32), 0.0)
    assert sum(r.area for r in found) == shape[0] * shape[1]


def test_pixels_without_a_value_belong_nowhere() -> None:
    anomaly_map = np.full((3, 3), 2.0, np.float32)
    anomaly_map[:, 1] = np.nan
    found = find_regions(anomaly_map, 1.0)
    assert [(r.area, r.peak) for r in found] == [(3, 2.0), (3, 2.0)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1, 2), st.integers(0, 6))
def test_equal_to_region_by_region_measures(seed: int, threshold: float, min_area: int) -> None:
    anomaly_map = np.random.default_rng(seed).normal(size=(15, 21)).round(1).astype(np.float32)
    labels, count = ndimage.label(anomaly_map > threshold, np.ones((3, 3)))
    expected = []
    for i in range(1, count + 1):
        where = np.argwhere(labels == i)
        values = anomaly_map[labels == i]
        if len(where) < min_area:
            continue
        top, left = where.min(0).tolist()
        bottom, right = (where.max(0) + 1).tolist()
        expected.append((float(values.max()), len(where), (top, left, bottom, right), float(values.mean(dtype=float))))
    found = find_regions(anomaly_map, threshold, min_area)
    assert sorted((r.peak, r.area, r.bbox) for r in found) == sorted(e[:3] for e in expected)
    assert sorted(r.mean for r in found) == pytest.approx(sorted(e[3] for e in expected))
    assert [r.peak for r in found] == sorted((r.peak for r in found), reverse=True)
    assert [r.label for r in found] == list(range(1, len(found) + 1))
    for region in found:
        assert anomaly_map[region.peak_yx] == np.float32(region.peak)
        top, left, bottom, right = region.bbox
        assert top <= region.peak_yx[0] < bottom
        assert left <= region.peak_yx[1] < right
