"""The line of slices above their threshold, and where its links lead."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from viewing import image, volume_of

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.stack import planes
from ad_desktop.detectors.volume_prediction import SquareFrame, VolumePrediction
from ad_desktop.scoring.marking import Marking
from ad_desktop.ui.volumes.slices import SliceScores

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def test_neighbouring_slices_are_one_link_to_the_highest_of_them():
    scores = np.array([np.nan, 1.0, 3.0, 5.0, 1.0, 4.0, np.nan])
    told = SliceScores(Plane.AXIAL, scores)
    assert told.runs(2.0) == [(2, 3, 3), (5, 5, 5)]
    text = told.describe(2.0, spots=1)
    assert text.startswith("3 of 5 axial slices above 2")
    assert "<a href='3'>3–4</a>, <a href='5'>6</a>" in text
    assert "no single spot" not in text
    assert "no single spot" in told.describe(2.0, spots=0)
    assert told.describe(9.0, spots=0).startswith("None of 5 axial slices")


def test_of_many_runs_the_highest_are_listed_in_their_order():
    scores = np.zeros(41)
    scores[1::2] = np.arange(20) + 1
    text = SliceScores(Plane.SAGITTAL, scores).describe(0.5, spots=0)
    assert text.count("<a ") == 8
    assert "and 12 more" in text
    assert text.index(">26<") < text.index(">40<")


@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_a_link_leads_to_the_highest_spot_of_its_slice(world, axis):
    """On a scan whose file has its axes in another order and the other way round."""
    scan = volume_of(image(directions=np.diag([-1.0, 1.0, -1.0])[[2, 0, 1]]))
    stack = planes(np.zeros(scan.shape, np.float32), scan.affine, axis)
    count, rows, columns = stack.shape
    side = max(rows, columns)
    grid = np.zeros((count, side, side), np.float32)
    grid[5, 3, 9] = 1.0
    scores = np.zeros(count)
    scores[5] = 7.0
    found = VolumePrediction(
        7.0, grid, (side, side), smoothing=0.0, slice_scores=scores, scored=tuple(range(count)), axis=axis,
        shape=scan.shape, affine=scan.affine, frame=SquareFrame((0, 0, side, side), side),
    )  # fmt: skip
    item = world.add("a", scan)
    viewer = world.show(item)
    threshold = SimpleNamespace(value=2.0)
    world.session._model = SimpleNamespace(slice_threshold=threshold, marking=Marking())
    world.session._map_threshold = 2.0
    item.prediction = found
    world.session.results_changed.emit()
    line = viewer.regions.slices
    world.qtbot.waitUntil(lambda: "single spot" in line.text(), timeout=20_000)
    assert viewer.regions.regions == ()
    assert line.isVisible()
    assert f"1 of {count} {axis} slices" in line.text()
    viewer.scene.look_at((0, 0, 0))
    line.linkActivated.emit("5")
    x, y, z = viewer.scene.cross
    assert viewer.scene.slice_of(Plane[axis.upper()]) == 5
    assert viewer.layering.map.volume.array[z, y, x] == viewer.layering.map.volume.array.max() > 0
    assert line.textInteractionFlags() & Qt.TextInteractionFlag.LinksAccessibleByKeyboard
    threshold.value = 9.0
    world.session.threshold_changed.emit()
    world.qtbot.waitUntil(lambda: line.text().startswith("None of"), timeout=20_000)
