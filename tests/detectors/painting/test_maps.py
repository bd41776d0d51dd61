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
        return Healthy(np.where(holes, self.healthy, scan.image), np.zeros_like(scan.image))


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
    sigma = np.full(SHAPE, 0.05, np.float32)
    residual, hidden, rounds = refine(painter, changed, score, sigma, Refinement(share, rounds=5))
    assert 1 <= rounds == painter.passes < 5
    assert hidden[block & changed.mask].all()
    np.testing.assert_allclose(residual[block], amount, atol=1e-5)
    assert np.abs(residual[~block]).max() < 1e-6


def test_refinement_of_nothing_does_nothing() -> None:
    scan = SCANS[0]
    painter = Knowing(scan.image)
    residual, hidden, rounds = refine(painter, scan, np.zeros(SHAPE, np.float32), scan.spread, Refinement())
    assert rounds == painter.passes == 0
    assert not residual.any()
    assert not hidden.any()
