"""Graphics items: what is not examined, and the shapes that say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from ad_desktop.data.roi import Purpose, Shape
from ad_desktop.ui.viewer.roi_editor import RoiEditor, Tool
from ad_desktop.ui.viewer.roi_shapes import absolute, corners, shape_path

_EDGE = 1024
_PERIOD = 9
"""How far apart the lines of the hatching are, in screen pixels."""
_VEIL, _HATCH = QColor(10, 12, 16, 140), QColor(190, 194, 200, 120)
_HIDDEN = np.uint32(0xFF000000)


class VeilLayer(pyqtgraph.GraphicsObject):
    """Darkens and hatches what is not examined."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._pixels: NDArray[np.uint32] | None = None
        self._size = (0, 0)
        self._key: object = None

    @property
    def image(self) -> QImage | None:
        """The mask: opaque where nothing is examined; None where all is."""
        return self._image

    def follow(self, editor: RoiEditor) -> None:
        """Show the region as it is now."""
        key = (editor.region, editor.path, editor.size)
        if key != self._key:
            self._key = key
            self.prepareGeometryChange()
            self._make(editor)
            self.update()

    def boundingRect(self) -> QRectF:
        return QRectF() if self._image is None else QRectF(0, 0, self._size[1], self._size[0])

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._image is None or widget is None:
            return
        to_screen = painter.worldTransform()
        seen = to_screen.mapRect(self.boundingRect()).intersected(QRectF(widget.rect())).toAlignedRect()
        if seen.isEmpty():
            return
        # The hatching has the same size at every zoom, so it is cut out by the mask on the screen.
        ratio = widget.devicePixelRatioF()
        cut = QImage(seen.size() * ratio, QImage.Format.Format_ARGB32_Premultiplied)
        cut.setDevicePixelRatio(ratio)
        cut.fill(_VEIL)
        inner = QPainter(cut)
        origin = to_screen.map(QPointF(0, 0)) - QPointF(seen.topLeft())
        # The lines move with the picture.
        start = QPointF(-origin.x() % _PERIOD, -origin.y() % _PERIOD)
        inner.drawTiledPixmap(QRectF(QPointF(0, 0), seen.size().toSizeF()), _hatching(ratio), start)
        inner.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        target = to_screen.mapRect(self.boundingRect()).translated(-QPointF(seen.topLeft()))
        inner.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, target.width() < self._image.width())
        inner.drawImage(target, self._image, QRectF(self._image.rect()))
        inner.end()
        painter.save()
        painter.resetTransform()
        painter.drawImage(seen.topLeft(), cut)
        painter.restore()

    def _make(self, editor: RoiEditor) -> None:
        self._image = self._pixels = None
        if editor.path is None or editor.region.everything:
            return
        self._size = editor.size
        scale = min(1.0, _EDGE / max(editor.size))
        drawn = (max(1, round(editor.size[0] * scale)), max(1, round(editor.size[1] * scale)))
        mask = replace(editor.region, border=round(editor.region.border * scale)).mask(editor.path, drawn)
        if mask is None or mask.all():
            return
        self._pixels = np.where(mask, np.uint32(0), _HIDDEN)
        height, width = mask.shape
        form = QImage.Format.Format_ARGB32_Premultiplied
        self._image = QImage(self._pixels.data, width, height, self._pixels.strides[0], form)


class ShapeLayer(pyqtgraph.GraphicsObject):
    """The shapes' outlines, the one that is being drawn, and the brush's circle; seen in the mode only."""

    def __init__(self, examine: str, ignore: str) -> None:
        super().__init__()
        self._colours = {Purpose.EXAMINE: QColor(examine), Purpose.IGNORE: QColor(ignore)}
        self._editor: RoiEditor | None = None
        self._paths: dict[tuple[Shape, tuple[int, int]], QPainterPath] = {}
        self._bounds = QRectF()

    def follow(self, editor: RoiEditor) -> None:
        """Show the editor's shapes as they are now."""
        self._editor = editor if editor.active and editor.path is not None else None
        bounds = QRectF()
        if self._editor is not None:
            height, width = editor.size
            around = 0.5 * max(height, width)
            bounds = QRectF(0, 0, width, height).adjusted(-around, -around, around, around)
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        editor = self._editor
        if editor is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shapes = editor.shapes
        used = {(shape, editor.size) for _, shape in shapes}
        self._paths = {key: path for key, path in self._paths.items() if key in used}
        for place, shape in shapes:
            self._shape(painter, shape, editor, place == editor.selected)
        drafted = editor.drafted()
        if drafted is not None and editor.tool is not Tool.POLYGON:
            self._shape(painter, drafted, editor, False, keep=False)
        elif editor.draft:
            self._corners_so_far(painter, editor)
        if editor.tool is Tool.BRUSH and editor.cursor is not None:
            radius = editor.radius * min(editor.size)
            self._line(painter, self._colours[editor.purpose], 1.4)
            painter.drawEllipse(editor.cursor, radius, radius)

    def _shape(self, painter: QPainter, shape: Shape, editor: RoiEditor, chosen: bool, keep: bool = True) -> None:
        path = self._paths.get((shape, editor.size)) or shape_path(shape, editor.size)
        if keep:
            self._paths[shape, editor.size] = path
        colour = self._colours[shape.purpose]
        if shape.radius:
            tint = QColor(colour)
            tint.setAlphaF(0.5 if chosen else 0.28)
            painter.fillPath(path, tint)
            return
        for pen_colour, width in ((QColor(0, 0, 0, 150), 4.4 if chosen else 3.2), (colour, 2.4 if chosen else 1.6)):
            self._line(painter, pen_colour, width)
            painter.drawPath(path)
        if chosen:
            self._handles(painter, [absolute(corner, editor.size) for corner in corners(shape)], colour)

    def _corners_so_far(self, painter: QPainter, editor: RoiEditor) -> None:
        points = [absolute(point, editor.size) for point in editor.draft]
        colour = self._colours[editor.purpose]
        line = QPolygonF(points if editor.cursor is None else [*points, editor.cursor])
        for pen_colour, width in ((QColor(0, 0, 0, 150), 3.2), (colour, 1.6)):
            self._line(painter, pen_colour, width)
            painter.drawPolyline(line)
        self._handles(painter, points, colour)

    def _handles(self, painter: QPainter, points: list[QPointF], colour: QColor) -> None:
        to_screen = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1))
        painter.setBrush(colour)
        for point in points:
            spot = to_screen.map(point)
            painter.drawRect(QRectF(spot.x() - 3.5, spot.y() - 3.5, 7, 7))
        painter.restore()

    def _line(self, painter: QPainter, colour: QColor, width: float) -> None:
        pen = QPen(colour, width)
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _hatching(ratio: float) -> QPixmap:
    """One tile of diagonal lines, for a screen with ``ratio`` device pixels per pixel."""
    tile = QPixmap(round(_PERIOD * ratio), round(_PERIOD * ratio))
    tile.setDevicePixelRatio(ratio)
    tile.fill(QColor(0, 0, 0, 0))
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(_HATCH, 1.1))
    for shift in (-_PERIOD, 0, _PERIOD):
        # Lines of the neighbouring tiles, too, or the corners would be missing.
        painter.drawLine(QPointF(shift - 1, _PERIOD + 1), QPointF(shift + _PERIOD + 1, -1))
    painter.end()
    return tile
