"""What should be known of a scan before its score is relied on stands beside the score and among its facts."""

from __future__ import annotations

import numpy as np
import pytest

from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.detectors.volume_prediction import VolumePrediction

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
UNLIKE = "it looks unlike the normal scans as a whole"


def test_a_remark_follows_the_scan_that_is_shown(world):
    scan = Volume(np.zeros((12, 14, 16), np.int16), make_affine((2, 2, 2)), "HU", "CT")
    items = [world.add(name, scan) for name in ("a", "b")]
    for item, remark in zip(items, (UNLIKE, ""), strict=True):
        grid = np.zeros(scan.shape, np.float32)
        item.prediction = VolumePrediction(1.0, grid, (1, 1), shape=scan.shape, affine=scan.affine, remark=remark)
    viewer = world.show(items[0])
    assert "⚠ It looks unlike the normal scans" in viewer.quad.facts.text.text()
    world.show(items[1])
    assert "unlike" not in viewer.quad.facts.text.text()
    world.show(items[0])
    assert "unlike" in viewer.quad.facts.text.text()
    items[0].prediction = None
    viewer._session.results_changed.emit()
    assert "unlike" not in viewer.quad.facts.text.text()
