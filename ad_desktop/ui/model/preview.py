"""Small pictures of what is being learned, in columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from ad_desktop.ui.theme import Theme

_GAP = 4
_LOWEST = 48
_HIGHEST = 220


class Preview(QWidget):
    """A column for each kind of picture, a row for each thing; hidden while there are none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._columns: dict[str, list[QImage]] = {}
        self.setAccessibleName("Slices as they are painted")
        self.setToolTip("Healthy slices: as they are, with parts hidden, and with these parts painted by the network")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self.update)
        self.hide()

    @property
    def titles(self) -> list[str]:
        """The columns."""
        return list(self._columns)

    def show_pictures(self, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Show others: by title, grey (k, H, W)."""
        self._columns = {title: [_image(one) for one in stack] for title, stack in pictures.items()}
        self.setVisible(bool(self._columns))
        self.updateGeometry()
        self.update()

    def image(self, title: str, row: int) -> QImage:
        """One of the pictures."""
        return self._columns[title][row]

    def sizeHint(self) -> QSize:
        return QSize(0, min(_HIGHEST, self.heightForWidth(max(self.width(), 240))))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height() + _LOWEST)

    def heightForWidth(self, width: int) -> int:
        """What the pictures need to fill a width."""
        first = next(iter(self._columns.values()), [])
        across = (width - _GAP * (len(self._columns) - 1)) / max(1, len(self._columns))
        tall = sum(_GAP + round(across * image.height() / image.width()) for image in first)
        return self.fontMetrics().height() + tall

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        head = self.fontMetrics().height()
        across = (self.width() + _GAP) / max(1, len(self._columns))
        for column, (title, images) in enumerate(self._columns.items()):
            left = round(column * across)
            wide = round((column + 1) * across) - _GAP - left
            painter.setPen(QColor(self._theme.colours.dim))
            painter.drawText(QRect(left, 0, wide, head), Qt.AlignmentFlag.AlignHCenter, title)
            down = (self.height() - head) / len(images)
            for row, image in enumerate(images):
                cell = QRectF(left, head + row * down + _GAP, wide, down - _GAP)
                size = image.size().scaled(cell.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
                place = QRectF(0, 0, size.width(), size.height())
                place.moveCenter(cell.center())
                painter.drawImage(place, image)
        painter.end()


def _image(pixels: NDArray[np.uint8]) -> QImage:
    grey = np.ascontiguousarray(pixels)
    height, width = grey.shape
    return QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
