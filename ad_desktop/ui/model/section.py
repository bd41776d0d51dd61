"""Small building blocks of the model dock."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ad_desktop.ui.icons import Icons
from ad_desktop.ui.theme import Theme


class Section(QWidget):
    """A heading that folds what is under it."""

    def __init__(self, title: str, content: QWidget, open_: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.toggle = QToolButton()
        self.toggle.setText(title)
        self.toggle.setCheckable(True)
        self.toggle.setAutoRaise(True)
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        font = self.toggle.font()
        font.setBold(True)
        self.toggle.setFont(font)
        self.toggle.setStyleSheet(
            "QToolButton { border: none; padding: 4px 0; margin-left: -4px; background: transparent; }"
        )
        self.content = content
        self.toggle.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.toggle)
        layout.addWidget(content)
        self.toggle.setChecked(open_)
        self._show(open_)

    def set_open(self, open_: bool) -> None:
        """Fold or unfold."""
        self.toggle.setChecked(open_)

    def _show(self, shown: bool) -> None:
        self.toggle.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.content.setVisible(shown)


class DimLabel(QLabel):
    """Wrapped text of second rank."""

    def __init__(self, theme: Theme, text: str = "") -> None:
        super().__init__(text)
        self._theme = theme
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        theme.changed.connect(self._paint)
        self._paint()

    def _paint(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(self._theme.colours.dim))
        self.setPalette(palette)


class Notice(QFrame):
    """An icon and a text on a tinted ground: something to know, or what went wrong."""

    def __init__(self, icons: Icons, theme: Theme, icon: str = "information-outline", colour: str = "accent") -> None:
        super().__init__()
        self._theme = theme
        self._icons = icons
        self._look = (icon, colour)
        self.setObjectName("notice")
        self._picture = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(10, 8, 10, 8)
        self.column.addLayout(row)
        theme.changed.connect(self._paint)
        self._paint()
        self.hide()

    def say(self, text: str) -> None:
        """Show a text; an empty one hides the notice."""
        self.text.setText(text)
        self.setVisible(bool(text))

    def _paint(self) -> None:
        icon, colour = self._look
        self._picture.setPixmap(self._icons.icon(icon, colour).pixmap(18, 18))
        tint = QColor(getattr(self._theme.colours, colour))
        self.setStyleSheet(
            f"#notice {{ background: rgba({tint.red()},{tint.green()},{tint.blue()},0.13); border-radius: 6px; }}"
        )
