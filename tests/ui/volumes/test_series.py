"""The table of the series in an opened folder: not in the way, all ticked, what is unticked leaves the library."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from driving import drop, wait_idle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from ad_desktop.ui.volumes.series import SeriesDialog

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def dialog(qtbot, window, shared: Path) -> SeriesDialog:
    drop(window, shared / "data" / "dicom" / "petct_crop_STS_002")
    qtbot.waitUntil(lambda: window.findChild(SeriesDialog) is not None, timeout=60_000)
    wait_idle(qtbot, window)
    found = window.findChild(SeriesDialog)
    assert not found.isModal()
    return found


def test_what_is_unticked_leaves_the_library_and_can_come_back(qtbot, window, dialog):
    before = list(window.session.items)
    texts = {line.text(1): [line.text(column) for column in range(8)] for line in dialog.lines}
    assert {"CT", "PT"} <= set(texts)
    assert all(line.checkState(0) is Qt.CheckState.Checked for line in dialog.lines)
    assert int(texts["CT"][4]) > 1
    assert texts["CT"][5].count("×") == 2
    pet = next(line for line in dialog.lines if line.text(1) == "PT")
    pet.setCheckState(0, Qt.CheckState.Unchecked)
    dialog.keep.click()
    assert len(set(before) - set(window.session.items)) == 1
    window.undo_stack.undo()
    assert list(window.session.items) == before


def test_left_as_it_is_all_series_stay(window, dialog):
    before = list(window.session.items)
    dialog.keep.click()
    assert list(window.session.items) == before


def test_a_4d_file_asks_which_of_its_parts_stay(qtbot, window, tmp_path):
    path = tmp_path / "rest.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.random.default_rng(0).random((6, 5, 4, 7)), np.eye(4)), path)
    drop(window, path)
    qtbot.waitUntil(lambda: window.findChild(SeriesDialog) is not None, timeout=60_000)
    wait_idle(qtbot, window)
    dialog = window.findChild(SeriesDialog)
    assert "Parts are" in dialog.text.text()
    assert len(dialog.lines) == len(window.session.items) == 7
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Untick all").click()
    dialog.lines[2].setCheckState(0, Qt.CheckState.Checked)
    dialog.keep.click()
    assert [item.sample.part for item in window.session.items.values()] == [2]
