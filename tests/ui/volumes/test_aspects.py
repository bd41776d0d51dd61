"""Original, pseudo-healthy version, signed residual and lesions of a scan, in place of or beside each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from viewing import CTRL, World, image, volume_of, wheel

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.sampling import PlaneSampler
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.detectors.volume_prediction import VolumePrediction
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.facts import value_of
from ad_desktop.ui.volumes.overlays import residual_layer, residual_table, residual_top

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

LOWER, HIGHER = (12, 10, 5), (12, 10, 14)
"""Voxels (z, y, x) in the middle of what is darker and of what is brighter than healthy."""


@dataclass
class Painted(VolumePrediction):
    """A prediction with a healthy version, on voxels of the scan."""

    values: np.ndarray | None = None

    @property
    def residual(self):
        return self.values

    @property
    def anomaly_map(self):
        return np.abs(self.values).astype(np.float32)


def residual_of(scan: Volume) -> np.ndarray:
    values = np.zeros(scan.shape, np.float32)
    for (z, y, x), by in ((LOWER, -300.0), (HIGHER, 200.0)):
        values[z - 2 : z + 3, y - 3 : y + 4, x - 3 : x + 4] = by
    return values


def head() -> Volume:
    """Flat, so that what is painted over it can be told; its axes are not those of the patient."""
    directions = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    values = np.full((24, 22, 20), 50, np.int16)
    return Volume(values, make_affine((2, 2, 2), directions=directions), "HU", "CT")


def painted(world: World, scan: Volume, name: str = "a"):
    item = world.add(name, scan)
    values = residual_of(scan)
    item.prediction = Painted(1.0, values, (1, 1), shape=scan.shape, affine=scan.affine, values=values)
    viewer = world.show(item)
    world.qtbot.waitUntil(lambda: viewer.scene.residual is not None)
    world.qtbot.waitUntil(lambda: viewer.layering.map is not None)
    QApplication.processEvents()
    return viewer


def look_at(viewer, scan: Volume, index: tuple[int, int, int]) -> None:
    viewer.scene.look_at(viewer.scene.grid.index(scan.position(index[::-1])).tolist())
    QApplication.processEvents()


def colour_at(viewer, view) -> tuple[int, int, int]:
    """Red, green and blue where the planes meet."""
    taken = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    place = view.place_of(viewer.scene.cross).toPoint()
    colour = taken.pixelColor(place)
    return colour.red(), colour.green(), colour.blue()


def press(world: World, key: Qt.Key) -> None:
    view = world.view(world.viewer.quad.active)
    view.setFocus()
    world.qtbot.keyClick(view, key)
    QApplication.processEvents()


def test_a_key_each_shows_the_healthy_version_the_residual_and_the_lesions(world):
    scan = head()
    viewer = painted(world, scan)
    viewer.controls.crosshair.setChecked(False)
    viewer.controls.opacity.setValue(100)
    world.qtbot.waitUntil(lambda: not viewer.layering._soon.isActive())
    view = world.view(Plane.AXIAL)
    look_at(viewer, scan, LOWER)
    press(world, Qt.Key.Key_H)
    # 50 HU stand in the middle of the window; 300 more are white, 200 fewer black.
    assert colour_at(viewer, view) == (255, 255, 255)
    press(world, Qt.Key.Key_E)
    red, _, blue = colour_at(viewer, view)
    assert blue > red + 60
    look_at(viewer, scan, HIGHER)
    red, _, blue = colour_at(viewer, view)
    assert red > blue + 60
    press(world, Qt.Key.Key_H)
    assert colour_at(viewer, view) == (0, 0, 0)
    press(world, Qt.Key.Key_L)
    assert len(set(colour_at(viewer, view))) > 1  # the colours of the map


def test_the_healthy_version_is_the_scan_less_the_residual_on_every_plane(world):
    scan = volume_of(image())
    viewer = painted(world, scan)
    healthy = viewer._scan.turn.apply(scan.array - residual_of(scan))
    viewer.scene.look_at((3, 7, 12))
    for plane in Plane:
        np.testing.assert_allclose(viewer.scene.healthy_cut(plane), plane.cut(healthy, viewer.scene.slice_of(plane)))


def test_all_aspects_of_one_plane_stand_beside_each_other_and_see_the_same(world):
    viewer = painted(world, head())
    quad = viewer.quad
    press(world, Qt.Key.Key_B)
    four = [
        quad.originals[Plane.AXIAL], quad.painted[Plane.AXIAL, Aspect.HEALTHY],
        quad.painted[Plane.AXIAL, Aspect.RESIDUAL], world.view(Plane.AXIAL),
    ]  # fmt: skip
    assert all(view.isVisible() for view in four)
    assert [view.aspect for view in four] == [Aspect.ORIGINAL, Aspect.HEALTHY, Aspect.RESIDUAL, Aspect.LESIONS]
    assert not world.view(Plane.CORONAL).isVisible()
    assert not quad.facts.isVisible()
    for one in four:
        wheel(one, 1, CTRL, QPointF(40, 30))
        assert all(view.eye == one.eye for view in four)
    press(world, Qt.Key.Key_V)
    assert quad.originals[Plane.CORONAL].isVisible()
    assert not quad.originals[Plane.AXIAL].isVisible()
    press(world, Qt.Key.Key_B)
    assert all(world.view(plane).isVisible() for plane in Plane)
    assert not any(view.isVisible() for view in quad.painted.values())
    assert quad.facts.isVisible()


def test_a_double_click_on_one_of_them_lets_its_plane_fill_the_room(world):
    viewer = painted(world, head())
    press(world, Qt.Key.Key_B)
    viewer.quad.painted[Plane.AXIAL, Aspect.HEALTHY].maximise.emit()
    assert viewer.quad.alone is Plane.AXIAL
    assert not viewer.controls.every.isChecked()
    assert world.view(Plane.AXIAL).isVisible()


def test_space_shows_the_scan_itself_while_it_is_held(world):
    scan = head()
    viewer = painted(world, scan)
    viewer.controls.crosshair.setChecked(False)
    look_at(viewer, scan, LOWER)
    press(world, Qt.Key.Key_H)
    view = world.view(Plane.AXIAL)
    healthy = colour_at(viewer, view)
    world.qtbot.keyPress(view, Qt.Key.Key_Space)
    bare = colour_at(viewer, view)
    world.qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert healthy == colour_at(viewer, view) == (255, 255, 255)
    assert bare[0] == bare[1] == bare[2] < 200


def test_scans_without_a_healthy_version_offer_none(world):
    viewer = painted(world, head())
    press(world, Qt.Key.Key_B)
    assert viewer.controls.painted.isVisible()
    world.show(world.add("b", volume_of(image())))
    world.qtbot.waitUntil(lambda: not viewer.controls.painted.isVisible())
    assert not viewer.controls.aspects[Aspect.HEALTHY].isEnabled()
    assert all(world.view(plane).isVisible() for plane in Plane)
    assert world.view(Plane.AXIAL).aspect is Aspect.LESIONS


def test_the_residual_tells_its_unit_and_sign():
    scan = head()
    residual = scan.with_array(residual_of(scan))
    top = residual_top(residual)
    layer = residual_layer(PlaneSampler(residual, scan), top, 0.5)
    assert (layer.low, layer.high, layer.unit) == (-300, 300, "HU")
    assert value_of(layer, scan, LOWER[::-1]) == "-300 HU"
    assert value_of(layer, scan, HIGHER[::-1]) == "+200 HU"
    unknown = Volume(residual.array, scan.affine)
    assert "no unit" in residual_layer(PlaneSampler(unknown, scan), top, 0.5).unit


def test_the_colours_of_the_residual_meet_at_nothing():
    scan = head()
    layer = residual_layer(PlaneSampler(scan, scan), 7.0, 1.0)
    ends = np.array([-9, -7, 0, 7, 9, np.nan], np.float32)
    assert layer.codes(ends).tolist() == [1, 1, 128, 255, 255, 0]
    steps = np.linspace(-7, 7, 1001, dtype=np.float32)
    codes = layer.codes(steps).astype(int)
    assert (codes + codes[::-1] == 256).mean() > 0.99
    alpha = np.array(residual_table(0.5)) >> 24
    assert alpha[0] == alpha[128] == 0
    np.testing.assert_array_equal(alpha[1:], alpha[:0:-1])
    assert alpha.max() == alpha[255] == 128
