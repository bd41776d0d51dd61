"""The panel that says why a picture has its score."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from driving import item_named, open_and_fit, wait_idle
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from toy_detector import ToyDetector

from ad_desktop.data.samples import Sample
from ad_desktop.data.tiles import Tile
from ad_desktop.detectors.base import Prediction
from ad_desktop.detectors.tiled.prediction import combined
from ad_desktop.ui.items import Item
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.why.neighbours import sample_of
from ad_desktop.ui.why.words import in_deviations, part_sentence, tile_sentence, total_sentence


def open_why(qtbot, window) -> None:
    window.library.view.setFocus()
    qtbot.keyClick(window.library.view, Qt.Key.Key_W)
    assert window.why.isVisible()


def shown_cards(window) -> list:
    return [card for card in window.why.cards if card.near is not None]


def test_the_parts_of_the_score_and_the_nearest_normal_pictures(qtbot, window, pictures):
    open_and_fit(qtbot, window, pictures)
    item = item_named(window, "s1.png")
    window.session.set_current(item)
    assert window.why.isHidden()
    open_why(qtbot, window)
    why = window.why
    assert {name: label.text() for name, label in why.bars.values.items()} == {
        name: f"{format_score(value)} σ" for name, value in item.prediction.parts.items()
    }
    texts = {label.text() for label in why.bars.findChildren(QLabel)}
    assert part_sentence("local") in texts
    assert "above the threshold" in why.head.text()
    assert "the score" in why.total.text()
    qtbot.waitUntil(lambda: len(shown_cards(window)) == 6)
    detector = window.session.model.detector
    expected = detector.nearest(item.prediction.features, 6)
    assert [card.near.sample.key for card in shown_cards(window)] == [n.key for n in expected]
    assert [card.text() for card in shown_cards(window)] == [format_score(n.distance) for n in expected]
    qtbot.waitUntil(lambda: all(card.pictured for card in shown_cards(window)))
    first = shown_cards(window)[0]
    qtbot.mouseClick(first, Qt.MouseButton.LeftButton)
    assert window.session.current.key == expected[0].key
    # A normal picture is not its own neighbour, and its held-out score is told from what is shown here.
    qtbot.waitUntil(lambda: len(shown_cards(window)) == 6 and "one of the normal" in why.note.text())
    assert expected[0].key not in {card.near.sample.key for card in shown_cards(window)}
    assert window.library.view.hasFocus()
    qtbot.keyClick(window.library.view, Qt.Key.Key_W)
    assert why.isHidden()


def test_pictures_leafed_through_are_not_asked_about(qtbot, window, pictures, monkeypatch):
    asked: list[object] = []
    nearest = ToyDetector.nearest

    def record(self, features, count):
        asked.append(features)
        return nearest(self, features, count)

    def was_asked(item: Item) -> bool:
        return item.prediction is not None and any(features is item.prediction.features for features in asked)

    monkeypatch.setattr(ToyDetector, "nearest", record)
    open_and_fit(qtbot, window, pictures)
    open_why(qtbot, window)
    # What is asked about at first may still change with the ranking.
    qtbot.waitUntil(lambda: len(shown_cards(window)) == 6 and was_asked(window.session.current))
    asked.clear()
    view = window.library.view
    passed: list[Item] = []
    for _ in range(5):
        view.step(1)
        passed.append(window.session.current)
    qtbot.waitUntil(lambda: was_asked(passed[-1]))
    wait_idle(qtbot, window)
    assert not [item.name for item in passed[:-1] if was_asked(item)]


def test_nothing_is_asked_while_the_panel_is_closed(qtbot, window, pictures, monkeypatch):
    def fail(self, features, count):
        raise AssertionError("asked")

    monkeypatch.setattr(ToyDetector, "nearest", fail)
    open_and_fit(qtbot, window, pictures)
    window.library.view.step(1)
    qtbot.wait(300)
    assert window.problems.errors == 0


def test_without_a_score_it_says_what_to_do(qtbot, window):
    open_why(qtbot, window)
    assert "Choose a picture" in window.why.head.text()
    assert shown_cards(window) == []


def test_a_detector_that_compares_no_pictures(qtbot, window, pictures, monkeypatch):
    monkeypatch.setattr(ToyDetector, "nearest", lambda self, features, count: [])
    open_and_fit(qtbot, window, pictures)
    open_why(qtbot, window)
    qtbot.waitUntil(lambda: "does not compare" in window.why.near_text.text())


def test_how_a_total_comes_about():
    assert total_sentence({"local": 2.0, "global": 0.5}, 2.5, True).endswith("the score.")
    scaled = total_sentence({"local": 2.0, "global": 0.5}, 2.1, True)
    assert "Together they are 2.50 standard deviations" in scaled
    assert scaled.endswith("a score of 2.10.")
    assert total_sentence({"global": 12.0}, 12.0, False) == "It is 12.0: the score."
    assert "level of the network" in part_sentence("level 4")
    assert part_sentence("something else") == ""


@pytest.mark.parametrize(("rule", "deviations"), [("local+global", True), ("sum", False), ("global", False)])
def test_units_of_the_parts(rule, deviations):
    assert in_deviations(SimpleNamespace(params=SimpleNamespace(score=rule))) is deviations


def test_keys_are_samples_again(tmp_path):
    path = tmp_path / "a#2"
    for sample in (Sample(tmp_path / "a.png"), Sample(tmp_path / "b.tif", 3)):
        assert sample_of(sample.key) == sample
    assert sample_of(str(path)) == Sample(Path(tmp_path / "a"), 1)
    path.write_bytes(b"x")
    assert sample_of(str(path)) == Sample(path)


def test_with_tiles_it_is_said_which_one_the_parts_are_of():
    tiles = [Tile(top, left, 512, 512, (900, 900)) for top in (0, 388) for left in (0, 388)]
    said = [Prediction(score, np.zeros((2, 2), np.float32), (512, 512), {"local": score}) for score in (1.0, 2, 7, 3)]
    tiled = combined("a.png", (900, 900), tiles, said, None)
    assert tile_sentence(tiled) == "This is the highest of 4 tiles, number 3: 512 × 512 px from x 0, y 388."
    assert tile_sentence(said[0]) == ""
    assert "tiles of normal pictures" in part_sentence("local", tiled=True)
    assert "tile" not in part_sentence("local")
