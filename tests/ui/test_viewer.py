"""The viewer: side by side, the list of regions, the smallest region, fetching ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import plain, save
from driving import drop, open_and_fit, wait_idle
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtWidgets import QApplication

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Label
from ad_desktop.detectors.base import Prediction
from ad_desktop.ui.viewer.findings import find
from ad_desktop.ui.viewer.paint import Mode
from ad_desktop.ui.viewer.pictures import Overlay, Scale, make_overlay


def show_spot(qtbot, window):
    """A fitted window that shows the picture with a spot, its regions found."""
    viewer = window.viewer
    item = next(i for i in window.session.items.values() if i.name == "s0.png")
    window.session.set_current(item)
    qtbot.waitUntil(lambda: viewer._shown is not None and viewer._shown.key == item.key)
    qtbot.waitUntil(lambda: viewer._overlay is not None and viewer._overlay.key == item.key)
    qtbot.waitUntil(lambda: viewer._found is not None)
    return viewer


def middle(canvas, x: float, y: float) -> QPoint:
    """Where on the widget a place of the picture is."""
    return canvas.mapFromScene(canvas.box.mapViewToScene(QPointF(x, y)))


def views(canvas) -> list[float]:
    rect = canvas.box.viewRect()
    return [rect.left(), rect.top(), rect.width(), rect.height()]


def overlay_of(values: np.ndarray, size: tuple[int, int] | None = None) -> Overlay:
    scale = Scale(0.0, 10.0)
    values = values.astype(np.float32)
    return Overlay("a", scale, size or values.shape, scale.codes(values), values)


def test_side_by_side_by_key_is_remembered(qtbot, make_window, pictures):
    window = make_window()
    drop(window, pictures)
    wait_idle(qtbot, window)
    stage = window.viewer.stage
    assert not stage.split
    qtbot.keyClick(window.library.view, Qt.Key.Key_S)
    assert stage.split
    assert stage.original.isVisible()
    assert stage.original.width() == stage.main.width() or stage.original.height() == stage.main.height()
    other = make_window()
    assert other.viewer.stage.split
    assert other.viewer.controls.split.isChecked()


def test_side_by_side_views_are_linked(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    window.viewer.controls.split.trigger()
    main, original = viewer.stage.main, viewer.stage.original
    qtbot.waitUntil(lambda: original.isVisible() and abs(original.width() - main.width()) <= 1)
    viewer.controls.actual.trigger()
    assert views(original) == pytest.approx(views(main), abs=0.6)
    before = views(main)
    start = middle(original, 40, 30)
    qtbot.mousePress(original.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 6):
        qtbot.mouseMove(original.viewport(), start + QPoint(8 * step, 4 * step))
        qtbot.wait(5)
    qtbot.mouseRelease(original.viewport(), Qt.MouseButton.LeftButton, pos=start + QPoint(40, 20))
    assert views(main) != pytest.approx(before, abs=0.6)
    assert views(main) == pytest.approx(views(original), abs=0.6)
    assert not main.fitted
    viewer.controls.fit.trigger()
    assert original.fitted
    assert views(main) == pytest.approx(views(original), abs=0.6)


def test_the_cursor_in_one_view_is_a_cross_in_the_other(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    viewer.controls.split.trigger()
    main, original = viewer.stage.main, viewer.stage.original
    qtbot.wait(20)
    qtbot.mouseMove(original.viewport(), middle(original, 36.4, 26.4))
    qtbot.waitUntil(lambda: main.cross.point is not None)
    assert main.cross.point == QPointF(36.5, 26.5)
    assert original.cross.point is None
    assert "x 36, y 26" in window.status.readout.text()
    viewer.controls.split.trigger()
    assert main.cross.point is None


def test_the_original_shows_nothing_over_the_picture(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    viewer.controls.split.trigger()
    qtbot.wait(30)
    spot = viewer.stage.original.grab().toImage()
    at = middle(viewer.stage.original, 36, 26)
    ratio = spot.devicePixelRatio()
    colour = spot.pixelColor(round(at.x() * ratio), round(at.y() * ratio))
    assert (colour.red(), colour.green(), colour.blue()) == (250, 250, 250)


def test_regions_are_listed_and_numbered(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    panel = viewer.regions
    assert panel.isVisible()
    assert len(panel.regions) == 1
    assert "1 region above " in panel.summary.text()
    row = panel.table.topLevelItem(0)
    region = panel.regions[0]
    assert row.text(0) == "1"
    assert row.text(1) == f"{region.area:,} px"
    assert row.text(2).startswith(f"{100 * region.area / (64 * 80):.2g}"[:1])
    assert not viewer.canvas.regions.boundingRect().isEmpty()
    window.library.view.setFocus()
    qtbot.keyClick(window.library.view, Qt.Key.Key_L)
    assert panel.isHidden()
    assert not viewer.canvas.regions.isVisible()
    qtbot.keyClick(window.library.view, Qt.Key.Key_L)
    assert panel.isVisible()


@pytest.mark.parametrize("by", ["mouse", "key"])
def test_a_click_or_enter_jumps_to_a_region(qtbot, window, pictures, by):
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    table = viewer.regions.table
    viewer.controls.actual.trigger()
    if by == "mouse":
        place = table.visualItemRect(table.topLevelItem(0)).center()
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    else:
        table.setFocus()
        table.setCurrentItem(table.topLevelItem(0))
        qtbot.keyClick(table, Qt.Key.Key_Return)
    top, left, bottom, right = viewer.regions.regions[0].bbox
    box = QRectF(left, top, right - left, bottom - top)
    seen = viewer.canvas.box.viewRect()
    assert seen.contains(box)
    assert (seen.center() - box.center()).manhattanLength() < 1
    assert not viewer.canvas.fitted
    assert viewer.canvas.regions._chosen == 1
    viewer.canvas.frame(QRectF(0, 0, 70, 60))
    assert viewer.canvas.fitted


@pytest.mark.qt_log_ignore("propagateSizeHints")
def test_the_smallest_region_hides_smaller_ones_and_reaches_the_export(qtbot, make_window, pictures, tmp_path):
    window = make_window()
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    area = viewer.regions.regions[0].area
    spin = viewer.regions.smallest
    spin.setFocus()
    spin.selectAll()
    qtbot.keyClicks(spin, str(area + 1))
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert window.session.min_region == area + 1
    assert window.session.model.min_region == area + 1
    qtbot.waitUntil(lambda: len(viewer.regions.regions) == 0)
    assert viewer.canvas.contour.boundingRect().isEmpty()
    assert "Nothing above " in viewer.regions.summary.text()
    window.ask_export()
    assert f"{area + 1:,} px" in window.export_dialog.small.text()
    window.export_dialog.reject()
    window.session.set_min_region(area)
    qtbot.waitUntil(lambda: len(viewer.regions.regions) == 1)
    path = tmp_path / "small.safetensors"
    with qtbot.waitSignal(window.fitting.saved, timeout=10_000):
        window.fitting.save(path)
    other = make_window()
    drop(other, path)
    qtbot.waitUntil(lambda: other.session.model is not None)
    assert other.session.min_region == area
    assert other.viewer.regions.smallest.value() == area


def test_small_regions_are_left_out_of_list_outline_and_codes():
    values = np.zeros((40, 60))
    values[5:8, 5:8] = 6
    values[20:30, 20:40] = 5
    overlay = overlay_of(values)
    everything = find(overlay, 2.0)
    assert [region.area for region in everything.regions] == [9, 200]
    assert everything.codes is None
    some = find(overlay, 2.0, 10)
    assert [region.area for region in some.regions] == [200]
    assert some.codes is not None
    assert some.codes[6, 6] == 0
    assert some.codes[25, 25] == overlay.codes[25, 25] > 0
    assert some.outline[:, 1].min() > 15
    assert everything.outline[:, 1].min() < 8
    assert everything.anchors[0] == (6.5, 5.0)


def test_regions_of_a_reduced_map_are_in_pixels_of_the_picture():
    values = np.zeros((10, 20))
    values[2:4, 5:9] = 3
    found = find(overlay_of(values, (100, 200)), 1.0)
    region = found.regions[0]
    assert region.area == 8 * 100
    assert region.bbox == (20, 50, 40, 90)
    assert region.peak_yx == (25, 55)
    assert find(overlay_of(values, (100, 200)), 1.0, 801).regions == ()


def test_what_was_not_examined_is_empty_in_the_overlay():
    mask = np.zeros((32, 48), bool)
    mask[:, :24] = True
    prediction = Prediction(1.0, np.full((8, 12), 5, np.float32), (32, 48), examined=lambda: mask)
    overlay = make_overlay("a", prediction, Scale(-1.0, 6.0))
    assert overlay.examined is not None
    np.testing.assert_array_equal(overlay.examined, mask)
    assert (overlay.codes[:, 24:] == 0).all()
    assert (overlay.values[:, :24] == 5).all()
    assert find(overlay, 2.0).regions[0].bbox == (0, 0, 32, 24)


def test_above_threshold_paints_no_small_regions(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = show_spot(qtbot, window)
    area = viewer.regions.regions[0].area
    viewer.controls.mode.setCurrentText(Mode.ABOVE.value)
    assert viewer.canvas.map._array is viewer._overlay.codes
    window.session.set_min_region(area + 1)
    qtbot.waitUntil(lambda: viewer._found is not None and viewer._found.codes is not None)
    assert viewer.canvas.map._array is viewer._found.codes
    viewer.controls.mode.setCurrentText(Mode.HEAT.value)
    assert viewer.canvas.map._array is viewer._overlay.codes


def test_neighbours_are_ready_before_they_are_asked_for(qtbot, window, tmp_path):
    random = np.random.default_rng(2)
    for n in range(6):
        save(tmp_path / "good" / f"{n}.png", plain(random))
    drop(window, tmp_path / "good")
    wait_idle(qtbot, window)
    view, source = window.library.view, window.viewer.source
    view.select_first()
    qtbot.waitUntil(lambda: window.session.current is window.library.rows.rows[0])
    following = window.library.rows.rows[1]
    qtbot.waitUntil(lambda: following.key in source._pictures)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    # With the next event, not after a job: it was there.
    QApplication.processEvents()
    assert window.viewer._shown.key == following.key


def test_pictures_ahead_stay_within_the_memory(qtbot, window, tmp_path, monkeypatch):
    from ad_desktop.ui.viewer import source as module

    random = np.random.default_rng(2)
    for n in range(8):
        save(tmp_path / "good" / f"{n}.png", plain(random))
    each = 64 * 80 * 4
    monkeypatch.setattr(module, "_MEMORY", 3 * each)
    drop(window, tmp_path / "good")
    wait_idle(qtbot, window)
    source, viewer = window.viewer.source, window.viewer
    for row in range(8):
        window.library.view.setCurrentIndex(window.library.rows.index(row, 0))
        key = window.session.current.key
        qtbot.waitUntil(lambda key=key: viewer._shown is not None and viewer._shown.key == key and not source._jobs)
        assert sum(shown.nbytes for shown in source._pictures.values()) <= 3 * each
        assert window.session.current.key in source._pictures


def test_an_opened_model_brings_its_region(qtbot, make_window, pictures, tmp_path):
    window = make_window()
    open_and_fit(qtbot, window, pictures)
    path = tmp_path / "with region.safetensors"
    window.session.set_roi(RegionOfInterest(border=7))
    assert window.session.roi_differs
    window.fit()
    qtbot.waitUntil(lambda: not window.session.roi_differs, timeout=20_000)
    wait_idle(qtbot, window)
    with qtbot.waitSignal(window.fitting.saved, timeout=10_000):
        window.fitting.save(path)
    other = make_window()
    drop(other, path)
    qtbot.waitUntil(lambda: other.session.model is not None, timeout=10_000)
    assert other.session.roi == RegionOfInterest(border=7)
    assert not other.session.roi_differs


def test_labels_are_not_touched_by_keys_of_the_viewer(qtbot, window, pictures: Path):
    drop(window, pictures)
    wait_idle(qtbot, window)
    before = window.session.counts()
    for key in (Qt.Key.Key_S, Qt.Key.Key_L, Qt.Key.Key_R, Qt.Key.Key_R):
        qtbot.keyClick(window.viewer.canvas, key)
    assert window.session.counts() == before
    assert before[Label.NORMAL] == 12


def test_a_zoom_is_told_with_a_picture_only(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer, zoom = show_spot(qtbot, window), window.viewer.controls.zoom
    before = viewer.canvas.zoom
    assert zoom.text() == f"{100 * before:.0f} %"
    shown = viewer.canvas._shown
    viewer.canvas.set_picture(None)
    assert viewer.canvas.zoom == 0
    assert zoom.text() == ""
    viewer.canvas.set_picture(shown)
    assert viewer.canvas.zoom == pytest.approx(before)
    assert zoom.text() == f"{100 * before:.0f} %"
