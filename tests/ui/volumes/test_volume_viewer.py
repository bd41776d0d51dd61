"""The viewer of scans: places, letters, mouse and keys, windows, projection, fusion, opening and failing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication
from viewing import CTRL, LEFT, NONE, RIGHT, SHIFT, VolumePrediction, choose, drag, image, turned, volume_of, wheel

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import HU, SUV, Volume, make_affine
from ad_desktop.data.volumes.windows import PRESETS, Window
from ad_desktop.errors import InputError
from ad_desktop.ui.items import Item
from ad_desktop.ui.volumes.outline import outline
from ad_desktop.ui.volumes.scene import ColourLayer, LineLayer

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
DIRECTIONS = {
    "as it is": np.eye(3),
    "flipped": np.diag([-1.0, -1, 1]),
    "sagittal": np.eye(3)[[2, 0, 1]],
    "oblique": turned(25),
}


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_place_under_the_cursor_is_simpleitks_physical_point(world, kind):
    made = image(directions=DIRECTIONS[kind])
    viewer = world.show(world.add("a", volume_of(made)))
    seen = []
    for plane in Plane:
        view = world.view(plane)
        view.hovered.connect(seen.append)
        for share in (0.35, 0.5, 0.62):
            place = QPointF(view.width() * share, view.height() * (1 - share))
            world.qtbot.mouseMove(view, place.toPoint())
            index = seen[-1]
            assert index is not None
            position = viewer.scene.grid.position(index)
            x, y, z = index
            back = made.TransformPhysicalPointToIndex(position.tolist())
            assert made.TransformIndexToPhysicalPoint(back) == pytest.approx(position, abs=1e-9)
            assert made[back] == viewer.scene.grid.array[z, y, x]


@pytest.mark.parametrize("neurological", [False, True])
def test_the_left_of_the_patient_is_where_the_letter_is(world, neurological):
    viewer = world.show(world.add("a", volume_of(image(directions=np.diag([-1.0, 1, -1])))))
    viewer.controls.neurological.setChecked(neurological)
    view = world.view(Plane.AXIAL)
    left_edge = view.index_at(QPointF(view.width() * 0.3, view.height() / 2))
    right_edge = view.index_at(QPointF(view.width() * 0.7, view.height() / 2))
    grid = viewer.scene.grid
    towards_left = grid.position(right_edge)[0] > grid.position(left_edge)[0]
    assert towards_left == (not neurological)
    assert Plane.AXIAL.letters(grid, neurological)[0] == ("L" if neurological else "R")
    coronal = world.view(Plane.CORONAL)
    top = grid.position(coronal.index_at(QPointF(coronal.width() / 2, 10)))
    bottom = grid.position(coronal.index_at(QPointF(coronal.width() / 2, coronal.height() - 10)))
    assert top[2] > bottom[2]


def test_pixels_are_painted_where_the_values_are(world):
    values = np.full((8, 10, 12), -1000, np.int16)
    values[5, 2, 9] = 1000
    viewer = world.show(world.add("a", Volume(values, make_affine((4, 4, 8)), HU, "CT")))
    viewer.controls.crosshair.setChecked(False)
    viewer.scene.look_at((9, 2, 5))
    for plane in Plane:
        view = world.view(plane)
        picture = view.grab().toImage()
        ratio = picture.devicePixelRatio()
        here = view.place_of((9, 2, 5))
        assert picture.pixelColor(round(here.x() * ratio), round(here.y() * ratio)).red() > 200
        other = view.place_of((6, 6, 3) if plane is not Plane.SAGITTAL else (9, 6, 3))
        assert picture.pixelColor(round(other.x() * ratio), round(other.y() * ratio)).red() < 30


def test_the_aspect_is_that_of_the_patient(world):
    world.show(world.add("a", volume_of(image(spacing=(1, 1, 5)))))
    view = world.view(Plane.CORONAL)
    start, end = view.place_of((0, 0, 0)), view.place_of((10, 0, 2))
    assert abs(end.x() - start.x()) == pytest.approx(abs(end.y() - start.y()))


def test_a_click_links_all_planes(world):
    viewer = world.show(world.add("a", volume_of(image())))
    view = world.view(Plane.AXIAL)
    place = view.place_of((4, 5, 8)).toPoint()
    world.qtbot.mouseClick(view, LEFT, NONE, place)
    assert viewer.scene.cross == (4, 5, 8)
    assert viewer.scene.slice_of(Plane.SAGITTAL) == 4
    assert viewer.scene.slice_of(Plane.CORONAL) == 5
    assert viewer.quad.panes[Plane.SAGITTAL].slider.value() == 4
    drag(world.qtbot, view, view.place_of((4, 5, 8)).toPoint(), view.place_of((12, 14, 8)).toPoint())
    assert viewer.scene.cross == (12, 14, 8)
    drag(world.qtbot, view, view.place_of((2, 2, 8)).toPoint(), view.place_of((6, 3, 8)).toPoint(), modifiers=SHIFT)
    assert viewer.scene.cross == (6, 3, 8)


def test_wheel_scrolls_and_with_ctrl_zooms_around_the_cursor(world):
    viewer = world.show(world.add("a", volume_of(image())))
    view = world.view(Plane.AXIAL)
    wheel(view, 3)
    assert viewer.scene.slice_of(Plane.AXIAL) == 11
    wheel(view, -30)
    assert viewer.scene.slice_of(Plane.AXIAL) == 0
    at = QPointF(60, 70)
    under, scale = view.index_at(at), view.eye.scale
    wheel(view, 2, CTRL, at)
    assert view.eye.scale > 1.2 * scale
    assert view.index_at(at) == pytest.approx(under)
    assert not view.fitted
    viewer.controls.fit.trigger()
    assert view.eye.scale == pytest.approx(scale)


def test_a_drag_pans(world):
    viewer = world.show(world.add("a", volume_of(image())))
    view = world.view(Plane.CORONAL)
    start = QPoint(25, 30)
    before = view.index_at(QPointF(start))
    drag(world.qtbot, view, start, start + QPoint(20, 30))
    assert view.index_at(QPointF(start + QPoint(20, 30))) == pytest.approx(before)
    assert viewer.scene.cross == (10, 12, 8)


def test_a_right_drag_sets_the_window(world):
    viewer = world.show(world.add("a", volume_of(image())))
    assert viewer.scene.window == Window(350, 50)
    view = world.view(Plane.AXIAL)
    drag(world.qtbot, view, QPoint(50, 50), QPoint(90, 50), RIGHT)
    assert viewer.scene.window.width > 400
    assert viewer.scene.window.level == pytest.approx(50)
    drag(world.qtbot, view, QPoint(50, 50), QPoint(50, 90), RIGHT)
    assert viewer.scene.window.level > 60
    assert viewer.controls.preset.currentIndex() == -1


def test_presets_by_key_are_remembered_for_the_kind_of_scan(world):
    first = world.add("a", volume_of(image()))
    second = world.add("b", volume_of(image(seed=1)))
    pet = world.add("p", volume_of(image(seed=2), unit=SUV, modality="PT"))
    viewer = world.show(first)
    world.view(Plane.AXIAL).setFocus()
    for key, preset in zip("1234", PRESETS, strict=False):
        world.qtbot.keyClick(world.view(Plane.AXIAL), key)
        assert viewer.scene.window == preset.window
    world.qtbot.keyClick(world.view(Plane.AXIAL), "2")
    world.show(second)
    assert viewer.scene.window == Window(1500, -500)
    assert viewer.controls.preset.currentText() == "Lung"
    world.show(pet)
    assert viewer.scene.window == Window(10, 5, inverted=True)
    world.qtbot.keyClick(world.view(Plane.AXIAL), "5")
    assert viewer.scene.window.width > 1000


def test_everything_by_keyboard(world):
    viewer = world.show(world.add("a", volume_of(image())))
    view = world.view(Plane.AXIAL)
    viewer.activateWindow()
    view.setFocus()
    for key, expected in (("Up", 9), ("Down", 8), ("PageDown", 0), ("PageUp", 10), ("Home", 0), ("End", 15)):
        world.qtbot.keyClick(view, getattr(Qt.Key, f"Key_{key}"))
        assert viewer.scene.slice_of(Plane.AXIAL) == expected
    world.qtbot.keyClick(view, Qt.Key.Key_R)
    assert viewer.scene.neurological
    world.qtbot.keyClick(view, Qt.Key.Key_X)
    assert not viewer.scene.crosshair
    world.qtbot.keyClick(view, Qt.Key.Key_M)
    assert viewer.quad.alone is Plane.AXIAL
    assert not world.view(Plane.CORONAL).isVisible()
    world.qtbot.keyClick(view, Qt.Key.Key_M)
    assert world.view(Plane.CORONAL).isVisible()
    world.qtbot.keyClick(view, Qt.Key.Key_I)
    assert viewer.scene.window.inverted
    world.qtbot.keyPress(view, Qt.Key.Key_Space)
    assert viewer.scene.bare
    world.qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert not viewer.scene.bare


def test_a_double_click_shows_one_plane_alone_and_all_again(world):
    viewer = world.show(world.add("a", volume_of(image())))
    view = world.view(Plane.SAGITTAL)
    world.qtbot.mouseDClick(view, LEFT, NONE, view.rect().center())
    assert viewer.quad.alone is Plane.SAGITTAL
    assert viewer.controls.maximise.isChecked()
    assert not viewer.quad.facts.isVisible()
    world.qtbot.mouseDClick(view, LEFT, NONE, view.rect().center())
    assert viewer.quad.alone is None
    assert viewer.quad.facts.isVisible()


def test_a_slab_of_a_large_scan_is_projected_in_the_background(world):
    volume = volume_of(image((90, 80, 60), (1, 1, 1)))
    viewer = world.show(world.add("a", volume))
    viewer.controls.thickness.setValue(500)
    viewer.controls.slab.trigger()
    for plane in Plane:
        world.view(plane).grab()
        world.qtbot.waitUntil(lambda p=plane: p in viewer.projector._made)
        found = viewer.projector.get(viewer.scene.grid, plane, viewer.scene.slice_of(plane), 500.0)
        assert np.array_equal(found, volume.array.max(axis=plane.axis))


def test_fused_values_are_read_out_and_painted(world):
    ct = world.add("ct", volume_of(image((30, 30, 10), (2, 2, 4)), frame_of_reference="1.2"))
    values = np.zeros((12, 20, 20), np.float32)
    values[4:8, 8:12, 8:12] = 9.0
    affine = make_affine((3, 3, 3), (-12.5, 7.25, -31.0))
    pet = world.add("pet", Volume(values, affine, SUV, "PT", frame_of_reference="1.2"))
    viewer = world.show(ct)
    choose(world, pet)
    world.qtbot.waitUntil(lambda: len(viewer.scene.layers) == 1)
    layer = viewer.scene.layers[0]
    assert isinstance(layer, ColourLayer)
    assert (layer.low, layer.high) == (0, 10)
    assert viewer.question.isHidden()
    viewer.scene.look_at(viewer.scene.grid.index(affine[:3, 3] + 3 * np.array([9.5, 9.5, 5.5])))
    assert "PET" in viewer.quad.facts.text.text()
    assert "9 SUVbw" in viewer.quad.facts.text.text()
    viewer.controls.crosshair.setChecked(False)
    view = world.view(Plane.AXIAL)
    place, picture = view.place_of(viewer.scene.cross), view.grab().toImage()
    ratio = picture.devicePixelRatio()
    colour = picture.pixelColor(round(place.x() * ratio), round(place.y() * ratio))
    assert colour.red() > colour.blue() + 40


@pytest.mark.parametrize("anyway", [True, False])
def test_another_frame_of_reference_is_asked_about(world, anyway):
    ct = world.add("ct", volume_of(image(), frame_of_reference="1.2"))
    other = world.add("other", volume_of(image(seed=3), frame_of_reference="1.3"))
    viewer = world.show(ct)
    choose(world, other)
    world.qtbot.waitUntil(viewer.question.isVisible)
    assert "frame of reference" in viewer.question.text.text()
    assert viewer.scene.layers == ()
    (viewer.question.anyway if anyway else viewer.question.leave).click()
    world.qtbot.waitUntil(lambda: not viewer.layering._soon.isActive())
    assert len(viewer.scene.layers) == int(anyway)
    assert viewer.question.isHidden()
    assert (viewer.controls.fusion.currentIndex() == 0) == (not anyway)


def test_anomaly_map_and_known_mask_lie_on_the_scans_own_voxels(world, tmp_path):
    made = image(directions=np.eye(3)[[2, 0, 1]])
    scan = volume_of(made)
    values = np.zeros(scan.shape, np.float32)
    values[3:6, 4:9, 7:12] = 5.0
    mask = sitk.GetImageFromArray((values > 1).astype(np.uint8))
    mask.CopyInformation(made)
    sitk.WriteImage(mask, tmp_path / "mask.nrrd")
    item = world.add("a", scan, tmp_path / "mask.nrrd")
    viewer = world.show(item)
    item.prediction = VolumePrediction(values)
    world.session._map_threshold = 2.0
    world.session.results_changed.emit()
    world.qtbot.waitUntil(lambda: len(viewer.scene.layers) == 3, timeout=20_000)
    colours, threshold, known = viewer.scene.layers
    assert isinstance(threshold, LineLayer)
    position = scan.position((9, 6, 4))
    x, y, z = np.rint(viewer.scene.grid.index(position)).astype(int)
    assert colours.sampler.volume.array[z, y, x] == 5.0
    assert known.sampler.volume.array[z, y, x] == 1
    assert known.dashed
    viewer.scene.look_at((x, y, z))
    for plane in Plane:
        view = world.view(plane)
        view.grab()
        points = outline(threshold.sampler.cut(plane, viewer.scene.slice_of(plane)), 2.0)
        assert len(points)
    world.qtbot.waitUntil(lambda: len(viewer.regions.regions) == 1)
    region = viewer.regions.regions[0]
    assert region.volume_ml == pytest.approx(3 * 5 * 5 * scan.voxel_ml)
    world.viewer.scene.look_at((0, 0, 0))
    viewer.regions.table.itemClicked.emit(viewer.regions.table.topLevelItem(0), 0)
    x, y, z = viewer.scene.cross
    assert colours.sampler.volume.array[z, y, x] == 5.0
    viewer.controls.contour.setChecked(False)
    viewer.controls.truth.setChecked(False)
    world.qtbot.waitUntil(lambda: len(viewer.scene.layers) == 1)


def test_opening_can_be_cancelled_and_tried_again(world):
    world.gate.clear()
    item = world.add("a", volume_of(image()))
    world.session.set_current(item)
    viewer = world.viewer
    assert viewer.inner.currentWidget() is viewer.page
    assert "Opening a" in viewer.page.text.text()
    viewer.page.button.click()
    world.qtbot.waitUntil(lambda: "cancelled" in viewer.page.text.text())
    world.gate.set()
    viewer.page.button.click()
    world.qtbot.waitUntil(lambda: viewer.scene.volume is not None)
    assert viewer.inner.currentWidget() is viewer.quad


def test_a_scan_that_is_left_while_it_opens_is_not_shown(world):
    first, second = world.add("a", volume_of(image())), world.add("b", volume_of(image((8, 8, 8))))
    world.gate.clear()
    world.session.set_current(first)
    world.session.set_current(second)
    world.gate.set()
    world.qtbot.waitUntil(lambda: world.viewer.scene.volume is not None)
    world.qtbot.waitUntil(lambda: not world.runner.active)
    assert world.viewer.scene.grid.shape == (8, 8, 8)
    assert world.viewer.inner.currentWidget() is world.viewer.quad


def test_a_scan_that_cannot_be_read_says_why(world):
    good, bad = world.add("a", volume_of(image())), world.add("b", InputError("b", "it ends in the middle"))
    viewer = world.show(good)
    world.session.set_current(bad)
    world.qtbot.waitUntil(lambda: "It ends in the middle" in viewer.page.text.text())
    assert viewer.scene.volume is None
    assert not viewer.page.button.isVisible()
    world.show(good)
    assert viewer.inner.currentWidget() is viewer.quad


def test_facts_name_unit_warnings_and_oblique_axes(world):
    scan = volume_of(
        image(directions=turned(25)), warnings=("2 slices are missing",), facts={"Decay": "to series time"}
    )
    viewer = world.show(world.add("a", scan))
    text = viewer.quad.facts.text.text()
    for part in ("CT", "20 × 24 × 16", "1.5 × 1.2 × 3 mm", HU, "2 slices are missing", "25°", "Decay", "Research use"):
        assert part in text


def test_values_that_are_not_numbers_are_shown_black(world):
    values = np.full((6, 6, 6), np.nan, np.float32)
    values[:3] = 100
    viewer = world.show(world.add("a", Volume(values, make_affine((1, 1, 1)))))
    for plane in Plane:
        world.view(plane).grab()
    assert viewer.scene.window.width > 0


def test_another_scan_is_seen_whole_whatever_was_zoomed_into_before(world):
    first = world.add("a.nii", volume_of(image()))
    second = world.add("b.nii", volume_of(image(size=(40, 64, 30), spacing=(3.0, 3.0, 2.0))))
    world.show(first)
    view = world.view(Plane.AXIAL)
    wheel(view, 5, CTRL)
    assert not view.fitted
    world.show(second)
    assert view.fitted
    view.grab()
    middle = view.place_of((19.5, 31.5, 15.0))
    assert abs(middle.x() - view.width() / 2) < 1
    assert abs(middle.y() - view.height() / 2) < 1


def test_scans_of_the_same_name_are_told_apart_on_top(world):
    base = world.add("a.nii", volume_of(image()))
    world.scans["image.nii"] = volume_of(image())
    for folder in ("ct", "pet"):
        world.session.add([Item.of(VolumeSample(Path(folder, "image.nii")), Label.TO_CHECK, folder)])
    box = world.show(base).controls.fusion
    assert [box.itemText(n) for n in range(box.count())] == ["Nothing", "ct · image.nii", "pet · image.nii"]


def test_a_long_name_does_not_widen_the_facts(world):
    item = world.add("IBSI_1_STS_001_CT_image_with_a_name_that_goes_on.nii", volume_of(image()))
    viewer = world.show(item)
    viewer.resize(500, 500)
    QApplication.processEvents()
    facts = viewer.quad.facts
    assert facts.text.width() <= facts.viewport().width()
