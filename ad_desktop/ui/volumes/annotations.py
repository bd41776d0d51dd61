"""What is written and drawn over a plane: letters, title, scale bar, crosshair."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QPixmap, QRegion

from ad_desktop.ui.volumes.geometry import scale_bar
from ad_desktop.ui.volumes.scene import ColourLayer

_CROSS = QColor(255, 209, 102, 200)
_CROSS_SEAM = QColor(0, 0, 0, 90)
_GAP = 9
_LETTER_ROOM = 24
"""How far from the edges the crosshair ends, so that it does not run through the letters."""
_MARGIN = 8
_BAR_SHARE = 0.3
_STRIP = 9
_KEPT = 200
_SEAM = 2


@dataclass(frozen=True)
class Ink:
    """Colour of texts, of the seam that sets them off, and of the plate that they stand on."""

    text: QColor
    seam: QColor
    plate: QColor


ON_BLACK = Ink(QColor("#e7eaee"), QColor(0, 0, 0, 170), QColor(0, 0, 0, 120))
ON_WHITE = Ink(QColor("#14171b"), QColor(255, 255, 255, 190), QColor(255, 255, 255, 130))


class Annotator:
    """Writes over one plane; texts are drawn once and kept, as their seams take several passes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bool, int, float, str], QPixmap] = OrderedDict()

    def letters(self, painter: QPainter, room: QRect, letters: tuple[str, str, str, str], title: str, ink: Ink) -> None:
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
            self._text(painter, room.translated(shift, 0), letter, where, ink, bold=True)

    def title(self, painter: QPainter, room: QRect, text: str, ink: Ink) -> None:
        """The plane and its slice, at the upper left."""
        self._text(painter, room, text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, ink)

    def bar(self, painter: QPainter, room: QRect, scale: float, ink: Ink) -> None:
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
        self._text(painter, above, text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, ink)

    def colours(self, painter: QPainter, room: QRect, layer: ColourLayer, ink: Ink) -> None:
        """What a layer's colours stand for, at the lower right."""
        wide = round(min(140.0, _BAR_SHARE * room.width()))
        bar = QRect(room.right() - _MARGIN - 2 - wide, room.bottom() - _MARGIN - _STRIP, wide, _STRIP)
        strip = QImage(256, 1, QImage.Format.Format_ARGB32)
        for place, colour in enumerate(layer.table):
            strip.setPixel(place, 0, colour | 0xFF000000)
        painter.fillRect(bar.adjusted(-1, -1, 1, 1), ink.seam)
        painter.drawImage(bar, strip, strip.rect().adjusted(1, 0, 0, 0))
        low, high = (f"{end:+.3g}".replace("-", "\N{MINUS SIGN}") for end in (layer.low, layer.high))
        above = QRect(room.left(), room.top(), room.width() - 2, room.height() - _STRIP - 5)
        text = f"{low} … {high} {layer.unit}".strip()
        self._text(painter, above, text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, ink)

    def _text(
        self, painter: QPainter, room: QRect, text: str, where: Qt.AlignmentFlag, ink: Ink, bold: bool = False
    ) -> None:
        stamp = self._stamp(painter, text, ink, bold)
        size = stamp.deviceIndependentSize().toSize()
        inner = room.adjusted(_MARGIN - _SEAM, 5 - _SEAM, _SEAM - _MARGIN, _SEAM - 5)
        align = Qt.AlignmentFlag
        left = inner.left()
        if where & align.AlignHCenter:
            left = inner.center().x() - size.width() // 2
        elif where & align.AlignRight:
            left = inner.right() - size.width() + 1
        top = inner.top()
        if where & align.AlignVCenter:
            top = inner.center().y() - size.height() // 2
        elif where & align.AlignBottom:
            top = inner.bottom() - size.height() + 1
        painter.drawPixmap(QPoint(left, top), stamp)

    def _stamp(self, painter: QPainter, text: str, ink: Ink, bold: bool) -> QPixmap:
        font = QFont(painter.font())
        font.setBold(bold)
        ratio = painter.device().devicePixelRatioF()
        key = (text, bold, ink.text.rgba(), ratio, font.key())
        stamp = self._kept.get(key)
        if stamp is None:
            stamp = self._kept[key] = _stamped(text, font, ink, ratio, painter)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return stamp


def _stamped(text: str, font: QFont, ink: Ink, ratio: float, painter: QPainter) -> QPixmap:
    """A text with its seam on nothing."""
    before = painter.font()
    painter.setFont(font)
    room = painter.fontMetrics().boundingRect(QRect(0, 0, 10_000, 1000), 0, text)
    painter.setFont(before)
    stamp = QPixmap(((room.size() + QRect(0, 0, 2 * _SEAM, 2 * _SEAM).size()).toSizeF() * ratio).toSize())
    stamp.setDevicePixelRatio(ratio)
    stamp.fill(Qt.GlobalColor.transparent)
    own = QPainter(stamp)
    own.setRenderHint(QPainter.RenderHint.Antialiasing)
    own.setFont(font)
    own.setPen(Qt.PenStyle.NoPen)
    own.setBrush(ink.plate)
    own.drawRoundedRect(QRectF(stamp.rect()) if ratio == 1 else QRectF(QPointF(), stamp.deviceIndependentSize()), 3, 3)
    inner = QRect(QPoint(_SEAM, _SEAM), room.size())
    own.setPen(ink.seam)
    for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)):
        own.drawText(inner.translated(across, down), 0, text)
    own.setPen(ink.text)
    own.drawText(inner, 0, text)
    own.end()
    return stamp


def draw_cross(painter: QPainter, room: QRect, place: QPointF) -> None:
    """Two lines through a place, open around it so that it can be seen."""
    painter.setPen(Qt.PenStyle.NoPen)
    for seam, colour in ((1, _CROSS_SEAM), (0, _CROSS)):
        painter.setBrush(colour)
        painter.drawRects(_strips(room, place, seam))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def cross_region(room: QRect, place: QPointF) -> QRegion:
    """What the crosshair at a place covers, and the gap in its middle."""
    x, y = _pixel(place)
    return QRegion(room.left(), y - 1, room.width(), 3) | QRegion(x - 1, room.top(), 3, room.height())


def _pixel(place: QPointF) -> tuple[int, int]:
    return round(place.x() - 0.5), round(place.y() - 0.5)


def _strips(room: QRect, place: QPointF, seam: int) -> list[QRect]:
    """The crosshair's four arms, ``seam`` pixels wider on each side."""
    x, y = _pixel(place)
    left, right = room.left() + _LETTER_ROOM, room.right() - _LETTER_ROOM
    top, bottom = room.top() + _LETTER_ROOM, room.bottom() - _LETTER_ROOM
    thick, strips = 1 + 2 * seam, []
    if top <= y <= bottom:
        for start, end in ((left, min(x - _GAP, right)), (max(x + _GAP, left), right)):
            if start <= end:
                strips.append(QRect(start, y - seam, end - start + 1, thick))
    if left <= x <= right:
        for start, end in ((top, min(y - _GAP, bottom)), (max(y + _GAP, top), bottom)):
            if start <= end:
                strips.append(QRect(x - seam, start, thick, end - start + 1))
    return strips
