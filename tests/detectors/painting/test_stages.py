from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scans import SHAPE, aligned

from ad_desktop.detectors.painting.batches import Scan
from ad_desktop.detectors.painting.names import DISCS, STAGES
from ad_desktop.detectors.painting.painter import Healthy, Painter
from ad_desktop.detectors.painting.refine import Refinement
from ad_desktop.detectors.painting.stages import Stage, deviations, examine
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task

SCANS = aligned(12)
BLOCK = np.zeros(SHAPE, bool)
BLOCK[3:6, 12:18, 12:18] = True


class Averaging(Painter):
    """Paints the healthy mean, everywhere, and doubts what differs from it."""

    def __init__(self) -> None:
        self.spacing = 4.0

    def paint(self, scan: Scan, holes: np.ndarray, task: Task | None = None) -> Healthy:
        (task or Task()).check()
        doubt = np.where(holes, 0, 40 * np.abs(scan.image - scan.mean) - 8).astype(np.float32)
        return Healthy(scan.mean, doubt, np.full_like(scan.mean, 0.05))


@pytest.mark.parametrize("refinement", [None, Refinement(share=0.03)], ids=["first pass", "refined"])
@pytest.mark.parametrize("amount", [0.4, -0.4], ids=["bright", "dark"])
# Discs find bright lesions only, and have tests of their own.
@pytest.mark.parametrize("name", [name for name in STAGES if name != DISCS])
def test_every_stage_finds_what_does_not_belong(name: str, amount: float, refinement: Refinement | None) -> None:
    stage, painter = Stage(name, (16.0,), refinement), Averaging()
    sigma = deviations(painter, SCANS[1:], stage, Task())
    assert sorted(sigma) == sorted(stage.needed)
    healthy = SCANS[0]
    spoilt = Scan(healthy.image + np.where(BLOCK, np.float32(amount), 0), healthy.mask, healthy.mean, healthy.spread)
    found = examine(painter, spoilt, sigma, stage, Task())
    first = examine(painter, spoilt, sigma, replace(stage, refinement=None), Task()).score
    assert first[healthy.mask].mean() == pytest.approx(1, rel=1e-4)
    assert (found.score <= first).all()
    assert (found.score >= 0.5 * first).all()
    assert (found.score >= 0).all()
    assert not found.score[~healthy.mask].any()
    assert np.median(found.score[BLOCK]) > 3 * np.quantile(found.score[healthy.mask & ~BLOCK], 0.9)
    assert (np.sign(found.signed[BLOCK]) == np.sign(amount)).all()
    # What is shown as healthy does not hold the lesion.
    assert np.abs(spoilt.image - found.difference - healthy.mean)[BLOCK].max() < 1e-5


@pytest.mark.parametrize("name", ["inpaint", "combined", "z"])
def test_smoothing_by_a_median_drops_single_voxels_and_keeps_edges(name: str) -> None:
    stage, painter = Stage(name, (16.0,), None, smoothing="median"), Averaging()
    sigma = deviations(painter, SCANS[1:], stage, Task())
    healthy, speck = SCANS[0], np.zeros(SHAPE, bool)
    speck[1, 8, 16] = True
    image = healthy.image + np.where(BLOCK | speck, np.float32(0.4), 0)
    spoilt = Scan(image, healthy.mask, healthy.mean, healthy.spread)
    found, smooth = (examine(painter, spoilt, sigma, s, Task()) for s in (stage, replace(stage, smoothing="gaussian")))
    assert found.signed[speck] < 0.3 * smooth.signed[speck]
    inner, outer = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    inner[4, 13:17, 12], outer[4, 13:17, 11] = True, True
    edge = [float(np.median(one.signed[inner]) - np.median(one.signed[outer])) for one in (found, smooth)]
    assert edge[0] > 1.3 * edge[1]
    assert not found.score[~healthy.mask].any()


def test_it_can_be_cancelled() -> None:
    stage, painter, task = Stage("inpaint"), Averaging(), Task()
    sigma = deviations(painter, SCANS[1:], stage, Task())
    task.cancel()
    with pytest.raises(Cancelled):
        examine(painter, SCANS[0], sigma, stage, task)
    with pytest.raises(Cancelled):
        deviations(painter, SCANS, stage, task)
