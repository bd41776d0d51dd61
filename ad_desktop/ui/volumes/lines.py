"""Outlines drawn quickly: thousands of short pieces, with a dark seam so that they show on any ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

_SEAM, _SEAM_WIDTH, _WIDTH = QColor(0, 0, 0, 150), 3.2, 1.6
_DASHES = (5, 7)
_SHORT = 4.0
"""Pieces up to this length in pixels need no caps for their joints to look closed; caps take half as long again."""


class Outlines:
    """Draws line pieces in pixels of the device-independent kind; the memory for them is used again."""

    def __init__(self) -> None:
        self._pieces = PrimitiveArray(QLineF, 4)

    def draw(self, painter: QPainter, room: QRectF, points: NDArray[np.floating], colour: str, dashed: bool) -> None:
        """Draw pieces (2k, 2), x and y of both their ends; those beyond ``room`` are passed over."""
        ends = points.reshape(-1, 2, 2)
        low, high = ends.min(axis=1), ends.max(axis=1)
        near = (
            (high[:, 0] >= room.left()) & (low[:, 0] <= room.right())
            & (high[:, 1] >= room.top()) & (low[:, 1] <= room.bottom())
        )  # fmt: skip
        if not near.all():
            ends = ends[near]
        if not len(ends):
            return
        long = bool(np.abs(ends[:, 1] - ends[:, 0]).mean() > _SHORT)
        self._draw(painter, ends, QPen(_SEAM, _SEAM_WIDTH), long)
        pen = QPen(QColor(colour), _WIDTH)
        if dashed and long:
            pen.setDashPattern([4, 3])
        elif dashed:
            # Every piece would begin with a dash: by place instead, with periods that no slope falls in step with.
            x, y = (ends[:, 0] // _DASHES).astype(np.intp).T
            ends = ends[(x + y) % 2 == 0]
        self._draw(painter, ends, pen, long)

    def _draw(self, painter: QPainter, ends: NDArray[np.floating], pen: QPen, long: bool) -> None:
        self._pieces.resize(len(ends))
        self._pieces.ndarray()[:] = ends.reshape(-1, 4)
        pen.setCapStyle(Qt.PenCapStyle.SquareCap if long else Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        # The seam lies under the line: its edges need not be smooth, which is quicker.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, pen.widthF() < _SEAM_WIDTH)
        painter.drawLines(*self._pieces.drawargs())
