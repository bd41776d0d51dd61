"""What stands in the middle of the window when there is nothing to look at yet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ad_desktop.ui.column_scroll import ColumnScroll
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.flow import FlowLayout

_STEPS = (
    (
        "Drop a folder of good pictures or healthy scans",
        "They teach what is normal. Twenty are a start, a few hundred are plenty.",
    ),
    ("Press Fit", "No defects and no drawing are needed."),
    ("Drop what is to be checked", "Everything gets a score, a verdict, and a map of where it differs."),
)


class EmptyState(QWidget):
    """The three steps, and samples one click away."""

    def __init__(
        self, icons: Icons, theme: Theme, add_folder: QAction, samples: Sequence[QAction],
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._icons = icons
        self._theme = theme
        self._picture = QLabel()
        title = QLabel("Find what is not normal")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        font.setBold(True)
        title.setFont(font)
        title.setWordWrap(True)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(self._picture)
        column.addSpacing(6)
        column.addWidget(title)
        column.addSpacing(10)
        self._details: list[QLabel] = []
        self._numbers: list[QLabel] = []
        for number, (what, why) in enumerate(_STEPS, 1):
            column.addLayout(self._step(number, what, why))
            column.addSpacing(8)
        column.addSpacing(10)
        column.addWidget(self._buttons(add_folder, samples))
        wide = QHBoxLayout()
        wide.addStretch(1)
        wide.addLayout(column, 6)
        wide.addStretch(1)
        inner = QWidget()
        middle = QVBoxLayout(inner)
        middle.addStretch(2)
        middle.addLayout(wide)
        middle.addStretch(3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(ColumnScroll(inner))
        theme.changed.connect(self._paint)
        self._paint()

    def _step(self, number: int, what: str, why: str) -> QHBoxLayout:
        badge = QLabel(str(number))
        side = max(24, badge.fontMetrics().height() + 4)
        badge.setFixedSize(side, side)
        badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._numbers.append(badge)
        head = QLabel(what)
        font = head.font()
        font.setBold(True)
        head.setFont(font)
        head.setWordWrap(True)
        detail = QLabel(why)
        detail.setWordWrap(True)
        self._details.append(detail)
        text = QVBoxLayout()
        text.setSpacing(1)
        text.addWidget(head)
        text.addWidget(detail)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(badge, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(text, 1)
        return row

    def _buttons(self, add_folder: QAction, samples: Sequence[QAction]) -> QWidget:
        """``samples`` of pictures and of a scan."""
        self.sample, self.scan = (QPushButton(text) for text in ("Open the sample", "Open a sample scan"))
        folder = QPushButton("Add a folder…")
        buttons = (self.sample, self.scan, folder)
        for button, action in zip(buttons, (*samples, add_folder), strict=True):
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
        self.sample.setObjectName("primary")
        widget = QWidget()
        flow = FlowLayout(widget, across=8)
        flow.setContentsMargins(0, 0, 0, 0)
        for button in buttons:
            flow.addWidget(button)
        return widget

    def _paint(self) -> None:
        colours = self._theme.colours
        self._picture.setPixmap(self._icons.icon("image-search-outline", "accent").pixmap(56, 56))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, colours.dim)
        for detail in self._details:
            detail.setPalette(palette)
        for badge in self._numbers:
            badge.setStyleSheet(
                f"background: {colours.notice}; color: {colours.accent}; border-radius: 12px; font-weight: bold;"
            )
