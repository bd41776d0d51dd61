"""The table of the series in an opened folder: not in the way, all ticked, what is unticked leaves the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from driving import drop, wait_idle
from PySide6.QtCore import Qt

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
