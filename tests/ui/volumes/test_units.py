"""The unit of files that name none: asked once for a folder, suggested, remembered, and used at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from viewing import World, image, volume_of, wheel

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import HU, SUV, Volume, make_affine
from ad_desktop.ui.items import Item

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def add(world, path: str, volume: Volume) -> Item:
    world.scans[Path(path).name] = volume
    return world.session.add([Item.of(VolumeSample(Path(path)), Label.TO_CHECK)])[0]


def bare(made=None) -> Volume:
    return volume_of(image() if made is None else made, unit="", modality="")


def test_a_unit_is_asked_once_for_a_folder_and_used_at_once(world):
    one, two = add(world, "/scans/a.nii", bare()), add(world, "/scans/b.nii", bare())
    elsewhere = add(world, "/others/c.nii", bare())
    viewer = world.show(one)
    question, view = viewer.unit_question, world.view(Plane.AXIAL)
    assert question.isVisible()
    assert question.choice.currentData() == HU
    assert viewer.scene.volume.unit == ""
    wheel(view, 2)
    wheel(view, 3, Qt.KeyboardModifier.ControlModifier)
    cross, eye = viewer.scene.cross, view.eye
    world.qtbot.mouseClick(question.use, Qt.MouseButton.LeftButton)
    assert not question.isVisible()
    assert viewer.scene.volume.unit == HU
    assert "HU" in viewer.quad.facts.text.text()
    assert viewer.controls.preset.findText("Lung") >= 0
    assert (viewer.scene.cross, view.eye) == (cross, eye)
    world.show(two)
    assert not question.isVisible()
    assert viewer.scene.volume.unit == HU
    world.show(elsewhere)
    assert question.isVisible()
    assert viewer.scene.volume.unit == ""


def test_a_told_unit_is_remembered_and_can_be_changed(world, settings, qtbot, theme):
    viewer = world.show(add(world, "/scans/a.nii", bare()))
    viewer.unit_question.use.click()
    again = World(qtbot, theme, settings)
    try:
        other = again.show(add(again, "/scans/a.nii", bare()))
        assert other.scene.volume.unit == HU
        assert not other.unit_question.isVisible()
        other.quad.facts.text.linkActivated.emit("unit")
        assert other.unit_question.isVisible()
        other.unit_question.choice.setCurrentIndex(other.unit_question.choice.findText("SUVbw (PET)"))
        other.unit_question.use.click()
        assert other.scene.volume.unit == SUV
    finally:
        assert again.runner.shutdown(5)


def test_the_suggestion_follows_the_range(world):
    pet = np.random.default_rng(0).random((16, 24, 20), np.float32) * 12
    magnetic = np.random.default_rng(0).integers(0, 900, (16, 24, 20)).astype(np.int16)
    for name, values, suggested in (("p.nii", pet, SUV), ("m.nii", magnetic, "none")):
        viewer = world.show(add(world, f"/{name}/{name}", Volume(values, make_affine((1, 1, 1)))))
        assert viewer.unit_question.choice.currentData() == suggested


def test_masks_and_scans_with_a_modality_are_not_asked_about(world):
    mask = np.zeros((16, 24, 20), np.uint8)
    mask[4:9, 4:9, 4:9] = 1
    for name, volume in (
        ("mask.nii", Volume(mask, make_affine((1, 1, 1)))),
        ("mr", volume_of(image(), unit="", modality="MR")),
        ("ct", volume_of(image())),
    ):
        assert not world.show(add(world, f"/{name}/{name}", volume)).unit_question.isVisible()
