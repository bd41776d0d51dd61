"""The published scheme of discs: what it finds, and what it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from scans import SHAPE, aligned

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.discs import Discs, disc_residual
from ad_desktop.detectors.painting.painter import Healthy, Painter
from ad_desktop.detectors.painting.stages import DISCS, Stage, deviations, examine
from ad_desktop.task import Task

SCANS = aligned(4)
HOW = Discs(level=0.9, peak=1.1, radius_mm=12.0)


class Knowing(Painter):
    """Paints what the healthy scan shows, and keeps the holes it was given."""

    def __init__(self, healthy: np.ndarray) -> None:
        self.spacing, self.healthy, self.holes = 4.0, healthy, []

    def paint(self, scan: Scan, holes: np.ndarray, task: object = None) -> Healthy:
        self.holes.append(holes)
        rest = np.zeros_like(scan.image), np.ones_like(scan.image)
        return Healthy(np.where(holes, self.healthy, scan.image), *rest)


def spoilt(amount: float) -> tuple[Scan, np.ndarray]:
    scan, block = SCANS[0], np.zeros(SHAPE, bool)
    block[3:6, 13:17, 13:17] = True
    image = np.where(block, scan.image + amount, scan.image).astype(np.float32)
    return Scan(image, scan.mask, scan.mean, scan.spread), block


def test_a_bright_lesion_is_covered_by_discs_and_nothing_else_changes() -> None:
    scan, block = spoilt(0.5)
    painter = Knowing(SCANS[0].image)
    found = disc_residual(painter, scan, HOW)
    np.testing.assert_allclose(found[block], 0.5, atol=1e-5)
    assert not found[~block].any()
    # Each disc alone first, all of its size; then the best of each slice together.
    *alone, union = painter.holes
    assert 1 <= len(alone) <= HOW.tried
    assert not union[[0, 1, 2, 6, 7]].any()
    area = np.count_nonzero(np.hypot(*np.indices((7, 7)) - 3) <= 3)
    assert max(np.count_nonzero(holes[4]) for holes in alone) == area
    assert (union <= np.any(alone, axis=0)).all()


@pytest.mark.parametrize("amount", [-0.5, 0.2])
def test_dark_and_faint_lesions_are_lost(amount: float) -> None:
    scan, _ = spoilt(amount)
    painter = Knowing(SCANS[0].image)
    assert not disc_residual(painter, scan, HOW).any()
    assert painter.holes == []


def test_what_is_painted_as_it_was_is_left_alone() -> None:
    scan, _ = spoilt(0.5)
    assert not disc_residual(Knowing(scan.image), scan, HOW).any()


def test_it_is_a_stage_of_its_own() -> None:
    scan, block = spoilt(0.9)
    painter = Knowing(SCANS[0].image)
    stage = Stage(DISCS, refinement=None, divided=False)
    sigma = deviations(painter, SCANS[1:], stage, Task())
    found = examine(painter, scan, sigma, stage, Task())
    assert found.score[block].min() > 10 * found.score[~block].mean()
    np.testing.assert_allclose(found.difference[block], 0.9, atol=1e-5)
