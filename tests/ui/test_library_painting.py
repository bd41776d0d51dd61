"""The list of the library paints what has changed, and no more."""

from __future__ import annotations

from dataclasses import replace

from driving import open_and_fit
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QImage, QPaintEvent
from PySide6.QtWidgets import QTreeView

from ad_desktop.ui.library import row_pictures


class Painted(QObject):
    """Notes how high a part of a widget every painting of it covers."""

    def __init__(self, widget) -> None:
        super().__init__(widget)
        self.heights: list[int] = []
        widget.installEventFilter(self)

    def eventFilter(self, _, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.heights.append(event.region().boundingRect().height())
        return False


def test_only_rows_that_look_different_are_told_of(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    rows, told = window.library.rows, []
    qtbot.waitUntil(lambda: not rows._pause.isActive())
    rows.dataChanged.connect(lambda first, last, _: told.append((first.row(), last.row())))
    rows.catch_up()
    assert told == []
    rows.rows[2].error = "It is damaged."
    rows.catch_up()
    assert set(told) == {(2, 2)}
    told.clear()
    before = [window.session.verdict(item) for item in rows.rows]
    window.session.set_fpr(0.4)
    after = [window.session.verdict(item) for item in rows.rows]
    assert {row for row, _ in told} == {row for row, verdict in enumerate(before) if after[row] is not verdict} != set()
    # Percentiles, which the rows' own values say nothing of, come from the calibration.
    told.clear()
    session = window.session
    model = replace(session.model, calibration=replace(session.model.calibration))
    said = {key: item.prediction for key, item in session.items.items()}
    session.update_model(model, session.normal_keys, said)
    assert (0, len(rows.rows) - 1) in told


def test_leafing_down_moves_the_rows_that_stay_in_view(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    view = window.library.view
    view.setFixedHeight(240)
    view.select_first()
    qtbot.wait(50)
    painted = Painted(view.viewport())
    for _ in range(8):
        before = len(painted.heights)
        view.step(1)
        # However late: two steps painted together are more than one.
        qtbot.waitUntil(lambda before=before: len(painted.heights) > before)
        qtbot.wait(20)
    assert view.verticalScrollBar().value() > 0
    assert painted.heights
    assert max(painted.heights) < view.viewport().height() * 0.6


def seen(view: QTreeView) -> QImage:
    """The list as it is on the screen."""
    return view.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def wait_painted(qtbot, window) -> None:
    """Until every row that is seen has its thumbnail and nothing is waiting to be told."""
    library = window.library
    thumbnails = library.view._delegate._thumbnails

    def done() -> None:
        library.view.viewport().grab()
        assert thumbnails._kept
        assert thumbnails._job is None
        assert not library.rows._pause.isActive()

    qtbot.waitUntil(done)


def test_pictures_of_rows_show_what_their_cells_would(qtbot, window, pictures, monkeypatch):
    open_and_fit(qtbot, window, pictures)
    view = window.library.view
    view.select_first()
    monkeypatch.setattr(row_pictures, "_SPENT", 60.0)
    wait_painted(qtbot, window)
    view._pictures.clear()
    # Where a part of a row alone is painted, that must not become its picture.
    view.viewport().repaint(0, 0, 60, view.viewport().height())
    pictured, again = seen(view), seen(view)
    assert view._pictures._kept
    assert again == pictured
    # As Qt paints a list whose rows nobody keeps.
    monkeypatch.setattr(view._pictures, "draw", lambda *a: a[-1](a[0], a[1]) or True)
    assert seen(view) == pictured
    # What is in the row, and so is in its picture, changes.
    monkeypatch.undo()
    monkeypatch.setattr(row_pictures, "_SPENT", 60.0)
    window.library.rows.rows[0].error = "It is damaged."
    window.library.rows.catch_up()
    assert seen(view) != pictured


def test_rows_that_are_not_painted_in_time_follow(qtbot, window, pictures, monkeypatch):
    open_and_fit(qtbot, window, pictures)
    view = window.library.view
    monkeypatch.setattr(row_pictures, "_SPENT", 60.0)
    wait_painted(qtbot, window)
    whole = seen(view)
    monkeypatch.setattr(row_pictures, "_SPENT", 0.0)
    view._pictures.clear()
    assert seen(view) != whole
    # There is always time for some.
    monkeypatch.setattr(row_pictures, "_SPENT", 0.002)
    view.viewport().update()
    qtbot.waitUntil(lambda: seen(view) == whole)
