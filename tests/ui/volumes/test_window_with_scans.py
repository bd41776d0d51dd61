"""Scans in the whole window: the right viewer comes up, keys go to it, the list has thumbnails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from driving import drop, wait_idle
from PySide6.QtCore import Qt

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.patches import Patch
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.ui.about import ShortcutsDialog
from ad_desktop.ui.flows import exporting
from ad_desktop.ui.items import Item
from ad_desktop.workflows import export as export_workflow
from ad_desktop.workflows.export import ExportOutcome
from ad_desktop.workflows.scans.settings import SliceSettings

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "head.nii.gz"
    values = np.random.default_rng(0).normal(100, 20, (24, 28, 20)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2, 3, 1])), path)
    return path


def show(qtbot, window, path: Path) -> Item:
    item = window.session.add([Item.of(VolumeSample(path), Label.TO_CHECK)])[0]
    window.session.set_current(item)
    viewer = window.scan_viewer
    qtbot.waitUntil(lambda: viewer.scene.volume is not None or viewer.page.button.isHidden(), timeout=30_000)
    return item


def test_a_scan_brings_its_viewer_and_a_picture_the_other(qtbot, window, pictures, scan):
    drop(window, pictures)
    wait_idle(qtbot, window)
    assert window.centre.currentWidget() is window.viewer
    assert window.model.settings.scans.isHidden()
    item = show(qtbot, window, scan)
    assert not window.model.settings.scans.isHidden()
    assert window.model.settings.options(0.05).slices == SliceSettings()
    window.model.settings.slices.set_values({"axis": "coronal"})
    assert window.model.settings.options(0.05).slices.axis == "coronal"
    assert window.centre.currentWidget() is window.scan_viewer
    assert window.scan_viewer.scene.grid.spacing == (3, 2, 2)
    view = window.library.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_R)
    assert window.scan_viewer.scene.neurological
    assert not window.viewer.roi_bar.isVisible()
    qtbot.waitUntil(lambda: window.library.view.grab() is not None and _thumbnail(window, item), timeout=30_000)
    window.session.set_current(window.library.rows.rows[0])
    assert window.centre.currentWidget() is window.viewer
    qtbot.keyClick(view, Qt.Key.Key_R)
    assert window.viewer.roi_bar.isVisible()
    assert window.scan_viewer.scene.neurological


def _thumbnail(window, item: Item) -> bool:
    row = window.library.rows.index_of(item)
    window.library.view.scrollTo(row)
    kept = window.library.view.itemDelegateForIndex(row)._thumbnails._kept
    return kept.get(item.key) is not None


def test_a_damaged_scan_says_so_in_the_viewer(qtbot, window, scan):
    scan.write_bytes(scan.read_bytes()[:900])
    show(qtbot, window, scan)
    qtbot.waitUntil(lambda: "cannot be shown" in window.scan_viewer.page.text.text(), timeout=30_000)
    assert window.isVisible()


def test_the_sheet_of_shortcuts_lists_the_keys_of_scans(qtbot, window):
    window.actions_.shortcuts.trigger()
    dialog = window.findChild(ShortcutsDialog)
    texts = [label.text() for label in dialog.findChildren(type(window.status.readout))]
    for text in ("<b>Scans</b>", "Neurological view", "Window: Lung", "Right drag"):
        assert text in texts
    dialog.close()


def test_what_was_painted_by_hand_goes_along_when_results_are_exported(qtbot, window, scan, tmp_path, monkeypatch):
    written = []

    def export(model, results, *_):
        written.extend(results)
        return ExportOutcome()

    monkeypatch.setattr(export_workflow, "export_results", export)
    item = show(qtbot, window, scan)
    item.prediction = VolumePrediction(1.0, np.zeros((1, 1, 1), np.float32), (1, 1))
    monkeypatch.setattr(window.exporting, "_session", SimpleNamespace(model=object()))
    patch = Patch(np.array([3]), np.ones(1, np.float32))
    window.scan_viewer.hand.set_patches(item.key, (patch,))
    request = exporting.ExportRequest([item], tmp_path, frozenset({"map"}), 0.5, "inferno", False)
    with qtbot.waitSignal(window.exporting.exported):
        window.exporting.export(request)
    assert written[0].patches == (patch,)
