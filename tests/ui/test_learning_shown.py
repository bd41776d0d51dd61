"""A fit of AutoPaint in the window: losses and painted slices are seen, it is cancelled, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from driving import wait_idle
from heads import head
from PySide6.QtCore import Qt

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.volume import flipped_lps_ras
from ad_desktop.detectors.autopaint import AutoPaint
from ad_desktop.ui.items import Item

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def window(toy, make_window):
    toy["autopaint"] = AutoPaint
    return make_window()


@pytest.fixture
def heads(tmp_path: Path) -> list[VolumeSample]:
    samples = []
    for number in range(4):
        volume, mask = head(number)
        path = tmp_path / "heads" / f"{number}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        values = np.where(mask, np.maximum(volume.array, 1), 0).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values.T, flipped_lps_ras(volume.affine)), path)
        samples.append(VolumeSample(path, unit="none"))
    return samples


def test_a_fit_is_watched_cancelled_and_gone_on_with(qtbot, window, heads):
    window.session.add([Item.of(sample, Label.NORMAL) for sample in heads])
    settings, panel = window.model.settings, window.model.fit_panel
    settings.detector.setCurrentIndex(settings.detector.findData("autopaint"))
    settings.form.set_values({"steps": 400, "spacing": 5.0, "seed": 7})
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.curve.isVisible() and panel.preview.isVisible(), timeout=180_000)
    steps, losses = panel.curve.lines[0].getData()
    assert list(steps[:2]) == [2, 4]
    assert np.isfinite(losses).all()
    assert panel.preview.titles == ["original", "hidden", "painted"]
    original, hidden = (panel.preview.image(title, 0) for title in panel.preview.titles[:2])
    assert original.size() == hidden.size()
    assert original != hidden

    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.fitting.job is None, timeout=60_000)
    assert window.session.model is None
    assert panel.stopped.isVisible()
    assert "goes on from there" in panel.stopped.text.text()
    done = int(panel.stopped.text.text().split("after ")[1].split(" of")[0])
    assert done >= 4
    wait_idle(qtbot, window)

    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: f"continued from step {done}" in panel.message.text(), timeout=180_000)
    assert not panel.stopped.isVisible()
    qtbot.waitUntil(panel.curve.isVisible, timeout=60_000)
    # What was learned before is part of the curve.
    assert list(panel.curve.lines[0].getData()[0][:2]) == [2, 4]
    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, window)
