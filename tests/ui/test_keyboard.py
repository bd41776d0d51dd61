"""From start to results without a mouse."""

from __future__ import annotations

import pytest
from driving import item_named, wait_idle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog

from ad_desktop.data.samples import Label
from ad_desktop.ui.items import Verdict

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
CTRL = Qt.KeyboardModifier.ControlModifier


def press(qtbot, window, key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    """A key goes to whatever has the focus, as on a keyboard."""
    target = QApplication.focusWidget()
    assert target is not None, "nothing has the focus"
    qtbot.keyClick(target, key, modifiers)


def test_the_whole_path_by_keyboard(qtbot, window, pictures, tmp_path):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.open_paths([pictures])
    wait_idle(qtbot, window)
    session, view = window.session, window.library.view
    assert view.hasFocus(), "pictures were added, and the list has not got the focus"
    press(qtbot, window, Qt.Key.Key_Return, CTRL)
    qtbot.waitUntil(lambda: session.model is not None, timeout=20_000)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: session.current is window.library.rows.rows[0])
    wrong = session.current
    assert session.verdict(wrong) is Verdict.ANOMALOUS
    press(qtbot, window, Qt.Key.Key_W)
    assert window.why.isVisible()
    press(qtbot, window, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: wrong.key in session.normal_keys, timeout=10_000)
    wait_idle(qtbot, window)
    press(qtbot, window, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: wrong.key not in session.normal_keys, timeout=10_000)
    wait_idle(qtbot, window)
    press(qtbot, window, Qt.Key.Key_Home)
    press(qtbot, window, Qt.Key.Key_Down)
    assert session.current is window.library.rows.rows[1]
    chosen = session.current
    press(qtbot, window, Qt.Key.Key_D)
    assert chosen.label is Label.ANOMALOUS
    press(qtbot, window, Qt.Key.Key_F, CTRL)
    assert window.library.search.hasFocus()
    qtbot.keyClicks(QApplication.focusWidget(), "good")
    qtbot.waitUntil(lambda: chosen not in window.library.rows.rows)
    press(qtbot, window, Qt.Key.Key_E, CTRL)
    dialog = next(d for d in window.findChildren(QDialog) if d.isVisible())
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    press(qtbot, window, Qt.Key.Key_F1)
    guide = next(d for d in window.findChildren(QDialog) if d.isVisible())
    qtbot.keyClick(guide, Qt.Key.Key_Escape)


def test_typing_a_filter_is_no_command(qtbot, window, pictures):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.open_paths([pictures])
    wait_idle(qtbot, window)
    labels = {item.key: item.label for item in window.session.items.values()}
    press(qtbot, window, Qt.Key.Key_F, CTRL)
    qtbot.keyClicks(QApplication.focusWidget(), "gdwnca")
    assert window.library.search.text() == "gdwnca"
    assert {item.key: item.label for item in window.session.items.values()} == labels
    assert window.why.isHidden()
    assert item_named(window, "n00.png").label is Label.NORMAL
