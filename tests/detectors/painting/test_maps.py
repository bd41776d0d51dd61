from __future__ import annotations

import numpy as np
import pytest
from scans import SHAPE, aligned
from scipy import ndimage

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.maps import blurred, healthy_sigma, normalised, signed_map
from ad_desktop.detectors.painting.painter import Healthy, Painter
from ad_desktop.detectors.painting.refine import Refinement, refine
from ad_desktop.detectors.painting.template import SMOOTHING, Template

SCANS = aligned(12)


class Knowing(Painter):
    """Knows the healthy scan, so that whatever is hidden is painted right; counts its passes."""

    def __init__(self, healthy: np.ndarray) -> None:
        self.spacing, self.healthy, self.passes = 4.0, healthy, 0

    def paint(self, scan: Scan, holes: np.ndarray, task: object = None) -> Healthy:
        self.passes += 1
        blank = np.zeros_like(scan.image)
        return Healthy(np.where(holes, self.healthy, scan.image), blank, np.full_like(blank, 0.05))


def spoilt(amount: float) -> tuple[Scan, Scan, np.ndarray]:
    """A healthy scan, the same with a brighter block, and the block."""
    healthy = SCANS[0]
    block = np.zeros(SHAPE, bool)
    block[3:6, 12:18, 12:18] = True
    changed = np.where(block, healthy.image + amount, healthy.image).astype(np.float32)
    return healthy, Scan(changed, healthy.mask, healthy.mean, healthy.spread), block


def test_a_template_without_a_scan_is_that_of_the_others() -> None:
    images, masks = [s.image for s in SCANS], [s.mask for s in SCANS]
    rest = Template.of(images[1:], masks[1:]).statistics()
    for found, expected in zip((SCANS[0].mean, SCANS[0].spread), rest, strict=True):
        # Squares of values near 1 are subtracted in single precision.
        np.testing.assert_allclose(found, expected, atol=2e-3)
    everywhere = ndimage.binary_erosion(np.all(masks[1:], axis=0), iterations=3, border_value=True)
    smooth = ndimage.gaussian_filter(np.mean(images[1:], axis=0), SMOOTHING)
    assert everywhere.sum() > 500
    np.testing.assert_allclose(rest[0][everywhere], smooth[everywhere], atol=0.01)


@pytest.mark.parametrize("amount", [0.4, -0.4])
def test_the_map_has_the_sign_of_the_change(amount: float) -> None:
    healthy, changed, block = spoilt(amount)
    sigma = healthy_sigma([s.image - s.mean for s in SCANS], [s.mask for s in SCANS])
    signed = signed_map(changed.image - healthy.image, sigma, changed.mask)
    assert (np.sign(signed[block]) == np.sign(amount)).all()
    assert (signed[~changed.mask] == 0).all()
    score = normalised(np.abs(signed), changed.mask)
    assert score[changed.mask].mean() == pytest.approx(1)
    assert score[block].min() > score[changed.mask & ~ndimage.binary_dilation(block, iterations=5)].max()


def test_blur_sees_nothing_outside_the_mask() -> None:
    mask = SCANS[0].mask
    values = np.where(mask, 2.0, 100.0).astype(np.float32)
    np.testing.assert_allclose(blurred(values, mask)[mask], 2.0, rtol=1e-5)


def test_sigma_is_that_of_the_residuals() -> None:
    rng = np.random.default_rng(0)
    mask = np.ones((10, 20, 20), bool)
    spread = np.linspace(0.1, 0.5, 20)
    residuals = [(rng.standard_normal(mask.shape) * spread).astype(np.float32) for _ in range(40)]
    found = healthy_sigma(residuals, [mask] * 40)
    np.testing.assert_allclose(found[5, 10, 3:-3], spread[3:-3], rtol=0.1)


@pytest.mark.parametrize("amount", [0.4, -0.4])
def test_refinement_keeps_the_lesion_drops_the_rest_and_stops(amount: float) -> None:
    healthy, changed, block = spoilt(amount)
    score = np.abs(changed.image - healthy.image)
    decoy = np.zeros(SHAPE, bool)
    decoy[2:7, 20:25, 14:18] = True
    score[decoy] = 1
    share = float((block | decoy).sum() / changed.mask.sum())
    painter = Knowing(healthy.image)
    how = Refinement(share, rounds=5)
    found = refine(painter, changed, score, how)
    assert 1 <= found.rounds == painter.passes < 5
    assert found.hidden[block & changed.mask].all()
    np.testing.assert_allclose(found.difference[block], amount, atol=1e-5)
    assert np.abs(found.difference[~block]).max() < 1e-6
    lowered = found.lowered(score, how)
    np.testing.assert_array_equal(lowered[block], score[block])
    hidden = decoy & found.hidden
    assert hidden.sum() > 20
    np.testing.assert_allclose(lowered[hidden], 0.5)
    np.testing.assert_array_equal(lowered[~found.hidden], score[~found.hidden])


def test_the_smaller_the_difference_the_more_a_score_is_lowered() -> None:
    healthy, changed, block = spoilt(0.1)
    score = block.astype(np.float32)
    found = refine(Knowing(healthy.image), changed, score, Refinement(2 * float(block.sum() / changed.mask.sum())))
    lowered = [found.lowered(score, Refinement(enough=enough))[block] for enough in (2, 2.5, 4, 8)]
    for values, expected in zip(lowered, (1, 0.8, 0.5, 0.5), strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_refinement_of_nothing_does_nothing() -> None:
    scan = SCANS[0]
    painter = Knowing(scan.image)
    found = refine(painter, scan, np.zeros(SHAPE, np.float32), Refinement())
    assert found.rounds == painter.passes == 0
    assert not found.difference.any()
    assert not found.hidden.any()
    np.testing.assert_array_equal(found.lowered(scan.spread, Refinement()), scan.spread)


def test_a_median_is_that_of_all_27_voxels_with_0_outside_the_mask() -> None:
    rng = np.random.default_rng(4)
    residual = rng.normal(size=(5, 6, 7)).astype(np.float32)
    mask = rng.random(residual.shape) < 0.8
    found = signed_map(residual, np.full_like(residual, 2), mask, "median")
    padded = np.pad(np.where(mask, residual / 2, 0), 1, mode="symmetric")
    expected = np.median(np.lib.stride_tricks.sliding_window_view(padded, (3, 3, 3)), axis=(3, 4, 5))
    np.testing.assert_allclose(found, np.where(mask, expected, 0), rtol=1e-6)
