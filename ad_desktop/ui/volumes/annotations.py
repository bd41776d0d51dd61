"""What is written and drawn over a plane: letters, title, scale bar, crosshair."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from ad_desktop.ui.volumes.geometry import scale_bar

_CROSS = QColor("#ffd166")
_GAP = 9
_LETTER_ROOM = 24
"""How far from the edges the crosshair ends, so that it does not run through the letters."""
_MARGIN = 8
_BAR_SHARE = 0.3


@dataclass(frozen=True)
class Ink:
    """Colour of texts, and of the seam that sets them off."""

    text: QColor
    seam: QColor


ON_BLACK = Ink(QColor("#e7eaee"), QColor(0, 0, 0, 170))
ON_WHITE = Ink(QColor("#14171b"), QColor(255, 255, 255, 190))


def draw_letters(painter: QPainter, room: QRect, letters: tuple[str, str, str, str], title: str, ink: Ink) -> None:
    """The sides of the patient at the left, right, top and bottom edge; the one at the top clears the ``title``."""
    align = Qt.AlignmentFlag
    places = (
        align.AlignLeft | align.AlignVCenter, align.AlignRight | align.AlignVCenter,
        align.AlignTop | align.AlignHCenter, align.AlignBottom | align.AlignHCenter,
    )  # fmt: skip
    for letter, where in zip(letters, places, strict=True):
        shift = 0
        if where & align.AlignTop:
            needed = 2 * _MARGIN + painter.fontMetrics().horizontalAdvance(f"{title}{letter}")
            shift = max(0, needed - room.width() // 2)
        _text(painter, room.translated(shift, 0), letter, where, ink, bold=True)


def draw_title(painter: QPainter, room: QRect, text: str, ink: Ink) -> None:
    """The plane and its slice, at the upper left."""
    _text(painter, room, text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, ink)


def draw_bar(painter: QPainter, room: QRect, scale: float, ink: Ink) -> None:
    """A scale bar at the lower left, ``scale`` in pixels per mm."""
    length, text = scale_bar(scale, min(140.0, _BAR_SHARE * room.width()))
    left, bottom, long = room.left() + _MARGIN + 2, room.bottom() - _MARGIN, length * scale
    lines = [
        QLineF(left, bottom, left + long, bottom), QLineF(left, bottom - 4, left, bottom),
        QLineF(left + long, bottom - 4, left + long, bottom),
    ]  # fmt: skip
    for colour, width in ((ink.seam, 4.0), (ink.text, 1.6)):
        painter.setPen(QPen(colour, width))
        painter.drawLines(lines)
    above = QRect(room.left(), room.top(), room.width(), room.height() - 9)
    _text(painter, above, text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, ink)


def draw_cross(painter: QPainter, room: QRect, place: QPointF) -> None:
    """Two lines through a place, open around it so that it can be seen."""
    x, y = place.x(), place.y()
    area = QRectF(room).adjusted(_LETTER_ROOM, _LETTER_ROOM, -_LETTER_ROOM, -_LETTER_ROOM)
    before, after = max(area.left(), x - _GAP), min(area.right(), x + _GAP)
    over, under = max(area.top(), y - _GAP), min(area.bottom(), y + _GAP)
    lines = [
        QLineF(area.left(), y, before, y), QLineF(after, y, area.right(), y),
        QLineF(x, area.top(), x, over), QLineF(x, under, x, area.bottom()),
    ]  # fmt: skip
    seen = QColor(_CROSS)
    seen.setAlpha(200)
    for colour, width in ((QColor(0, 0, 0, 90), 2.6), (seen, 1.0)):
        painter.setPen(QPen(colour, width))
        painter.drawLines(lines)


def _text(painter: QPainter, room: QRect, text: str, where: Qt.AlignmentFlag, ink: Ink, bold: bool = False) -> None:
    font = painter.font()
    font.setBold(bold)
    painter.setFont(font)
    inner = room.adjusted(_MARGIN, 5, -_MARGIN, -5)
    painter.setPen(ink.seam)
    for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)):
        painter.drawText(inner.translated(across, down), int(where), text)
    painter.setPen(ink.text)
    painter.drawText(inner, int(where), text)
