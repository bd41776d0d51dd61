"""Drawing a region on a plane: the voxels it means, what is painted there, and undoing it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from test_aspects import head, painted, press
from viewing import drag

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.reorient import patient_axes
from ad_desktop.data.volumes.volume import Volume, make_affine
from ad_desktop.errors import UserError
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.drawing import Drawn, Pen, Tool, voxels
from ad_desktop.workflows.scans import by_hand

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def block(spacing=(1.0, 1.5, 2.0)) -> Volume:
    return Volume(np.zeros((40, 50, 60), np.int16), make_affine(spacing))


def test_a_brush_means_balls_along_its_way():
    volume = block()
    drawn = Drawn(Plane.AXIAL, Pen(Tool.BRUSH, 7.0), ((20.0, 25.0, 20.0),))
    region = voxels(drawn, volume)
    assert region.sum() * volume.voxel_ml == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.05)
    z, y, x = np.argwhere(region).mean(axis=0)
    assert (x, y, z) == pytest.approx((20, 25, 20), abs=0.1)
    long = voxels(Drawn(Plane.AXIAL, Pen(Tool.BRUSH, 4.0), ((10.0, 25.0, 20.0), (45.0, 25.0, 20.0))), volume)
    # However fast the mouse was, the way between has no gaps.
    assert long[20, 25, 10:46].all()
    assert not long[20, 25, :5].any()


@pytest.mark.parametrize("plane", list(Plane))
def test_an_ellipse_is_as_deep_as_it_is_wide(plane):
    volume = block((1, 1, 1))
    first, last = [30.0, 25.0, 20.0], [30.0, 25.0, 20.0]
    for axis, reach in ((plane.rows, 12), (plane.columns, 8)):
        first[2 - axis] -= reach
        last[2 - axis] += reach
    region = voxels(Drawn(plane, Pen(Tool.ELLIPSE), (tuple(first), (0.0, 0.0, 0.0), tuple(last))), volume)
    ends = [np.ptp(np.flatnonzero(region.any(axis=tuple({0, 1, 2} - {axis})))) / 2 for axis in range(3)]
    assert ends[plane.rows] == 12
    assert ends[plane.columns] == 8
    assert ends[plane.axis] == 10


def test_what_reaches_beyond_the_scan_is_left_out():
    region = voxels(Drawn(Plane.AXIAL, Pen(Tool.BRUSH, 9.0), ((-3.0, 0.0, 39.0),)), block())
    assert region.any()
    assert not voxels(Drawn(Plane.AXIAL, Pen(Tool.BRUSH, 2.0), ((-30.0, 0.0, 39.0),)), block()).any()


@pytest.fixture
def asked(monkeypatch) -> list[np.ndarray]:
    """Regions that were to be painted over, in place of a model that does it."""
    regions: list[np.ndarray] = []

    def paint_over(model, sample, region, opener, task):
        regions.append(region)
        return np.where(region, np.float32(77), np.float32(0))

    monkeypatch.setattr(by_hand, "paint_over", paint_over)
    return regions


@pytest.mark.parametrize("key", [Qt.Key.Key_O, Qt.Key.Key_Y])
def test_a_drawn_region_is_painted_over_and_can_be_undone(world, asked, key):
    scan = head()
    viewer = painted(world, scan)
    world.session._model = SimpleNamespace(scan_unit="", slice_threshold=None)
    before = viewer.layering.residual.array.copy()
    press(world, key)
    view = world.view(Plane.CORONAL)
    start, end = (view.place_of(index).toPoint() for index in ((4, 10, 4), (9, 10, 8)))
    drag(world.qtbot, view, start, end)
    world.qtbot.waitUntil(lambda: world.undo.count() == 1)
    world.qtbot.waitUntil(lambda: (viewer.layering.residual.array == 77).any())
    QApplication.processEvents()
    # On the scan's own axes, and what was found elsewhere stays.
    (region,) = asked
    turned = patient_axes(scan.with_array(region.astype(np.uint8))).array > 0
    assert turned[6, viewer.scene.cross[1], 6]
    after = viewer.layering.residual.array
    np.testing.assert_array_equal(after[turned], 77)
    np.testing.assert_array_equal(after[~turned], before[~turned])
    assert viewer.controls.aspect is Aspect.HEALTHY
    assert world.view(Plane.AXIAL).aspect is Aspect.HEALTHY
    world.undo.undo()
    world.qtbot.waitUntil(lambda: not (viewer.layering.residual.array == 77).any())
    np.testing.assert_array_equal(viewer.layering.residual.array, before)
    world.undo.redo()
    world.qtbot.waitUntil(lambda: (viewer.layering.residual.array == 77).any())


def test_without_a_pen_the_mouse_draws_nothing(world, asked):
    viewer = painted(world, head())
    world.session._model = SimpleNamespace(scan_unit="", slice_threshold=None)
    press(world, Qt.Key.Key_O)
    press(world, Qt.Key.Key_O)
    assert viewer.scene.pen is None
    drag(world.qtbot, world.view(Plane.AXIAL), QPoint(60, 60), QPoint(90, 90))
    assert world.undo.count() == 0
    assert not asked


def test_what_cannot_be_painted_is_told(world, monkeypatch):
    viewer = painted(world, head())
    world.session._model = SimpleNamespace(scan_unit="", slice_threshold=None)

    def refuse(*_):
        raise UserError("The region lies outside what is examined of the scan: draw it on the body.")

    monkeypatch.setattr(by_hand, "paint_over", refuse)
    press(world, Qt.Key.Key_O)
    view = world.view(Plane.AXIAL)
    drag(world.qtbot, view, QPoint(60, 60), QPoint(90, 90))
    world.qtbot.waitUntil(lambda: bool(world.problems.problems))
    assert "draw it on the body" in str(world.problems.problems[0])
    assert viewer.scene.residual is not None
