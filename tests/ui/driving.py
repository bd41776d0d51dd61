"""What tests of the window do again and again: drop, wait, fit."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from ad_desktop.ui.items import Item
from ad_desktop.ui.main_window import MainWindow


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), copy, data, left, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert window.veil.isVisible()
    event = QDropEvent(QPointF(300, 300), copy, data, left, none)
    QApplication.sendEvent(window, event)
    assert not window.veil.isVisible()


def idle(window: MainWindow) -> bool:
    return not window._runner.active and not window.predicting._soon.isActive()


def wait_idle(qtbot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: idle(window), timeout=20_000)


def open_and_fit(qtbot, window: MainWindow, pictures: Path) -> None:
    drop(window, pictures)
    wait_idle(qtbot, window)
    qtbot.mouseClick(window.model.fit_panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.model is not None, timeout=20_000)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: not window.library.rows._pause.isActive())


def scored(window: MainWindow) -> bool:
    items = window.session.items.values()
    return bool(items) and all(item.score is not None for item in items)


def names(window: MainWindow) -> list[str]:
    return [item.name for item in window.library.rows.rows]


def item_named(window: MainWindow, name: str) -> Item:
    return next(item for item in window.session.items.values() if item.name == name)
