"""Text of twice the usual size, and a screen of 1440 × 900 at twice its scale, cut nothing off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import item_named, open_and_fit
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QTabBar, QToolButton, QWidget

from ad_desktop.ui.texts import ElidedLabel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def needed(widget: QWidget) -> QSize | None:
    """The room that a widget's text needs; None where it shows none, or shortens it by itself."""
    if isinstance(widget, ElidedLabel):
        return None
    if isinstance(widget, QLabel) and widget.wordWrap():
        return QSize(0, widget.heightForWidth(widget.width()))
    if isinstance(widget, QToolButton):
        return widget.sizeHint() if widget.toolButtonStyle() != Qt.ToolButtonStyle.ToolButtonIconOnly else None
    if isinstance(widget, QComboBox):
        metrics = widget.fontMetrics()
        return QSize(metrics.horizontalAdvance(widget.currentText()), metrics.height())
    return widget.minimumSizeHint() if isinstance(widget, QLabel | QAbstractButton | QTabBar) else None


def clipped(window: QWidget) -> list[str]:
    """Texts that have less room than they need, or stick out of their parents where nobody can scroll sideways."""
    found = []
    for widget in window.findChildren(QWidget):
        room = needed(widget) if widget.isVisible() and not widget.visibleRegion().isEmpty() else None
        if room is None:
            continue
        seen = widget.visibleRegion().boundingRect().width()
        if min(widget.width(), seen) + 1 < room.width() or widget.height() + 1 < room.height():
            text = widget.property("text") or widget.property("currentText")
            found.append(f"{type(widget).__name__} {text!r}: {seen} of {widget.size()}, needs {room}")
    return found


def shows_all(qtbot, window: QWidget) -> None:
    """Texts that changed last get their room with the next events, however long these take."""

    def whole() -> None:
        assert clipped(window) == []

    qtbot.waitUntil(whole)


@pytest.fixture(params=["text twice as large", "screen of half the size"])
def large(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[QSize]:
    """The window's size."""
    before = QFont(qapp.font())
    if request.param == "text twice as large":
        font = QFont(before)
        font.setPointSizeF(2 * before.pointSizeF())
        qapp.setFont(font)
        yield QSize(1440, 900)
        qapp.setFont(before)
    else:
        yield QSize(720, 450)


def test_nothing_is_cut_off(qtbot, large, make_window, pictures: Path):
    window = make_window()
    window.resize(large)
    shows_all(qtbot, window)
    window.model.method.set_open(True)
    open_and_fit(qtbot, window, pictures)
    window.session.set_current(item_named(window, "s1.png"))
    qtbot.keyClick(window.viewer, Qt.Key.Key_S)
    window.session.set_borderline(0.3)
    window.actions_.export.trigger()
    dialog = window.export_dialog
    qtbot.waitUntil(dialog.isVisible)
    shows_all(qtbot, window)
    shows_all(qtbot, dialog)
    dialog.close()


def test_a_label_without_room_is_noticed(qtbot):
    box = QWidget()
    label = QLabel("a text that needs more room than it is given", box)
    label.setFixedWidth(40)
    qtbot.addWidget(box)
    box.resize(300, 80)
    box.show()
    qtbot.waitExposed(box)
    assert len(clipped(box)) == 1
    label.setFixedWidth(295)
    label.setWordWrap(True)
    label.resize(295, 60)
    assert clipped(box) == []
    label.move(200, 0)
    label.setWordWrap(False)
    assert len(clipped(box)) == 1
