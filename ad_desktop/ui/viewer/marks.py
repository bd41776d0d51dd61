"""Graphics items with a size of their own on the screen: numbers of regions, and the linked crosshair."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from ad_desktop.scoring.regions import Region

_MOST = 60
"""How many regions get a number on the picture; more would hide it."""
_AROUND = 0.5
_MARGIN = 4


def box_of(region: Region) -> QRectF:
    """The region's bounding box in picture coordinates."""
    top, left, bottom, right = region.bbox
    return QRectF(left, top, right - left, bottom - top)


class RegionLayer(pyqtgraph.GraphicsObject):
    """A small number at the corner of each region, and a frame around the chosen one."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._regions: tuple[Region, ...] = ()
        self._anchors: tuple[QPointF, ...] = ()
        self._chosen: int | None = None
        self._bounds = QRectF()
        self._colour = QColor(colour)

    def set_regions(
        self, regions: Sequence[Region], anchors: Sequence[tuple[float, float]], size: tuple[int, int]
    ) -> None:
        """Number these at their ``anchors`` (x, y); ``size`` is the picture's height and width."""
        self.prepareGeometryChange()
        self._regions = tuple(regions[:_MOST])
        self._anchors = tuple(QPointF(x, y) for x, y in anchors[:_MOST])
        height, width = size
        # Numbers stand beside their regions, so at the edge beside the picture.
        around = _AROUND * max(height, width)
        self._bounds = QRectF(0, 0, width, height).adjusted(-around, -around, around, around) if regions else QRectF()
        self.update()

    def set_chosen(self, label: int | None) -> None:
        """Frame this region."""
        if label != self._chosen:
            self._chosen = label
            self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        to_screen = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.85))
        font.setBold(True)
        painter.setFont(font)
        for region, anchor in zip(self._regions, self._anchors, strict=True):
            if region.label == self._chosen:
                self._frame(painter, to_screen.mapRect(box_of(region)).adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN))
            self._number(painter, to_screen.map(anchor), str(region.label), region.label == self._chosen)
        painter.restore()

    def _frame(self, painter: QPainter, box: QRectF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 150), 3.2), (self._colour, 1.4)):
            painter.setPen(QPen(colour, width))
            painter.drawRoundedRect(box, 4, 4)

    def _number(self, painter: QPainter, top: QPointF, text: str, chosen: bool) -> None:
        metrics = painter.fontMetrics()
        height = metrics.height()
        width = max(height, metrics.horizontalAdvance(text) + 8)
        # On the outline; inside the view where the region reaches beyond its upper edge.
        tag = QRectF(top.x() - width / 2, max(top.y() - height / 2 - _MARGIN, 2.0), width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour if chosen else QColor(0, 0, 0, 140))
        painter.drawRoundedRect(tag, height / 2, height / 2)
        painter.setPen(QColor(0, 0, 0) if chosen else self._colour)
        painter.drawText(tag, int(Qt.AlignmentFlag.AlignCenter), text)


class CrossLayer(pyqtgraph.GraphicsObject):
    """Where the cursor is in the other of two linked views: two thin lines across the picture."""

    def __init__(self) -> None:
        super().__init__()
        self._point: QPointF | None = None
        self._bounds = QRectF()
        self.setZValue(10)

    @property
    def point(self) -> QPointF | None:
        """The place in picture coordinates; None where nothing is shown."""
        return self._point

    def set_point(self, point: QPointF | None, size: tuple[int, int]) -> None:
        """Show the cross at a place of a picture of ``size`` (height, width), or nowhere."""
        bounds = QRectF() if point is None else QRectF(0, 0, size[1], size[0])
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        self._point = point
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._point is None:
            return
        x, y, bounds = self._point.x(), self._point.y(), self._bounds
        for colour, width in ((QColor(0, 0, 0, 110), 3.0), (QColor(255, 255, 255, 210), 1.0)):
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawLine(QPointF(bounds.left(), y), QPointF(bounds.right(), y))
            painter.drawLine(QPointF(x, bounds.top()), QPointF(x, bounds.bottom()))
