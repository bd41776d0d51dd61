"""Lines of text that cope with too little room.

Other than a QLabel they never ask for another place when their text changes: that would have every layout up to the
window arranged anew, with each picture that is leafed through.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

_LEAST = "abc…xyz"
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class _Line(QWidget):
    """As high as its font, and not much narrower than a word; arranged anew when the font changes, and only then."""

    def minimumSizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font())
        return QSize(metrics.horizontalAdvance(_LEAST), metrics.height())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
        super().changeEvent(event)

    def _font(self) -> QFont:
        return self.font()


class ElidedLabel(_Line):
    """A line of text that is cut where there is no room, with the whole as its tooltip.

    As wide as its place allows, or as ``widest`` needs.
    """

    def __init__(
        self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle, widest: str = "", right: bool = False
    ) -> None:
        super().__init__()
        self._mode = mode
        self._widest = widest
        self._flags = _RIGHT if right else _LEFT
        self._text = ""
        across = QSizePolicy.Policy.Maximum if widest else QSizePolicy.Policy.Ignored
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        """The whole text."""
        return self._text

    def setText(self, text: str) -> None:
        """Show another text."""
        if text != self._text:
            self._text = text
            self.setToolTip(text)
            self.setAccessibleName(text)
            self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._widest or _LEAST) + 2, metrics.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self.rect(), self._flags, self.fontMetrics().elidedText(self._text, self._mode, self.width()))
        painter.end()


class TwoTexts(_Line):
    """One text and a second one in another colour, right behind it or (``apart``) at the other end of the line.

    The first is cut where it has no room; the second where the first leaves none.
    """

    def __init__(self, bold: bool = False, apart: bool = False) -> None:
        super().__init__()
        self._bold = bold
        self._apart = apart
        self._colours = (QColor(), QColor())
        self.first = self.second = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_texts(self, first: str, second: str, colours: tuple[QColor, QColor]) -> None:
        """Show other texts."""
        if (first, second, colours) != (self.first, self.second, self._colours):
            self.first, self.second, self._colours = first, second, colours
            self.setToolTip("\n".join(text for text in (first, second) if text))
            self.setAccessibleName(", ".join(text for text in (first, second) if text))
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(0, QFontMetrics(self._font()).height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        first, second = QFontMetrics(self._font()), self.fontMetrics()
        gap = 2 * second.averageCharWidth()
        wanted = second.horizontalAdvance(self.second) + gap if self.second else 0
        room = self.width() - wanted if self._apart else self.width()
        mode = Qt.TextElideMode.ElideRight if self._apart else Qt.TextElideMode.ElideMiddle
        shown = first.elidedText(self.first, mode, max(room, 0))
        painter.setFont(self._font())
        painter.setPen(self._colours[0])
        painter.drawText(self.rect(), _LEFT, shown)
        left = 0 if self._apart else first.horizontalAdvance(shown) + gap
        rest = QRect(left, 0, self.width() - left, self.height())
        painter.setFont(self.font())
        painter.setPen(self._colours[1])
        cut = second.elidedText(self.second, Qt.TextElideMode.ElideLeft, max(rest.width(), 0))
        painter.drawText(rest, _RIGHT if self._apart else _LEFT, cut)
        painter.end()

    def _font(self) -> QFont:
        """That of the first text."""
        font = QFont(self.font())
        font.setBold(self._bold)
        return font
