"""The scan that comes with the program: one click, and what does not belong is seen beside what should be there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.opening import load_volume
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.detectors.registry import detectors
from ad_desktop.task import Task
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.workflows.export import Exporter
from ad_desktop.workflows.model import Result

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def toy():
    """The window has the program's own detectors here."""
    return detectors()


def test_one_click_finds_the_lesions_of_the_sample_scan(window, qtbot, tmp_path):
    qtbot.mouseClick(window.viewer.empty.scan, Qt.MouseButton.LeftButton)
    viewer = window.scan_viewer
    qtbot.waitUntil(lambda: bool(viewer.regions.regions), timeout=120_000)
    qtbot.waitUntil(lambda: viewer.scene.residual is not None, timeout=20_000)
    qtbot.waitUntil(lambda: len(viewer.scene.layers) == 3, timeout=20_000)
    QApplication.processEvents()
    # Nothing asks for anything, and all that is to be seen is there.
    assert not viewer.unit_question.isVisible()
    assert viewer.quad.painted[Plane.AXIAL, Aspect.RESIDUAL].isVisible()
    item = window.session.current
    mask = load_volume(VolumeSample(item.mask), Task())
    regions = viewer.regions.regions
    peaks = [tuple(np.rint(mask.index(region.peak_position)).astype(int)[::-1]) for region in regions[:2]]
    assert all(mask.array[peak] == 1 for peak in peaks)
    assert viewer.scene.cross == pytest.approx(viewer.scene.grid.index(regions[0].peak_position), abs=0.5)
    residual = item.prediction.residual
    assert residual[peaks[0]] < -100
    assert residual[peaks[1]] > 100
    table = viewer.regions.table
    qtbot.waitUntil(lambda: table.columnCount() == 8, timeout=20_000)
    means = [float(table.topLevelItem(row).text(7)) for row in (0, 1)]
    assert means[0] < -100
    assert means[1] > 50

    # The table is what is exported, whatever way the scan's axes run.
    model = window.session.model
    exporter = Exporter(model, [item.sample], tmp_path, ("json",))
    exporter.add(Result(item.sample, item.prediction))
    exporter.finish()
    (path,) = tmp_path.rglob("*regions.json")
    exported = json.loads(path.read_text())["regions"]
    assert [e["volume_ml"] for e in exported] == pytest.approx([r.volume_ml for r in regions])
    assert [e["peak_position"] for e in exported] == [pytest.approx(list(r.peak_position)) for r in regions]


def test_a_second_click_shows_the_scan_again(window, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr(window.samples, "_open_model", opened.append)
    window.actions_.open_scan.trigger()
    window.session.set_current(None)
    window.actions_.open_scan.trigger()
    assert len(window.session.items) == 1
    assert window.session.current is not None
    assert [path.name for path in opened] == ["brain-t1.adm"] * 2
    qtbot.waitUntil(lambda: not window._runner.active, timeout=60_000)
    assert isinstance(load_volume(window.session.current.sample, Task()).array, np.ndarray)
