"""How far maps stand out from their surroundings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ad_desktop.detectors.banded.contrast import THICK, contrast, damped, slice_peaks, spread, thickness


def grids(slices: int, side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (slices, side, side)).astype(np.float32)


def spotted(slices: int, side: int, gap: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Maps with a spot of an eighth of a slice's side, and which slices it is in."""
    z, y, x = np.indices((slices, side, side))
    at = np.stack([(z - slices // 2) * gap, (y - side * 0.6) / side, (x - side * 0.4) / side])
    inside = (np.abs(at) < 1 / 16).all(axis=0)
    return np.where(inside, height, 0).astype(np.float32), inside.any(axis=(1, 2))


def test_it_is_the_map_less_a_median_averaged_over_slices():
    found, gap = grids(60, 16), 0.01
    less = found - ndimage.median_filter(found, size=(25, 5, 5), mode="nearest")
    wanted = ndimage.convolve1d(less, np.ones(5) / 5, axis=0, mode="nearest")
    np.testing.assert_allclose(contrast(found, gap), wanted, atol=1e-5)
    np.testing.assert_allclose(slice_peaks(contrast(found, gap)), wanted.max(axis=(1, 2)), atol=1e-5)


@pytest.mark.parametrize(("slices", "side", "gap"), [(60, 16, 0.01), (240, 37, 0.0025), (20, 64, 0.03), (12, 8, 0.1)])
def test_what_a_whole_scan_shares_does_not_count(slices, side, gap):
    noise = grids(slices, side) * 0.01
    rising = np.linspace(0, 0.3, slices)[:, None, None] + np.linspace(0, 0.3, side)[None, :, None] + 5
    assert np.abs(contrast(noise + rising, gap)).max() < 0.3
    spot, there = spotted(slices, side, gap, 3)
    peaks = slice_peaks(contrast(noise + rising + spot, gap))
    assert there[int(peaks.argmax())]
    assert peaks.max() > 1.5


def test_few_slices_are_no_trouble():
    for slices in (1, 2, 3):
        assert contrast(grids(slices, 16), 0.01).shape == (slices, 16, 16)
    assert contrast(grids(3, 1), 0.5).shape == (3, 1, 1)


def test_slices_too_far_apart_are_not_averaged():
    assert thickness(0.01) == THICK
    assert thickness(0.03) == 0
    found = grids(40, 16)
    less = found - ndimage.median_filter(found, size=(25, 5, 5), mode="nearest")
    np.testing.assert_allclose(contrast(found, 0.01, thickness(0.03)), less, atol=1e-5)


def test_a_scan_that_varies_everywhere_is_brought_to_the_usual_spread():
    usual, wild = grids(40, 16), 3 * grids(40, 16, seed=1)
    spot, there = spotted(40, 16, 0.02, 9)
    # Between the 10th and 90th percentiles of a normal distribution lie 2.563 standard deviations.
    assert spread(usual) == pytest.approx(2.563, rel=0.02)
    assert spread(damped(wild, spread(usual))) == pytest.approx(spread(usual), rel=1e-5)
    assert spread(damped(wild + spot, spread(usual))) == pytest.approx(spread(usual), rel=1e-5)
    assert there[int(slice_peaks(damped(wild + 2 * spot, spread(usual))).argmax())]
    assert damped(usual, 1e9) is usual
    assert damped(wild, np.inf) is wild
