"""Paints one plane of the scene: the slice or slab, what lies over it, letters and scale bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QImage, QPainter, QTransform

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import Array
from ad_desktop.data.volumes.windows import Window, to_codes
from ad_desktop.ui.volumes.annotations import ON_BLACK, ON_WHITE, Annotator
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.geometry import Eye
from ad_desktop.ui.volumes.lines import Outlines
from ad_desktop.ui.volumes.outline import outline
from ad_desktop.ui.volumes.projector import Projector
from ad_desktop.ui.volumes.scene import ColourLayer, Layer, LineLayer, Scene


@dataclass(frozen=True, eq=False)
class _Ground:
    """The scan itself as a picture, and what it was made of."""

    values: Array
    window: Window
    image: QImage


class PlanePainter:
    """Paints everything but the crosshair, which moves on its own; views of the same plane share one."""

    def __init__(self, plane: Plane, scene: Scene, projector: Projector) -> None:
        self.plane = plane
        self._scene = scene
        self._projector = projector
        self._annotator = Annotator()
        self._outlines = Outlines()
        self._grounds: dict[bool, _Ground] = {}

    @property
    def state(self) -> tuple[int, float]:
        """Which slice or slab is painted."""
        return self._scene.slice_of(self.plane), self._scene.slab_mm

    @property
    def area(self) -> QRectF:
        """The whole plane in mm, the middle of its first voxel at 0, 0."""
        rows, columns = self.spacing
        height, width = self.plane.shape(self._scene.grid)
        return QRectF(-columns / 2, -rows / 2, width * columns, height * rows)

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance in mm between rows and between columns."""
        return self.plane.spacing(self._scene.grid)

    def paint(self, painter: QPainter, room: QRect, eye: Eye, title: str = "", aspect: Aspect = Aspect.LESIONS) -> None:
        """Fill a room with an aspect of the scan; ``title`` is added to the plane's own."""
        scene, (index, _) = self._scene, self.state
        healthy = aspect is Aspect.HEALTHY and scene.residual is not None and not scene.bare
        painter.fillRect(room, Qt.GlobalColor.white if scene.window.inverted else Qt.GlobalColor.black)
        to_room = eye.transform(QSizeF(room.size()))
        painter.setTransform(to_room)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        values = scene.healthy_cut(self.plane) if healthy else self._values(index)
        if values is not None:
            self._draw(painter, self._grey(values, healthy), 1)
        layers = self._layers(aspect)
        for layer in layers:
            if isinstance(layer, ColourLayer):
                codes = layer.codes(layer.sampler.cut(self.plane, index))
                self._draw(painter, _coloured(codes, layer.table), layer.sampler.step(self.plane))
        painter.resetTransform()
        for layer in layers:
            if isinstance(layer, LineLayer):
                self._outline(painter, room, layer, index, to_room)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._annotate(painter, room, eye, title)
        if aspect is Aspect.RESIDUAL and scene.residual is not None and not scene.bare:
            ink = ON_WHITE if scene.window.inverted else ON_BLACK
            self._annotator.colours(painter, room, scene.residual, ink)

    def _layers(self, aspect: Aspect) -> list[Layer]:
        """What lies over the ground; outlines stay over all but the scan alone."""
        scene = self._scene
        if scene.bare or aspect is Aspect.ORIGINAL:
            return []
        if not aspect.painted or scene.residual is None:
            return list(scene.layers)
        lines: list[Layer] = [layer for layer in scene.layers if isinstance(layer, LineLayer)]
        return [scene.residual, *lines] if aspect is Aspect.RESIDUAL else lines

    def _values(self, index: int) -> Array | None:
        scene = self._scene
        if not scene.slab_mm:
            return scene.cut(self.plane)
        return self._projector.get(scene.grid, self.plane, index, scene.slab_mm)

    def _grey(self, values: Array, healthy: bool) -> QImage:
        window, ground = self._scene.window, self._grounds.get(healthy)
        if ground is None or ground.values is not values or ground.window != window:
            codes = to_codes(values, window.low, window.high)
            height, width = codes.shape
            codes = np.invert(codes) if window.inverted else codes
            image = QImage(codes.data, width, height, codes.strides[0], QImage.Format.Format_Grayscale8)
            ground = self._grounds[healthy] = _Ground(values, window, image.convertToFormat(QImage.Format.Format_RGB32))
        return ground.image

    def _draw(self, painter: QPainter, image: QImage, step: int) -> None:
        rows, columns = self.spacing
        height, width = image.height(), image.width()
        target = QRectF(-step / 2 * columns, -step / 2 * rows, width * step * columns, height * step * rows)
        painter.drawImage(target, image, QRectF(0, 0, width, height))

    def _outline(self, painter: QPainter, room: QRect, layer: LineLayer, index: int, to_room: QTransform) -> None:
        points = outline(layer.sampler.cut(self.plane, index), layer.level)
        if not len(points):
            return
        step = layer.sampler.step(self.plane)
        rows, columns = self.spacing
        placed = points * np.array([step * columns * to_room.m11(), step * rows * to_room.m22()])
        placed += (to_room.dx(), to_room.dy())
        self._outlines.draw(painter, QRectF(room), placed, layer.colour, layer.dashed)

    def _annotate(self, painter: QPainter, room: QRect, eye: Eye, title: str) -> None:
        scene, volume = self._scene, self._scene.grid
        text = f"{self.plane.title}  {scene.slice_of(self.plane) + 1} / {volume.shape[self.plane.axis]}"
        if scene.slab_mm:
            text += f"  ·  MIP {scene.slab_mm:g} mm"
        if title:
            text += f"  ·  {title}"
        ink = ON_WHITE if scene.window.inverted else ON_BLACK
        self._annotator.title(painter, room, text, ink)
        self._annotator.letters(painter, room, self.plane.letters(volume, scene.neurological), text, ink)
        self._annotator.bar(painter, room, eye.scale, ink)


def _coloured(codes: NDArray[np.uint8], table: tuple[int, ...]) -> QImage:
    height, width = codes.shape
    image = QImage(codes.data, width, height, codes.strides[0], QImage.Format.Format_Indexed8)
    image.setColorTable(table)
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
