"""The window, driven as a user drives it: drop, fit, look, change the threshold, export."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from drawn import plain, save
from driving import drop, names, open_and_fit, scored, wait_idle
from PySide6.QtCore import Qt

from ad_desktop.data.samples import Label
from ad_desktop.data.tiles import Tiling
from ad_desktop.ui.items import Verdict
from ad_desktop.ui.library.rows import Column
from ad_desktop.ui.model.summary import model_facts
from ad_desktop.ui.viewer.paint import Mode
from ad_desktop.workflows.store import save_model


def test_starts_empty_and_says_what_to_do(window):
    assert window.viewer.pages.currentWidget() is window.viewer.empty
    assert not window.model.fit_panel.button.isEnabled()
    assert "Add good pictures" in window.model.fit_panel.reason.text()
    assert not window.actions_.save_model.isEnabled()
    assert not window.actions_.export.isEnabled()


def test_a_data_set_is_recognised_as_a_whole(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    counts = window.session.counts()
    assert counts[Label.NORMAL] == 12
    assert counts[Label.TO_CHECK] == 7
    spots = [item for item in window.session.items.values() if item.defect == "spot"]
    assert len(spots) == 3
    assert all(item.mask is not None for item in spots)
    assert window.library.label_bar.isHidden()
    assert window.model.fit_panel.button.isEnabled()
    assert window.session.current is not None


def test_an_unnamed_folder_asks_in_place(qtbot, window, tmp_path, pictures):
    drop(window, pictures / "test" / "spot")
    wait_idle(qtbot, window)
    bar = window.library.label_bar
    assert bar.isVisible()
    assert window.session.counts() == {Label.TO_CHECK: 3}
    qtbot.mouseClick(bar.buttons[Label.ANOMALOUS], Qt.MouseButton.LeftButton)
    assert bar.isHidden()
    assert window.session.counts() == {Label.ANOMALOUS: 3}


@pytest.mark.parametrize("name", ["good", "OK", "Normal"])
def test_a_folder_named_good_is_normal(qtbot, window, tmp_path, name):
    for n in range(2):
        save(tmp_path / name / f"{n}.png", plain(np.random.default_rng(n)))
    drop(window, tmp_path / name)
    wait_idle(qtbot, window)
    assert window.session.counts() == {Label.NORMAL: 2}
    assert window.library.label_bar.isHidden()


def test_fit_scores_everything_and_ranks_it(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session = window.session
    assert all(item.score is not None for item in session.items.values())
    spots = [item for item in session.items.values() if item.defect]
    assert all(session.verdict(item) is Verdict.ANOMALOUS for item in spots)
    top = {"s0.png", "s1.png", "s2.png"}
    qtbot.waitUntil(lambda: {item.name for item in window.library.rows.rows[:3]} == top)
    qtbot.waitUntil(lambda: session.current is window.library.rows.rows[0])
    header = window.viewer.header
    assert "threshold" in header.detail.first
    assert "above 100.0 % of normal" in header.detail.first
    assert "Known: spot" in header.detail.second
    assert window.model.model_section.isVisible()
    qtbot.waitUntil(lambda: window.viewer._overlay is not None)
    qtbot.waitUntil(lambda: not window.viewer.canvas.contour.boundingRect().isEmpty())
    assert not window.viewer.canvas.truth.boundingRect().isEmpty()


def test_the_false_positive_rate_moves_threshold_and_verdicts_without_a_fit(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session = window.session
    detector, before = session.model.detector, session.threshold.value
    flagged = sum(session.verdict(i) is Verdict.ANOMALOUS for i in session.items.values())
    window.model.threshold.rate.setValue(40.0)
    assert session.threshold.value < before
    assert sum(session.verdict(i) is Verdict.ANOMALOUS for i in session.items.values()) > flagged
    assert session.model.detector is detector
    assert session.model.fpr == pytest.approx(0.4)
    assert window._runner.active == ()
    assert window.model.threshold.histogram.line.value() == pytest.approx(session.threshold.value)


def test_dragging_the_line_sets_the_rate(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session = window.session
    scores = np.sort(session.model.calibration.scores)
    target = float((scores[6] + scores[7]) / 2)
    window.model.threshold.histogram.threshold_moved.emit(target)
    assert scores[6] <= session.threshold.value <= scores[8]
    assert window.model.threshold.rate.value() == pytest.approx(100 * session.fpr, abs=0.06)


def test_cancelling_a_fit(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    window.model.settings.form.set_values({"delay": 0.3})
    panel = window.model.fit_panel
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert panel.busy.isVisible()
    qtbot.wait(200)
    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    assert not panel.cancel.isEnabled()
    wait_idle(qtbot, window)
    assert window.session.model is None
    assert panel.busy.isHidden()
    assert panel.button.isEnabled()
    assert panel.error.isHidden()


def test_a_device_out_of_memory_is_said_in_words(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    window.model.settings.form.set_values({"fail": True})
    window.fit()
    wait_idle(qtbot, window)
    panel = window.model.fit_panel
    assert panel.error.isVisible()
    assert "not enough memory" in panel.error.text.text()
    assert window.problems.errors == 1
    assert panel.button.isEnabled()


def test_bad_files_are_listed_and_the_rest_goes_on(qtbot, window, pictures):
    (pictures / "test" / "good" / "empty.png").write_bytes(b"")
    (pictures / "train" / "good" / "cut.png").write_bytes((pictures / "train" / "good" / "n00.png").read_bytes()[:300])
    open_and_fit(qtbot, window, pictures)
    errors = {item.name for item in window.session.items.values() if item.error}
    assert {"cut.png"} <= errors <= {"cut.png", "empty.png"}
    assert window.session.model.calibration.scores.shape == (12,)
    assert window.problems.errors >= 2
    assert window.status.problems.isVisible()
    qtbot.mouseClick(window.status.problems, Qt.MouseButton.LeftButton)
    assert window.problems_dock.isVisible()
    assert window.problems_dock.table.topLevelItemCount() == len(window.problems.problems)
    bad = next(item for item in window.session.items.values() if item.name == "cut.png")
    window.session.set_current(bad)
    qtbot.waitUntil(lambda: window.viewer.inner.currentWidget() is window.viewer.message)
    assert window.viewer.message.text()


def test_labelling_by_key_and_undo(qtbot, window, pictures):
    drop(window, pictures / "test" / "good")
    wait_idle(qtbot, window)
    view = window.library.view
    view.setFocus()
    view.selectAll()
    assert window.session.counts() == {Label.NORMAL: 4}
    for key, label in ((Qt.Key.Key_A, Label.ANOMALOUS), (Qt.Key.Key_C, Label.TO_CHECK), (Qt.Key.Key_N, Label.NORMAL)):
        qtbot.keyClick(view, key)
        assert window.session.counts() == {label: 4}
    window.undo_stack.undo()
    assert window.session.counts() == {Label.TO_CHECK: 4}
    window.undo_stack.redo()
    assert window.session.counts() == {Label.NORMAL: 4}
    order = names(window)
    view.setCurrentIndex(window.library.rows.index(1, 0))
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert names(window) == [order[0], *order[2:]]
    window.undo_stack.undo()
    assert names(window) == order


def test_filter_and_sort(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    library = window.library
    library.search.setText("spot")
    qtbot.waitUntil(lambda: len(library.rows.rows) == 3)
    library.search.clear()
    qtbot.waitUntil(lambda: len(library.rows.rows) == 19)
    library.show_only.setCurrentText("Verdict: anomalous")
    assert all(window.session.verdict(item) is Verdict.ANOMALOUS for item in library.rows.rows)
    library.show_only.setCurrentText("Label: normal")
    assert len(library.rows.rows) == 12
    library.show_only.setCurrentIndex(0)
    library.view.sortByColumn(Column.SCORE, Qt.SortOrder.AscendingOrder)
    scores = [item.score for item in library.rows.rows]
    assert scores == sorted(scores)
    library.search.setText("no such picture")
    qtbot.waitUntil(lambda: library.rows.rows == [])


def test_selection_survives_sorting_and_filtering(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    view, rows = window.library.view, window.library.rows
    view.setCurrentIndex(rows.index(4, 0))
    chosen = window.session.current
    view.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder)
    assert view.selected_items() == [chosen]
    window.library.search.setText(chosen.name)
    qtbot.waitUntil(lambda: len(rows.rows) == 1)
    assert window.session.current is chosen
    assert view.selected_items() == [chosen]


def test_keyboard_path(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    view, viewer = window.library.view, window.viewer
    view.setFocus()
    first = window.session.current
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert window.session.current is window.library.rows.rows[1]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert window.session.current is first
    qtbot.waitUntil(lambda: viewer._shown is not None and viewer._shown.key == first.key)
    qtbot.keyClick(view, Qt.Key.Key_1)
    assert viewer.canvas.zoom == pytest.approx(1.0, rel=0.02)
    assert not viewer.canvas.fitted
    qtbot.keyClick(view, Qt.Key.Key_F)
    assert viewer.canvas.fitted
    qtbot.waitUntil(lambda: viewer.canvas.map.isVisible())
    qtbot.keyPress(view, Qt.Key.Key_Space)
    assert not viewer.canvas.map.isVisible()
    assert not viewer.canvas.contour.isVisible()
    qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert viewer.canvas.map.isVisible()
    qtbot.keyClick(view, Qt.Key.Key_T)
    assert not viewer.canvas.contour.isVisible()


def test_value_under_the_cursor(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = window.viewer
    qtbot.waitUntil(lambda: viewer._overlay is not None and viewer._shown is not None)
    viewer.canvas.hovered.emit((36, 26))
    text = window.status.readout.text()
    assert "x 36, y 26" in text
    assert "grey 250" in text
    assert "above" in text
    viewer.canvas.hovered.emit(None)
    assert window.status.readout.text() == ""


def test_overlay_modes_change_the_table_alone(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    viewer = window.viewer
    qtbot.waitUntil(lambda: viewer._overlay is not None)
    overlay, heat = viewer._overlay, list(viewer.canvas.map._table)
    viewer.controls.mode.setCurrentText(Mode.ABOVE.value)
    above = list(viewer.canvas.map._table)
    code = viewer._overlay.scale.code(window.session.map_threshold)
    assert above != heat
    assert all(colour >> 24 == 0 for colour in above[:code])
    assert all(colour >> 24 > 0 for colour in above[code:])
    viewer.controls.opacity.setValue(20)
    assert max(colour >> 24 for colour in viewer.canvas.map._table) == pytest.approx(51, abs=1)
    viewer.controls.mode.setCurrentText(Mode.OFF.value)
    assert not viewer.canvas.map.isVisible()
    assert viewer._overlay is overlay


def test_new_pictures_are_scored_by_themselves(qtbot, window, pictures, tmp_path):
    open_and_fit(qtbot, window, pictures)
    new = plain(np.random.default_rng(9))
    new[:10, :10] = 0
    save(tmp_path / "later" / "new.png", new)
    drop(window, tmp_path / "later")
    qtbot.waitUntil(lambda: any(i.name == "new.png" and i.score is not None for i in window.session.items.values()))
    item = next(i for i in window.session.items.values() if i.name == "new.png")
    assert window.session.verdict(item) is Verdict.ANOMALOUS


def test_a_false_alarm_becomes_normal_by_an_update(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    item = next(i for i in window.session.items.values() if i.defect)
    window.edits.label([item], Label.NORMAL)
    panel = window.model.fit_panel
    assert panel.stale.isVisible()
    assert "1 normal added" in panel.stale.text.text()
    qtbot.mouseClick(panel.update_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: item.key in window.session.model.detector.normal_set.keys)
    wait_idle(qtbot, window)
    assert panel.stale.isHidden()
    assert item.held_out is not None
    assert len(window.session.model.calibration.scores) == 13


@pytest.mark.qt_log_ignore("propagateSizeHints")
def test_export_writes_what_was_asked_for(qtbot, window, pictures, tmp_path):
    open_and_fit(qtbot, window, pictures)
    window.ask_export()
    dialog = window.export_dialog
    for kind, box in dialog.kinds.items():
        box.setChecked(kind in ("overlay", "csv", "json"))
    dialog.folder.clear()
    assert not dialog.export.isEnabled()
    target = tmp_path / "out put"
    dialog.folder.setText(str(target))
    dialog.open_after.setChecked(False)
    dialog.all.setChecked(True)
    expected = len(dialog.request().items)
    with qtbot.waitSignal(window.exporting.exported, timeout=20_000):
        qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    assert expected == 7
    assert len(list((target / "overlays").rglob("*.png"))) == expected
    tables = list(target.glob("*.csv")) + list(target.glob("*.json"))
    assert len(tables) == 2
    assert json.loads(next(target.glob("*.json")).read_text())
    assert any("files written" in problem.text for problem in window.problems.problems)


def test_save_and_open_a_model(qtbot, make_window, pictures, tmp_path):
    window = make_window()
    open_and_fit(qtbot, window, pictures)
    path = tmp_path / "my model.safetensors"
    with qtbot.waitSignal(window.fitting.saved, timeout=10_000):
        window.fitting.save(path)
    scores = {item.name: item.score for item in window.session.items.values() if item.label is Label.TO_CHECK}
    other = make_window()
    drop(other, path)
    qtbot.waitUntil(lambda: other.session.model is not None, timeout=10_000)
    assert other.menus.recent_models.paths() == [path]
    drop(other, pictures / "test")
    qtbot.waitUntil(lambda: scored(other))
    assert {item.name: item.score for item in other.session.items.values()} == pytest.approx(scores)


def test_a_model_of_the_command_line_is_dropped_on_the_window(qtbot, window, make_window, pictures, tmp_path):
    open_and_fit(qtbot, window, pictures)
    save_model(window.session.model, tmp_path / "model.adm")
    other = make_window()
    drop(other, tmp_path / "model.adm")
    qtbot.waitUntil(lambda: other.session.model is not None, timeout=10_000)
    assert not other.session.items


def test_tiles_go_from_the_form_to_the_model(qtbot, window, pictures):
    tiles = window.model.settings.tiles
    assert window.model.settings.options(0.05).tiling == Tiling()
    assert tiles.overlap.isHidden()
    tiles.side.stepUp()
    assert tiles.side.value() == 256
    tiles.side.setValue(32)
    tiles.overlap.setValue(10)
    open_and_fit(qtbot, window, pictures)
    assert window.session.model.tiling == Tiling(32, 10)
    normal = [item for item in window.session.items.values() if item.label is Label.NORMAL]
    assert set(window.session.normal_keys) == {item.key for item in normal}
    assert ("Tiles", "32 px, overlap 10 px") in model_facts(window.session.model)
    qtbot.waitUntil(lambda: window.viewer._overlay is not None)
    false_alarm = next(i for i in window.session.items.values() if i.label is Label.TO_CHECK and not i.defect)
    before = {item.key: item.score for item in window.session.items.values()}
    window.edits.teach([false_alarm], Label.NORMAL)
    qtbot.waitUntil(lambda: false_alarm.key in window.session.normal_keys, timeout=10_000)
    wait_idle(qtbot, window)
    window.undo_stack.undo()
    qtbot.waitUntil(lambda: false_alarm.key not in window.session.normal_keys, timeout=10_000)
    wait_idle(qtbot, window)
    assert {item.key: item.score for item in window.session.items.values()} == pytest.approx(before)


def test_the_list_of_problems_does_not_open_empty(make_window):
    first = make_window()
    first.problems_dock.show()
    first.close()
    assert make_window().problems_dock.isHidden()


def test_a_file_that_is_no_model(qtbot, window, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not a model")
    drop(window, path)
    wait_idle(qtbot, window)
    assert window.session.model is None
    assert window.model.fit_panel.error.isVisible()
    assert window.problems.errors == 1


def test_closing_during_a_fit(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    window.model.settings.form.set_values({"delay": 1.0})
    window.fit()
    qtbot.wait(150)
    started = time.monotonic()
    window.close()
    assert time.monotonic() - started < 4
    assert not window.isVisible()
    assert not [t for t in threading.enumerate() if t.name.startswith(("detector", "files", "viewer"))]


def test_closing_during_predictions(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    window.model.settings.form.set_values({"delay": 0.05})
    window.fit()
    qtbot.waitUntil(lambda: window.predicting.job is not None, timeout=20_000)
    started = time.monotonic()
    window.close_now()
    assert time.monotonic() - started < 4


def test_layout_is_remembered(qtbot, make_window):
    first = make_window()
    first.model.hide()
    first.viewer.controls.mode.setCurrentText(Mode.ABOVE.value)
    first.close()
    second = make_window()
    assert second.model.isHidden()
    assert second.viewer.controls.chosen_mode is Mode.ABOVE


def test_light_and_dark_repaint_everything(qtbot, window, theme, pictures):
    from ad_desktop.ui.theme import Appearance

    open_and_fit(qtbot, window, pictures)
    seen = {}
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        theme.set_appearance(appearance)
        qtbot.wait(50)
        image = window.grab().toImage()
        seen[appearance] = image.pixelColor(5, image.height() - 5).lightnessF()
    assert seen[Appearance.LIGHT] > 0.8
    assert seen[Appearance.DARK] < 0.3


def test_texts_of_second_rank_follow_the_appearance(window, theme):
    from PySide6.QtGui import QPalette

    from ad_desktop.ui.model.section import DimLabel
    from ad_desktop.ui.theme import Appearance

    labels = window.findChildren(DimLabel)
    for appearance in (Appearance.LIGHT, Appearance.DARK, Appearance.LIGHT):
        theme.set_appearance(appearance)
        colours = {label.palette().color(QPalette.ColorRole.WindowText).name() for label in labels}
        assert colours == {theme.colours.dim}
