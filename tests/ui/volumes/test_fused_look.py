"""The scan on top has a range, colours and an opacity of its own, remembered for its kind."""

from __future__ import annotations

import numpy as np
import pytest
from viewing import VolumePrediction, World, choose, image, volume_of

from ad_desktop.data.volumes.volume import SUV

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def fused(world, unit=SUV, modality="PT", name="pet"):
    ct = next(iter(world.session.items.values()), None) or world.add("ct", volume_of(image()))
    pet = world.add(name, volume_of(image(seed=2), unit=unit, modality=modality))
    viewer = world.show(ct)
    choose(world, pet)
    title = "PET" if modality == "PT" else modality
    world.qtbot.waitUntil(lambda: [layer.title for layer in viewer.scene.layers] == [title])
    return viewer


def layer(world):
    world.qtbot.waitUntil(lambda: not world.viewer.layering._soon.isActive())
    return world.viewer.scene.layers[0]


def test_range_colours_and_opacity_are_its_own(world):
    viewer = fused(world)
    controls = viewer.controls.fused
    assert (controls.low.value(), controls.high.value(), controls.unit.text()) == (0, 10, SUV)
    window, sampler, table = viewer.scene.window, layer(world).sampler, layer(world).table
    controls.high.setValue(20)
    controls.low.setValue(2)
    assert (layer(world).low, layer(world).high) == (2, 20)
    controls.colours.setCurrentText("Viridis")
    controls.colours.activated.emit(controls.colours.currentIndex())
    assert layer(world).table != table
    controls.opacity.setValue(80)
    assert max(entry >> 24 for entry in layer(world).table) == round(0.8 * 255)
    assert viewer.scene.window == window
    viewer.controls.opacity.setValue(10)
    assert max(entry >> 24 for entry in layer(world).table) == round(0.8 * 255)
    assert layer(world).sampler is sampler


def test_the_look_is_remembered_for_its_kind(world, qtbot, theme, settings):
    fused(world).controls.fused.high.setValue(7)
    world.viewer.controls.fused.opacity.setValue(30)
    again = World(qtbot, theme, settings)
    try:
        viewer = fused(again, name="another")
        assert viewer.scene.layers[0].high == 7
        assert viewer.controls.fused.opacity.value() == 30
        viewer.controls.fused.reset.click()
        assert layer(again).high == 10
        assert viewer.controls.fused.opacity.value() == 50
        mr = fused(again, unit="", modality="MR", name="mr")
        low, high = mr.scene.layers[0].low, mr.scene.layers[0].high
        values = np.percentile(volume_of(image(seed=2)).array, (0.5, 99.5))
        assert (low, high) == pytest.approx(values, abs=30)
    finally:
        assert again.runner.shutdown(5)


def test_a_range_the_wrong_way_round_is_not_taken(world):
    viewer = fused(world)
    viewer.controls.fused.low.setValue(12)
    assert (layer(world).low, layer(world).high) == (0, 10)


def test_without_a_scan_on_top_there_is_nothing_to_set(world):
    viewer = fused(world)
    assert viewer.controls.look.isEnabled()
    viewer.controls.fusion.setCurrentIndex(0)
    viewer.controls.fusion.activated.emit(0)
    assert not viewer.controls.look.isEnabled()
    assert not viewer.controls.fused.isEnabled()


def test_the_map_of_the_scan_on_top_is_shown_where_the_scan_below_has_none(world):
    viewer = fused(world)
    pet = list(world.session.items.values())[1]
    scan = world.scans["pet"]
    values = np.zeros(scan.shape, np.float32)
    values[3:6, 4:9, 7:12] = 5.0
    pet.prediction = VolumePrediction(values)
    world.session._map_threshold = 2.0
    world.session.results_changed.emit()
    world.qtbot.waitUntil(lambda: [layer.title for layer in viewer.scene.layers] == ["PET", "Anomaly map", "Threshold"])
    world.qtbot.waitUntil(lambda: len(viewer.regions.regions) == 1)
    region = viewer.regions.regions[0]
    assert region.unit == SUV
    assert region.value_max == pytest.approx(scan.array[3:6, 4:9, 7:12].max())
    assert "in pet" in viewer.regions.summary.text()
    assert viewer.regions.table.headerItem().text(5) == "SUV mean"
    viewer.controls.fusion.setCurrentIndex(0)
    viewer.controls.fusion.activated.emit(0)
    world.qtbot.waitUntil(lambda: not viewer.regions.isVisible())
    assert viewer.scene.layers == ()


def test_headings_of_the_regions_are_whole_in_a_narrow_window(world):
    viewer = fused(world)
    viewer.resize(480, 600)
    pet = list(world.session.items.values())[1]
    pet.prediction = VolumePrediction(np.pad(np.full((3, 5, 5), 5.0, np.float32), ((3, 10), (4, 15), (7, 8))))
    world.session._map_threshold = 2.0
    world.session.results_changed.emit()
    world.qtbot.waitUntil(lambda: len(viewer.regions.regions) == 1)
    header, metrics = viewer.regions.table.header(), viewer.regions.table.fontMetrics()
    for column in range(viewer.regions.table.columnCount()):
        title = viewer.regions.table.headerItem().text(column)
        assert header.sectionSize(column) > metrics.horizontalAdvance(title)
