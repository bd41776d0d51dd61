"""The list of the library paints what has changed, and no more."""

from __future__ import annotations

from dataclasses import replace

from driving import open_and_fit
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QPaintEvent


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
