"""False alarms and defects: one key, the model follows, undo takes it back."""

from __future__ import annotations

import numpy as np
import pytest
from driving import drop, item_named, open_and_fit, wait_idle
from PySide6.QtCore import Qt
from toy_detector import ToyDetector

from ad_desktop.data.samples import Label
from ad_desktop.ui.flows import updating
from ad_desktop.ui.items import Verdict
from ad_desktop.workflows import update as update_workflow


def picture_of(window) -> dict:
    """Everything a user can see of the model and its scores."""
    session = window.session
    scores = {key: item.score for key, item in session.items.items()}
    verdicts = {key: session.verdict(item) for key, item in session.items.items()}
    return {
        "scores": scores,
        "verdicts": verdicts,
        "labels": {key: item.label for key, item in session.items.items()},
        "threshold": session.threshold.value,
        "held out": list(session.model.calibration.scores),
        "normal": session.normal_keys,
        "row": [item.key for item in window.library.rows.rows],
    }


def press(qtbot, window, key, *items) -> None:
    view, rows = window.library.view, window.library.rows
    view.clearSelection()
    for number, item in enumerate(items):
        index = rows.index_of(item)
        if number == 0:
            view.setCurrentIndex(index)
        view.selectionModel().select(
            index, view.selectionModel().SelectionFlag.Select | view.selectionModel().SelectionFlag.Rows
        )
    view.setFocus()
    qtbot.keyClick(view, key)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: not window.library.rows._pause.isActive())


def undo(qtbot, window) -> None:
    window.actions_.undo.trigger()
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: not window.library.rows._pause.isActive())


def test_a_false_alarm_teaches_the_model_with_one_key_and_undo_takes_it_back(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    session, item = window.session, item_named(window, "s1.png")
    before = picture_of(window)
    assert session.verdict(item) is Verdict.ANOMALOUS
    pixels_seen = session.model.detector.seen_pixels
    press(qtbot, window, Qt.Key.Key_G, item)
    assert item.label is Label.NORMAL
    assert item.key in session.normal_keys
    assert session.normal_keys == session.model.detector.normal_set.keys
    assert item.held_out is not None
    after = picture_of(window)
    assert after["threshold"] != before["threshold"]
    assert len(after["held out"]) == len(before["held out"]) + 1
    changed = [key for key, score in before["scores"].items() if after["scores"][key] != score]
    assert len(changed) > len(before["scores"]) / 2
    # The others were scored again from what was kept of them, not from their pixels.
    assert session.model.detector.seen_pixels == pixels_seen
    spot = item_named(window, "s0.png")
    assert spot.prediction.grid == pytest.approx(session.model.detector._score(*spot.prediction.features).grid)
    assert "joined the normal ones" in window.status.currentMessage()
    assert window.model.fit_panel.stale.isHidden()
    assert window.undo_stack.undoText() == "add 1 picture to the normal ones"
    undo(qtbot, window)
    assert picture_of(window) == before
    window.actions_.redo.trigger()
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: not window.library.rows._pause.isActive())
    assert picture_of(window) == after


def test_undo_brings_back_what_was_there_and_computes_nothing_anew(qtbot, window, pictures, monkeypatch):
    open_and_fit(qtbot, window, pictures)
    states = [picture_of(window)]
    for name in ("s1.png", "n03.png", "s2.png"):
        press(qtbot, window, Qt.Key.Key_D if name.startswith("n") else Qt.Key.Key_G, item_named(window, name))
        states.append(picture_of(window))
    monkeypatch.setattr(update_workflow, "update", None)
    for expected in states[-2::-1]:
        undo(qtbot, window)
        assert picture_of(window) == expected
    assert window.session.model.detector.normal_set.keys == window.session.normal_keys


def test_several_false_alarms_at_once(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    before = picture_of(window)
    spots = [item_named(window, f"s{n}.png") for n in range(3)]
    press(qtbot, window, Qt.Key.Key_G, *spots)
    assert {item.key for item in spots} <= set(window.session.normal_keys)
    assert len(window.session.model.calibration.scores) == 15
    undo(qtbot, window)
    assert picture_of(window) == before


def test_keys_pressed_faster_than_the_model_follows(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    before = picture_of(window)
    spots = [item_named(window, f"s{n}.png") for n in range(3)]
    for item in spots:
        window.edits.teach([item], Label.NORMAL)
    window.undo_stack.undo()
    window.undo_stack.undo()
    wait_idle(qtbot, window)
    assert set(window.session.normal_keys) - set(before["normal"]) == {spots[0].key}
    assert window.session.normal_keys == window.session.model.detector.normal_set.keys
    undo(qtbot, window)
    after = picture_of(window)
    assert after["scores"] == pytest.approx(before["scores"], rel=1e-3)
    assert after["threshold"] == pytest.approx(before["threshold"], rel=1e-3)


def test_a_defect_among_the_normal_pictures_leaves_the_model(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    before = picture_of(window)
    item = item_named(window, "n03.png")
    press(qtbot, window, Qt.Key.Key_D, item)
    assert item.label is Label.ANOMALOUS
    assert item.key not in window.session.normal_keys
    assert item.held_out is None
    assert item.score is not None
    undo(qtbot, window)
    after = picture_of(window)
    assert set(after["normal"]) == set(before["normal"])
    assert after["scores"] == pytest.approx(before["scores"], rel=1e-3)
    assert after["threshold"] == pytest.approx(before["threshold"], rel=1e-3)


def test_a_defect_is_kept_as_known_and_counted(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    detector = window.session.model.detector
    panel = window.model.threshold
    assert panel.found.isHidden()
    spots = [item_named(window, f"s{n}.png") for n in range(3)]
    press(qtbot, window, Qt.Key.Key_D, *spots, item_named(window, "g0.png"))
    assert window.session.model.detector is detector
    assert [item.label for item in spots] == [Label.ANOMALOUS] * 3
    qtbot.waitUntil(lambda: "known&nbsp;anomalous&nbsp;(4)" in panel.legend.text())
    assert "3 of 4" in panel.found.text()
    assert not panel.found.isHidden()
    window.undo_stack.undo()
    qtbot.waitUntil(lambda: panel.found.isHidden())
    assert "known&nbsp;anomalous" not in panel.legend.text()


def test_a_key_that_changes_nothing_says_so(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    count = window.undo_stack.count()
    press(qtbot, window, Qt.Key.Key_G, item_named(window, "n00.png"))
    assert window.undo_stack.count() == count
    assert "n00.png is among the normal pictures already" in window.status.currentMessage()


def test_without_features_the_pixels_are_scored_again(qtbot, window, pictures, monkeypatch):
    monkeypatch.setattr(ToyDetector, "rescore", lambda self, features: None)
    open_and_fit(qtbot, window, pictures)
    seen = window.session.model.detector.seen_pixels
    press(qtbot, window, Qt.Key.Key_G, item_named(window, "s1.png"))
    qtbot.waitUntil(lambda: all(item.score is not None for item in window.session.items.values()))
    assert window.session.model.detector.seen_pixels > seen
    spot = item_named(window, "s0.png")
    assert spot.prediction.grid == pytest.approx(window.session.model.detector._score(*spot.prediction.features).grid)


@pytest.mark.parametrize("where", ["update", "calibrate"])
def test_a_change_that_fails_leaves_model_and_session_as_they_were(qtbot, window, pictures, monkeypatch, where):
    open_and_fit(qtbot, window, pictures)
    before, session = picture_of(window), window.session
    item = item_named(window, "s1.png")

    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ToyDetector, where, fail)
    press(qtbot, window, Qt.Key.Key_G, item)
    monkeypatch.undo()
    assert session.model.detector.normal_set.keys == before["normal"] == session.normal_keys
    assert np.array_equal(session.model.calibration.scores, before["held out"])
    assert "not enough memory" in window.model.fit_panel.error.text.text()
    # The label is what the user said; the model can follow later, or undo takes the label back.
    assert item.label is Label.NORMAL
    assert window.model.fit_panel.stale.isVisible()
    undo(qtbot, window)
    assert picture_of(window) == before
    assert window.model.fit_panel.stale.isHidden()


def test_a_picture_that_cannot_be_read_any_more(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    item = item_named(window, "s1.png")
    item.sample.path.write_bytes(b"")
    before = window.session.normal_keys
    press(qtbot, window, Qt.Key.Key_G, item)
    assert window.session.normal_keys == before
    assert "no picture can be added" in window.model.fit_panel.error.text.text()
    assert item.prediction is not None


def test_teaching_while_pictures_are_scored(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    window.model.settings.form.set_values({"delay": 0.05})
    window.fit()
    qtbot.waitUntil(lambda: window.predicting.job is not None, timeout=20_000)
    item = item_named(window, "s1.png")
    window.edits.teach([item], Label.NORMAL)
    qtbot.waitUntil(lambda: item.key in window.session.normal_keys, timeout=20_000)
    wait_idle(qtbot, window)
    session = window.session
    assert all(i.score is not None for i in session.items.values())
    for i in session.items.values():
        if i.label is not Label.NORMAL:
            assert i.prediction.anomaly_score == session.model.detector._score(*i.prediction.features).anomaly_score


def test_without_a_model_it_is_a_label(qtbot, window, pictures):
    drop(window, pictures)
    wait_idle(qtbot, window)
    item = item_named(window, "g1.png")
    press(qtbot, window, Qt.Key.Key_G, item)
    assert item.label is Label.NORMAL
    assert window.session.model is None


def test_saving_waits_for_the_change(qtbot, window, pictures, tmp_path):
    from ad_desktop.task import Task
    from ad_desktop.workflows.store import load_model

    open_and_fit(qtbot, window, pictures)
    item, path = item_named(window, "s1.png"), tmp_path / "taught.safetensors"
    window.edits.teach([item], Label.NORMAL)
    window.fitting.save(path)
    qtbot.waitSignal(window.fitting.saved, timeout=10_000).wait()
    model = load_model(path, "cpu", Task())
    assert item.key in model.detector.normal_set.keys
    assert len(model.calibration.scores) == 13


def test_the_change_says_what_became_of_it():
    from types import SimpleNamespace

    both = updating.change_text(SimpleNamespace(added=1200, removed=1), "pictures")
    assert both == "1,200 pictures joined the normal ones. 1 picture left the normal ones."
