"""Graphics items: a picture with its pyramid, an anomaly map over it, and outlines."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from ad_desktop.ui.viewer.pictures import Overlay, Shown


class PictureLayer(pyqtgraph.GraphicsObject):
    """Paints the level of the pyramid that fits the zoom, so that large pictures stay fluid and free of moiré."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Shown | None = None

    def set_picture(self, shown: Shown | None) -> None:
        """Show another picture."""
        self.prepareGeometryChange()
        self._shown = shown
        self.update()

    def boundingRect(self) -> QRectF:
        return QRectF() if self._shown is None else QRectF(0, 0, self._shown.size[1], self._shown.size[0])

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._shown is None:
            return
        zoom = abs(painter.deviceTransform().m11())
        levels = self._shown.levels
        level = min(max(0, int(np.floor(-np.log2(max(zoom, 1e-6))))), len(levels) - 1)
        # Enlarged pixels stay square: an inspector wants to see the pixels there are.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, zoom < 2)
        image = levels[level]
        painter.drawImage(self.boundingRect(), image, QRectF(image.rect()))


class MapLayer(pyqtgraph.GraphicsObject):
    """Paints an overlay through a colour table; opacity and threshold change the table alone."""

    def __init__(self) -> None:
        super().__init__()
        self._overlay: Overlay | None = None
        self._array: NDArray[np.uint8] | None = None
        self._codes: QImage | None = None
        self._image: QImage | None = None
        self._table: list[int] = [0] * 256

    def set_overlay(self, overlay: Overlay | None, codes: NDArray[np.uint8] | None = None) -> None:
        """Show another map; ``codes`` in place of its own."""
        array = None if overlay is None else overlay.codes if codes is None else codes
        if overlay is self._overlay and array is self._array:
            return
        self.prepareGeometryChange()
        self._overlay = overlay
        self._array = array
        self._codes = None
        if array is not None:
            height, width = array.shape
            # The image borrows the array's memory; the array is kept as long as the image.
            self._codes = QImage(array.data, width, height, array.strides[0], QImage.Format.Format_Indexed8)
        self._colour()

    def set_table(self, table: list[int]) -> None:
        """Use another colour table."""
        if table != self._table:
            self._table = table
            self._colour()

    def boundingRect(self) -> QRectF:
        return QRectF() if self._overlay is None else QRectF(0, 0, self._overlay.size[1], self._overlay.size[0])

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.boundingRect(), self._image, QRectF(self._image.rect()))

    def _colour(self) -> None:
        self._image = None
        if self._codes is not None:
            self._codes.setColorTable(self._table)
            self._image = self._codes.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        self.update()


class LineLayer(pyqtgraph.GraphicsObject):
    """Loose line segments with a pen that does not grow with the zoom, on a dark seam that keeps them visible."""

    def __init__(self, colour: str, dashed: bool = False) -> None:
        super().__init__()
        self._path = QPainterPath()
        self._pen = QPen(QColor(colour), 1.6)
        self._pen.setCosmetic(True)
        self._seam = QPen(QColor(0, 0, 0, 150), 3.2)
        self._seam.setCosmetic(True)
        if dashed:
            self._pen.setStyle(Qt.PenStyle.CustomDashLine)
            self._pen.setDashPattern([4, 3])

    def set_segments(self, points: NDArray[np.float32] | None) -> None:
        """Show other segments: (2k, 2) x, y; None for nothing."""
        self.prepareGeometryChange()
        if points is None or not len(points):
            self._path = QPainterPath()
        else:
            x, y = np.ascontiguousarray(points.T.astype(np.float64))
            self._path = pyqtgraph.functions.arrayToQPath(x, y, connect="pairs")
        self.update()

    def boundingRect(self) -> QRectF:
        return self._path.boundingRect()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for pen in (self._seam, self._pen):
            painter.setPen(pen)
            painter.drawPath(self._path)
