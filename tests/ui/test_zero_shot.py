"""A method that needs no normal pictures, through the window: fitted on none, it judges by a fixed threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import plain, save
from driving import drop, scored, wait_idle
from PySide6.QtCore import Qt
from safetensors.torch import save_file
from tiny_clip import tiny_clip

from ad_desktop.data.samples import Label
from ad_desktop.detectors.anomalyclip import AnomalyCLIP
from ad_desktop.ui.model.summary import model_facts


@pytest.fixture
def window(toy, make_window):
    toy["anomalyclip"] = AnomalyCLIP
    return make_window()


@pytest.fixture
def to_check(tmp_path: Path) -> Path:
    random = np.random.default_rng(5)
    for n in range(3):
        save(tmp_path / "pictures" / f"{n}.png", plain(random))
    return tmp_path / "pictures"


def test_the_loss_is_drawn_while_prompts_are_learned(qtbot, window, to_check, tmp_path):
    save_file(tiny_clip(layers=2), tmp_path / "tiny.safetensors")
    random = np.random.default_rng(6)
    for name in ("good", "spot"):
        pixels = plain(random)
        pixels[5:12, 5:12] = 255 if name == "spot" else pixels[5:12, 5:12]
        save(tmp_path / "objects" / "test" / name / "0.png", pixels)
    drop(window, to_check)
    wait_idle(qtbot, window)
    settings, panel = window.model.settings, window.model.fit_panel
    settings.detector.setCurrentIndex(settings.detector.findData("anomalyclip"))
    settings.form.set_values({
        "weights": str(tmp_path / "tiny.safetensors"), "image_size": 32, "train_on": str(tmp_path / "objects"),
        "epochs": 1000,
    })  # fmt: skip
    assert not panel.curve.isVisible()
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(panel.curve.isVisible, timeout=60_000)
    epochs, losses = panel.curve.line.getData()
    assert list(epochs[:2]) == [1, 2]
    assert np.isfinite(losses).all()
    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, window)
    assert window.session.model is None


def test_what_is_wrong_with_the_files_is_said_in_the_panel(qtbot, window, to_check, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    save_file(tiny_clip(layers=2), tmp_path / "tiny.safetensors")
    data = (tmp_path / "tiny.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: len(data) // 2])
    (tmp_path / "prompts.pth").write_bytes(data[:1000])
    drop(window, to_check)
    wait_idle(qtbot, window)
    settings, panel = window.model.settings, window.model.fit_panel
    settings.detector.setCurrentIndex(settings.detector.findData("anomalyclip"))
    for values, words in (
        ({"model": "ViT-B-16"}, "the network is declared off"),
        ({"weights": str(tmp_path / "cut.safetensors")}, "damaged or incomplete"),
        ({"weights": str(tmp_path / "tiny.safetensors"), "prompts": str(tmp_path / "prompts.pth")}, "or is damaged"),
    ):
        settings.form.set_values({"image_size": 32, **values})
        qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
        assert window.fitting.job is not None
        qtbot.waitUntil(lambda: window.fitting.job is None, timeout=60_000)
        assert words in panel.error.text.text()
        assert window.session.model is None
    assert len(window.problems.problems) == 3


def test_fitted_without_normal_pictures(qtbot, window, to_check, tmp_path):
    save_file(tiny_clip(), tmp_path / "tiny.safetensors")
    drop(window, to_check)
    wait_idle(qtbot, window)
    qtbot.mouseClick(window.library.label_bar.buttons[Label.TO_CHECK], Qt.MouseButton.LeftButton)
    panel, settings = window.model.fit_panel, window.model.settings
    assert not panel.button.isEnabled()
    settings.detector.setCurrentIndex(settings.detector.findData("anomalyclip"))
    settings.form.set_values({"weights": str(tmp_path / "tiny.safetensors"), "image_size": 64})
    assert panel.button.isEnabled()
    assert panel.button.text() == "Fit without normal pictures"
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.model is not None, timeout=60_000)
    wait_idle(qtbot, window)
    qtbot.waitUntil(lambda: scored(window) and not window.model.threshold._soon.isActive(), timeout=20_000)

    model, threshold = window.session.model, window.model.threshold
    assert not model.calibrated
    assert ("Normal pictures", "none: zero-shot, uncalibrated") in model_facts(model)
    assert threshold.warning.isVisible()
    assert threshold.warning.text.text().startswith("Uncalibrated")
    assert not threshold.rate.isEnabled()
    assert float(threshold.value.text()) == 0.5
    assert "held out" not in threshold.legend.text()
    window.grab()
    # Neither the rate nor a drag moves what nothing was measured for.
    threshold.rate.setValue(20)
    threshold.histogram.threshold_moved.emit(0.1)
    threshold.histogram.accept_moved.emit(0.1)
    assert window.session.threshold.value == 0.5
    item = next(iter(window.session.items.values()))
    window.session.set_current(item)
    assert 0 <= item.score <= 1
    assert window.viewer.header.detail.first.endswith("threshold 0.500 (uncalibrated)")
