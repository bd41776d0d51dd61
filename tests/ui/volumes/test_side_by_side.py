"""Original and result side by side: linked in slice, zoom, pan, crosshair and window."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from viewing import CTRL, LEFT, NONE, RIGHT, World, drag, image, volume_of, wheel

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.sampling import PlaneSampler
from ad_desktop.ui.volumes.scene import ColourLayer

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def shown(world):
    viewer = world.show(world.add("a", volume_of(image())))
    viewer.controls.compare.trigger()
    QApplication.processEvents()
    return viewer


def pixels(widget) -> np.ndarray:
    taken = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.array(taken.constBits()).reshape(taken.height(), taken.width(), 4)[..., :3].astype(int)


def test_each_plane_stands_beside_its_original_and_back(world):
    viewer = shown(world)
    for plane in Plane:
        left, right = viewer.quad.originals[plane], world.view(plane)
        assert left.isVisible()
        assert right.isVisible()
        assert left.mapToGlobal(QPoint()).x() < right.mapToGlobal(QPoint()).x()
        assert left.mapToGlobal(QPoint()).y() == right.mapToGlobal(QPoint()).y()
    viewer.quad.set_alone(Plane.CORONAL)
    assert viewer.quad.originals[Plane.CORONAL].isVisible()
    assert not viewer.quad.originals[Plane.AXIAL].isVisible()
    viewer.quad.set_alone(None)
    viewer.controls.compare.trigger()
    assert not any(original.isVisible() for original in viewer.quad.originals.values())
    assert viewer.quad.facts.isVisible()


def test_only_the_result_has_what_lies_over_the_scan(world):
    viewer = shown(world)
    viewer.controls.crosshair.setChecked(False)
    scan = viewer.scene.grid
    red = (0xFFFF0000,) * 256
    over = scan.with_array(np.ones(scan.shape, np.float32), "")
    viewer.scene.set_layers([ColourLayer("Map", PlaneSampler(over, scan), 0, 1, red)])
    for plane in Plane:
        left, right = pixels(viewer.quad.originals[plane]), pixels(world.view(plane))
        assert (left[..., 2] - left[..., 0]).max() < 50
        assert (right[..., 2] - right[..., 0] > 200).mean() > 0.1


def test_both_views_see_the_same(world):
    viewer = shown(world)
    left, right = viewer.quad.originals[Plane.AXIAL], world.view(Plane.AXIAL)
    at = QPointF(60, 50)
    for one, other in ((left, right), (right, left)):
        wheel(one, 2, CTRL, at)
        assert not other.fitted
        assert other.eye == one.eye
        drag(world.qtbot, one, QPoint(25, 30), QPoint(45, 50))
        assert other.eye == one.eye
        wheel(one, 1)
        assert one._painter.state == other._painter.state
    world.qtbot.mouseClick(left, LEFT, NONE, left.place_of((4, 5, 8)).toPoint())
    assert viewer.scene.cross == (4, 5, viewer.scene.cross[2])
    drag(world.qtbot, left, QPoint(50, 40), QPoint(90, 40), RIGHT)
    assert viewer.scene.window.width > 400
    world.qtbot.keyClick(left, Qt.Key.Key_F)
    assert left.fitted
    assert right.fitted


def test_the_choice_is_remembered(world, qtbot, theme, settings):
    shown(world)
    again = World(qtbot, theme, settings)
    try:
        assert again.viewer.quad.compared
    finally:
        assert again.runner.shutdown(5)
