"""What is painted: slices fetched ahead, the crosshair alone, outlines on any zoom."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.data.volumes.windows import Window, to_codes
from ad_desktop.ui.viewer.contour import segments
from ad_desktop.ui.volumes.lines import Outlines

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def pixels(widget) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.array(image.constBits()).reshape(image.height(), image.width(), 4)[..., :3]


def test_slices_that_lie_scattered_are_fetched_and_painted_the_same(world):
    values = np.random.default_rng(0).integers(-1000, 1000, (230, 240, 40)).astype(np.int16)
    viewer = world.show(world.add("a", Volume(values, make_affine((6, 1, 1)), HU, "CT")))
    (own,) = viewer.scene.cuts
    assert own.scattered(Plane.SAGITTAL)
    assert not own.scattered(Plane.AXIAL)
    world.qtbot.waitUntil(lambda: own.missing(Plane.SAGITTAL, 20) == [])
    world.qtbot.waitUntil(lambda: not world.runner.active)
    view = world.view(Plane.SAGITTAL)
    viewer.scene.look_at((31, 120, 115))
    fetched = pixels(view)
    own._blocks.clear()
    viewer.scene.look_at((0, 120, 115))
    viewer.scene.look_at((31, 120, 115))
    assert np.array_equal(pixels(view), fetched)
    assert np.ptp(fetched) > 200


def test_only_the_crosshair_moves_in_planes_that_stay(world):
    values = np.zeros((30, 40, 50), np.int16)
    viewer = world.show(world.add("a", Volume(values, make_affine((3, 3, 3)), HU, "CT")))
    view = world.view(Plane.CORONAL)
    before = pixels(view)
    picture = view._picture
    viewer.scene.look_at((25, 20, 5))
    QApplication.processEvents()
    assert view._picture is picture
    after = pixels(view)
    place = round(view.place_of((25, 20, 5)).y() - 0.5)
    yellow = [np.median(np.ptp(shown[place, 30:-30].astype(int), axis=1)) for shown in (before, after)]
    assert yellow[0] == 0 < 50 < yellow[1]
    viewer.scene.look_at((25, 20, 15))
    assert np.array_equal(pixels(view), before)


def test_outlines_are_drawn_where_they_run_and_nothing_beyond_the_room():
    y, x = np.mgrid[:60, :80].astype(np.float32)
    points = segments(np.hypot(y - 30, x - 40), 20.0)
    for dashed, least in ((False, 0.95), (True, 0.3)):
        image = QImage(80, 60, QImage.Format.Format_RGB32)
        image.fill(0)
        painter = QPainter(image)
        Outlines().draw(painter, QRectF(0, 0, 40, 60), points.astype(float) + 0.5, "#ffffff", dashed)
        painter.end()
        drawn = np.array(image.constBits()).reshape(60, 80, 4)[..., 0]
        angles = np.linspace(np.pi / 2 + 0.2, 1.5 * np.pi - 0.2, 200)
        on_line = drawn[np.rint(30 + 20 * np.sin(angles)).astype(int), np.rint(40 + 20 * np.cos(angles)).astype(int)]
        assert least <= (on_line > 60).mean() <= (1.0 if not dashed else 0.9)
        assert drawn[:, 45:].max() == 0
        assert drawn[20:40, 30:40].max() == 0


def test_codes_of_values_that_are_not_numbers_are_zero():
    window = Window.between(0, 10)
    values = np.array([[np.nan, -np.inf, np.inf, 5, -3, 12]], np.float32)
    assert to_codes(values, window.low, window.high).tolist() == [[0, 0, 255, 127, 0, 255]]
