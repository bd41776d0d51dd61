"""Drawing the region of interest with mouse and keys: shapes in the session, undo, the veil, and the fit."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import plain, save
from driving import drop, open_and_fit, wait_idle
from PySide6.QtCore import QPoint, QPointF, Qt

from ad_desktop.data.roi import Purpose, RegionOfInterest, Shape, ShapeKind
from ad_desktop.data.samples import Label
from ad_desktop.ui.viewer.roi_editor import Tool
from ad_desktop.ui.viewer.roi_shapes import corner_at, hits, moved, thinned, with_corner

SIZE = (64, 80)
BOX = Shape(ShapeKind.RECTANGLE, ((0.25, 0.25), (0.75, 0.75)))
LEFT = Qt.MouseButton.LeftButton


class Hand:
    """Draws on the picture, in picture coordinates."""

    def __init__(self, qtbot, window) -> None:
        self.qtbot, self.canvas = qtbot, window.viewer.canvas

    def at(self, x: float, y: float) -> QPoint:
        return self.canvas.mapFromScene(self.canvas.box.mapViewToScene(QPointF(x, y)))

    def drag(self, *places: tuple[float, float]) -> None:
        port = self.canvas.viewport()
        self.qtbot.mousePress(port, LEFT, pos=self.at(*places[0]))
        for place in places[1:]:
            self.qtbot.mouseMove(port, self.at(*place))
            self.qtbot.wait(2)
        self.qtbot.mouseRelease(port, LEFT, pos=self.at(*places[-1]))

    def click(self, x: float, y: float) -> None:
        self.qtbot.mouseClick(self.canvas.viewport(), LEFT, pos=self.at(x, y))

    def key(self, key: Qt.Key, *args) -> None:
        self.qtbot.keyClick(self.canvas, key, *args)


@pytest.fixture
def drawing(qtbot, window, pictures):
    """A window in the mode, with a picture shown."""
    drop(window, pictures)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: window.viewer._shown is not None)
    qtbot.keyClick(window.library.view, Qt.Key.Key_R)
    assert window.viewer.roi_bar.isVisible()
    qtbot.wait(30)
    return window


@pytest.fixture
def hand(qtbot, drawing) -> Hand:
    return Hand(qtbot, drawing)


def veiled(window, x: int, y: int) -> bool:
    """Whether a picture pixel is painted as not examined."""
    image = window.viewer.canvas.veil.image
    if image is None:
        return False
    times = image.width() / SIZE[1]
    return image.pixelColor(int((x + 0.5) * times), int((y + 0.5) * times)).alpha() > 0


def test_a_rectangle_is_drawn_undone_and_redone(drawing, hand):
    session = drawing.session
    hand.drag((20, 16), (40, 30), (60, 48))
    (shape,) = session.roi.shapes
    assert shape.kind is ShapeKind.RECTANGLE
    assert shape.purpose is Purpose.EXAMINE
    assert shape.folder == ""
    np.testing.assert_allclose(shape.points, [(0.25, 0.25), (0.75, 0.75)], atol=0.02)
    assert veiled(drawing, 5, 5)
    assert not veiled(drawing, 40, 32)
    drawing.actions_.undo.trigger()
    assert session.roi == RegionOfInterest()
    assert not veiled(drawing, 5, 5)
    drawing.actions_.redo.trigger()
    assert session.roi.shapes == (shape,)


def test_a_polygon_by_clicks_and_enter(drawing, hand):
    hand.key(Qt.Key.Key_P)
    assert drawing.viewer.editor.tool is Tool.POLYGON
    for place in ((10, 10), (60, 12), (70, 60), (40, 50)):
        hand.click(*place)
    hand.key(Qt.Key.Key_Backspace)
    assert drawing.session.roi.shapes == ()
    hand.key(Qt.Key.Key_Return)
    (shape,) = drawing.session.roi.shapes
    assert shape.kind is ShapeKind.POLYGON
    np.testing.assert_allclose(shape.points, [(10 / 80, 10 / 64), (60 / 80, 12 / 64), (70 / 80, 60 / 64)], atol=0.02)


def test_a_polygon_is_closed_at_its_first_corner_or_by_a_double_click(qtbot, drawing, hand):
    hand.key(Qt.Key.Key_P)
    for place in ((10, 10), (60, 10), (60, 50), (10, 10)):
        hand.click(*place)
    assert len(drawing.session.roi.shapes[0].points) == 3
    for place in ((5, 20), (30, 20), (30, 60)):
        hand.click(*place)
    qtbot.mouseDClick(hand.canvas.viewport(), LEFT, pos=hand.at(30, 60))
    assert len(drawing.session.roi.shapes) == 2
    assert len(drawing.session.roi.shapes[1].points) == 3


def test_a_brush_stroke_ignores_and_brackets_change_its_size(drawing, hand):
    editor = drawing.viewer.editor
    hand.key(Qt.Key.Key_B)
    hand.key(Qt.Key.Key_X)
    before = editor.radius
    hand.key(Qt.Key.Key_BracketRight)
    assert editor.radius == pytest.approx(before * 1.25)
    hand.key(Qt.Key.Key_BracketLeft)
    drawing.viewer.roi_bar.size_slider.setValue(75)
    assert editor.radius > before
    hand.drag((20, 32), (30, 32), (40, 32), (60, 32))
    (shape,) = drawing.session.roi.shapes
    assert shape.kind is ShapeKind.BRUSH
    assert shape.purpose is Purpose.IGNORE
    assert shape.radius == pytest.approx(editor.radius)
    assert veiled(drawing, 40, 32)
    assert not veiled(drawing, 40, 5)


def test_a_shape_is_selected_moved_reshaped_and_deleted(drawing, hand):
    session, editor = drawing.session, drawing.viewer.editor
    session.set_roi(RegionOfInterest((BOX,)))
    hand.key(Qt.Key.Key_V)
    hand.click(40, 32)
    assert editor.selected == 0
    hand.drag((40, 32), (45, 34), (48, 36))
    np.testing.assert_allclose(session.roi.shapes[0].points, [(0.35, 0.3125), (0.85, 0.8125)], atol=0.02)
    hand.key(Qt.Key.Key_Right)
    hand.key(Qt.Key.Key_Right)
    assert session.roi.shapes[0].points[0][0] == pytest.approx(0.35 + 2 / 80, abs=0.02)
    x, y = session.roi.shapes[0].points[1]
    hand.drag((x * 80, y * 64), (x * 80 - 5, y * 64 - 5), (x * 80 - 10, y * 64 - 10))
    xs, ys = zip(*session.roi.shapes[0].points, strict=True)
    assert max(xs) == pytest.approx(x - 10 / 80, abs=0.02)
    assert max(ys) == pytest.approx(y - 10 / 64, abs=0.02)
    for _ in range(3):
        drawing.undo_stack.undo()
    assert session.roi.shapes == (BOX,)
    assert editor.selected == 0
    pictures = len(session.items)
    hand.key(Qt.Key.Key_Delete)
    assert session.roi.shapes == ()
    hand.key(Qt.Key.Key_Delete)
    assert len(session.items) == pictures
    drawing.undo_stack.undo()
    assert session.roi.shapes == (BOX,)


def test_purpose_and_scope_change_the_selected_shape(qtbot, drawing, hand):
    session, bar = drawing.session, drawing.viewer.roi_bar
    session.set_roi(RegionOfInterest((BOX,)))
    hand.key(Qt.Key.Key_V)
    hand.click(40, 32)
    hand.key(Qt.Key.Key_X)
    assert session.roi.shapes[0].purpose is Purpose.IGNORE
    assert bar.purpose.currentText() == "Ignore"
    bar.purpose.setFocus()
    qtbot.keyClick(bar.purpose, Qt.Key.Key_Up)
    assert session.roi.shapes[0].purpose is Purpose.EXAMINE
    bar.scope.setFocus()
    qtbot.keyClick(bar.scope, Qt.Key.Key_Down)
    assert session.roi.shapes[0].folder == str(session.current.sample.path.parent)


def test_a_shape_for_this_folder_counts_there_alone(qtbot, drawing, hand):
    session = drawing.session
    here = session.current.sample.path.parent
    drawing.viewer.roi_bar.scope.activated.emit(1)
    hand.drag((20, 16), (40, 30), (60, 48))
    assert session.roi.shapes[0].folder == str(here)
    other = next(item for item in session.items.values() if item.sample.path.parent != here)
    assert veiled(drawing, 5, 5)
    session.set_current(other)
    qtbot.waitUntil(lambda: drawing.viewer._shown.key == other.key)
    assert not veiled(drawing, 5, 5)


def test_the_border_is_one_step_back(drawing):
    bar, session = drawing.viewer.roi_bar, drawing.session
    for value in (4, 8):
        bar.border.setValue(value)
    assert session.roi.border == 8
    assert veiled(drawing, 3, 32)
    assert not veiled(drawing, 12, 32)
    drawing.undo_stack.undo()
    assert session.roi.border == 0
    assert bar.border.value() == 0


def test_escape_leaves_step_by_step(drawing, hand):
    viewer = drawing.viewer
    hand.key(Qt.Key.Key_P)
    hand.click(10, 10)
    assert viewer.editor.draft
    hand.key(Qt.Key.Key_Escape)
    assert not viewer.editor.draft
    assert viewer.editor.tool is Tool.POLYGON
    hand.key(Qt.Key.Key_Escape)
    assert viewer.editor.tool is Tool.SELECT
    hand.key(Qt.Key.Key_Escape)
    assert viewer.roi_bar.isHidden()
    assert not viewer.controls.roi.isChecked()
    hand.drag((20, 16), (60, 48))
    assert drawing.session.roi == RegionOfInterest()


def test_a_click_alone_draws_nothing(drawing, hand):
    hand.click(20, 20)
    assert drawing.session.roi == RegionOfInterest()
    assert drawing.undo_stack.index() == drawing.undo_stack.count()


def test_the_veil_stays_in_every_mode_and_leaves_with_the_bare_picture(qtbot, drawing, hand):
    viewer = drawing.viewer
    drawing.session.set_roi(RegionOfInterest((BOX,)))
    hand.key(Qt.Key.Key_R)
    assert viewer.roi_bar.isHidden()
    for index in range(viewer.controls.mode.count()):
        viewer.controls.mode.setCurrentIndex(index)
        assert viewer.canvas.veil.isVisible()
        assert veiled(drawing, 5, 5)
    viewer.controls.split.trigger()
    assert viewer.stage.original.veil.image is not None
    qtbot.keyPress(viewer.canvas, Qt.Key.Key_Space)
    assert not viewer.canvas.veil.isVisible()
    qtbot.keyRelease(viewer.canvas, Qt.Key.Key_Space)
    assert viewer.canvas.veil.isVisible()


def test_a_changed_region_asks_for_a_fit_and_the_fit_takes_it(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    note, session = window.viewer.region_note, window.session
    assert note.isHidden()
    session.set_current(next(iter(session.items.values())))
    qtbot.waitUntil(lambda: window.viewer._shown is not None)
    window.viewer.controls.roi.trigger()
    qtbot.wait(30)
    Hand(qtbot, window).drag((10, 10), (30, 30), (70, 50))
    assert session.roi_differs
    assert note.isVisible()
    assert "fit again" in note.text.text()
    drawn = session.roi
    qtbot.mouseClick(note.restore, LEFT)
    assert note.isHidden()
    assert session.roi == RegionOfInterest()
    window.undo_stack.undo()
    assert session.roi == drawn
    qtbot.mouseClick(note.fit, LEFT)
    qtbot.waitUntil(lambda: session.model.roi == drawn, timeout=20_000)
    assert note.isHidden()
    wait_idle(qtbot, window)


def test_empty_windows_have_nothing_to_draw_on(window):
    window.viewer.controls.roi.trigger()
    assert window.viewer.roi_bar.isHidden()


def test_geometry_of_shapes():
    place = QPointF(40, 32)
    brush = Shape(ShapeKind.BRUSH, ((0.1, 0.5), (0.9, 0.5)), radius=0.05)
    assert hits(BOX, place, SIZE, 2)
    assert hits(brush, place, SIZE, 1)
    assert not hits(brush, QPointF(40, 40), SIZE, 1)
    assert corner_at(BOX, QPointF(60, 48), SIZE, 3) == 2
    assert corner_at(BOX, place, SIZE, 3) is None
    assert with_corner(BOX, 2, (0.9, 0.8)).points == ((0.25, 0.25), (0.9, 0.8))
    xs, ys = zip(*moved(BOX, (2.0, -2.0)).points, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((0.5, 1.0, 0.0, 0.5))
    line = [(n / 1000, 0.0) for n in range(101)]
    kept = thinned(line, 0.01)
    assert kept[0] == line[0]
    assert kept[-1] == line[-1]
    assert 8 <= len(kept) <= 12


def test_the_bar_wraps_where_it_has_no_room(qtbot, drawing):
    bar = drawing.viewer.roi_bar
    layout = bar.layout()
    one, two = layout.heightForWidth(1200), layout.heightForWidth(380)
    assert two > 1.6 * one
    assert layout.heightForWidth(2000) == one


def test_a_picture_that_cannot_be_read_takes_no_drawing(qtbot, drawing, hand, tmp_path):
    bad = tmp_path / "good" / "bad.png"
    save(bad, plain(np.random.default_rng(0)))
    bad.write_bytes(bad.read_bytes()[:300])
    drawing.open_paths([bad], Label.NORMAL)
    qtbot.waitUntil(lambda: any(i.name == "bad.png" for i in drawing.session.items.values()))
    drawing.session.set_current(next(i for i in drawing.session.items.values() if i.name == "bad.png"))
    qtbot.waitUntil(lambda: drawing.viewer.inner.currentWidget() is drawing.viewer.message)
    assert drawing.viewer.editor.path is None
    assert not drawing.viewer.editor.press(QPointF(1, 1), 1)
