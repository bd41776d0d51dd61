"""A model that is not saved is asked about, once, and only where something would be lost."""

from __future__ import annotations

import pytest
from driving import drop, item_named, open_and_fit, wait_idle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from ad_desktop.data.samples import Label

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def own_window(make_window, pictures, tmp_path):
    """A window whose bundled sample is elsewhere: the pictures are the user's own."""
    window = make_window()
    window.unsaved._sample = f"{tmp_path / 'bundled'}/"
    return window


def question(window) -> QMessageBox | None:
    boxes = [box for box in window.findChildren(QMessageBox) if box.isVisible()]
    return boxes[0] if boxes else None


def press(qtbot, box: QMessageBox, button: QMessageBox.StandardButton) -> None:
    qtbot.mouseClick(box.button(button), Qt.MouseButton.LeftButton)


def save(qtbot, window, path) -> None:
    with qtbot.waitSignal(window.fitting.saved, timeout=10_000):
        window.fitting.save(path)


def test_closing_asks_and_cancel_keeps_everything(qtbot, own_window, pictures):
    open_and_fit(qtbot, own_window, pictures)
    assert own_window.isWindowModified()
    model = own_window.session.model
    own_window.close()
    box = question(own_window)
    assert box is not None
    assert own_window.isVisible()
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert own_window.isVisible()
    assert own_window.session.model is model
    own_window.close()
    press(qtbot, question(own_window), QMessageBox.StandardButton.Discard)
    assert not own_window.isVisible()


def test_save_asks_for_the_place_and_then_closes(qtbot, own_window, pictures, tmp_path):
    open_and_fit(qtbot, own_window, pictures)
    own_window.close()
    press(qtbot, question(own_window), QMessageBox.StandardButton.Save)
    dialog = next(d for d in own_window.findChildren(QFileDialog) if d.isVisible())
    path = tmp_path / "kept.safetensors"
    dialog.selectFile(str(path))
    dialog.accept()
    qtbot.waitUntil(lambda: path.exists())
    qtbot.waitUntil(lambda: not own_window.isVisible(), timeout=10_000)


def test_calling_the_place_off_calls_the_closing_off(qtbot, own_window, pictures, tmp_path):
    open_and_fit(qtbot, own_window, pictures)
    own_window.close()
    press(qtbot, question(own_window), QMessageBox.StandardButton.Save)
    next(d for d in own_window.findChildren(QFileDialog) if d.isVisible()).reject()
    save(qtbot, own_window, tmp_path / "later.safetensors")
    qtbot.wait(50)
    assert own_window.isVisible()


def test_a_saved_model_is_not_asked_about_until_it_changes(qtbot, own_window, pictures, tmp_path):
    window = own_window
    open_and_fit(qtbot, window, pictures)
    save(qtbot, window, tmp_path / "parts.safetensors")
    assert not window.unsaved.modified
    assert window.windowTitle().startswith("parts.safetensors")
    rate = window.session.fpr
    window.session.set_fpr(0.2)
    assert window.isWindowModified()
    window.session.set_fpr(rate)
    assert not window.isWindowModified()
    window.session.set_borderline(0.3)
    assert window.unsaved.modified
    window.session.set_borderline(None)
    window.edits.teach([item_named(window, "s0.png")], Label.NORMAL)
    wait_idle(qtbot, window)
    assert window.unsaved.modified


def test_opening_another_model_asks(qtbot, own_window, pictures, tmp_path):
    window, path = own_window, tmp_path / "first.safetensors"
    open_and_fit(qtbot, window, pictures)
    save(qtbot, window, path)
    window.session.set_fpr(0.31)
    drop(window, path)
    press(qtbot, question(window), QMessageBox.StandardButton.Cancel)
    wait_idle(qtbot, window)
    assert window.session.fpr == 0.31
    drop(window, path)
    press(qtbot, question(window), QMessageBox.StandardButton.Discard)
    qtbot.waitUntil(lambda: window.session.fpr == 0.05, timeout=10_000)
    assert not window.unsaved.modified


def test_the_bundled_sample_is_not_worth_a_question(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    assert not window.unsaved.modified
    window.close()
    assert question(window) is None
    assert not window.isVisible()


def test_without_a_model_nothing_is_asked(qtbot, own_window, pictures):
    drop(own_window, pictures)
    wait_idle(qtbot, own_window)
    own_window.close()
    assert not own_window.isVisible()
