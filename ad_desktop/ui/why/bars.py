"""The parts of a score as bars from a common zero."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.model.section import DimLabel
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.why.words import part_sentence, part_title

_LEAST_SPAN = 3.0
"""The full width of a bar is at least this much, so that the small parts of a normal picture look small."""


class Bar(QWidget):
    """One value on a scale from ``low`` to ``high``, drawn from zero."""

    def __init__(self, value: float, low: float, high: float, theme: Theme) -> None:
        super().__init__()
        self._value, self._low, self._high = value, low, high
        self._theme = theme
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(90, max(12, self.fontMetrics().height() - 2))

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        height = 8.0
        top = (self.height() - height) / 2
        painter.setBrush(QColor(colours.line))
        painter.drawRoundedRect(QRectF(0, top, self.width(), height), 4, 4)
        zero, end = self._place(0.0), self._place(self._value)
        painter.setBrush(QColor(colours.accent if self._value > 0 else colours.dim))
        painter.drawRoundedRect(QRectF(min(zero, end), top, max(abs(end - zero), 2.0), height), 4, 4)
        if self._low < 0:
            painter.setBrush(QColor(colours.text))
            painter.drawRect(QRectF(zero - 0.5, top - 3, 1, height + 6))
        painter.end()

    def _place(self, value: float) -> float:
        return self.width() * (value - self._low) / (self._high - self._low)


class PartBars(QWidget):
    """A line for each part: name, bar, value; what it means under it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        self.values: dict[str, QLabel] = {}

    def show_parts(self, parts: Mapping[str, float], deviations: bool, tiled: bool = False) -> None:
        """Show other parts; ``tiled``: those of a tile."""
        while (taken := self._grid.takeAt(0)) is not None:
            widget = taken.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.values = {}
        high = max([_LEAST_SPAN if deviations else 0.0, *parts.values()]) or 1.0
        low = min([0.0, *parts.values()])
        for number, (name, value) in enumerate(parts.items()):
            sentence = part_sentence(name, tiled)
            self._add(2 * number, name, value, Bar(value, low, high, self._theme), deviations, sentence)

    def _add(self, row: int, name: str, value: float, bar: Bar, deviations: bool, sentence: str) -> None:
        title = QLabel(part_title(name))
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        number = QLabel(format_score(value) + (" σ" if deviations else ""))
        number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        number.setForegroundRole(QPalette.ColorRole.WindowText)
        bar.setAccessibleName(f"{part_title(name)}: {number.text()}")
        self.values[name] = number
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(bar, row, 1)
        self._grid.addWidget(number, row, 2)
        if sentence:
            text = DimLabel(self._theme, sentence)
            text.setContentsMargins(0, 0, 0, 6)
            self._grid.addWidget(text, row + 1, 0, 1, 3)
