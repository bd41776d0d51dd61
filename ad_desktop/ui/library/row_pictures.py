"""Rows of the library as they were painted last: while a detector scores, the same few are painted again and again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QColor, QPainter, QPixmap

_KEPT = 120
"""Rows; a screen shows some dozens, each takes about 100 kB."""
_SPENT = 0.008
"""Seconds of one painting after which what is left waits for the next, so that events come between."""

Paint = Callable[[QPainter, QRect], None]


class RowPictures:
    """Pictures of rows by all that they show.

    A row that is painted by its cells enters Python more than a dozen times, and each time waits for the interpreter
    while workers have it; its picture takes one call. Where every row looks different at once, as when a model was
    fitted, some stay as they were, or empty, for a moment.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, QPixmap] = OrderedDict()
        self._last: OrderedDict[str, QPixmap] = OrderedDict()
        self._until = 0.0

    def clear(self) -> None:
        """Forget all, as colours or fonts are others now."""
        self._kept.clear()
        self._last.clear()

    def begin(self) -> None:
        """The view is about to be painted."""
        self._until = time.monotonic() + _SPENT

    def draw(self, painter: QPainter, place: QRect, ground: QColor, key: str, look: Hashable, paint: Paint) -> bool:
        """Draw the row of the item ``key``, which looks like ``look``, at ``place``; whether it is done.

        If not, it was drawn as it looked before, if ever, and has to be drawn once more. ``paint`` is asked for what is
        new.
        """
        ratio = painter.device().devicePixelRatio()
        whole = (key, look, place.width(), place.height(), ratio)
        picture, before = self._kept.get(whole), self._last.get(key)
        done = picture is not None or time.monotonic() < self._until
        if picture is None and done:
            picture = _painted(place.size(), ratio, ground, paint)
        if picture is None:
            picture = before
        else:
            _keep(self._kept, whole, picture)
            _keep(self._last, key, picture)
        if picture is not None:
            painter.drawPixmap(place.topLeft(), picture)
        return done


def _keep(kept: OrderedDict[Any, QPixmap], key: Hashable, picture: QPixmap) -> None:
    kept[key] = picture
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)


def _painted(size: QSize, ratio: float, ground: QColor, paint: Paint) -> QPixmap:
    picture = QPixmap(size * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(ground)
    painter = QPainter(picture)
    paint(painter, QRect(QPoint(0, 0), size))
    painter.end()
    return picture
