"""What stands in place of the planes while a scan is being read, or if it cannot be."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ad_desktop.task import Progress
from ad_desktop.ui.model.fitpanel import progress_text, show_progress


class OpeningPage(QWidget):
    """A line of text; progress with Cancel while something is under way, Try again where it was stopped."""

    cancelled = Signal()
    again = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(240, 8)
        self.button = QPushButton()
        self.button.clicked.connect(self._press)
        self._running = False
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(14)
        column.addStretch(1)
        column.addWidget(self.text)
        for widget in (self.bar, self.button):
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(widget)
            row.addStretch(1)
            column.addLayout(row)
        column.addStretch(1)

    def show_opening(self, name: str) -> None:
        """Something is being read."""
        self._running = True
        self._name = name
        self.text.setText(f"Opening {name}…")
        self.button.setText("Cancel")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.button.show()

    def show_progress(self, progress: Progress) -> None:
        """How far it is."""
        if self._running:
            detail = progress_text(progress)
            self.text.setText(f"Opening {self._name}…" + (f"\n{detail}" if detail else ""))
            show_progress(self.bar, progress)

    def show_message(self, text: str, again: bool) -> None:
        """It came to nothing."""
        self._running = False
        self.text.setText(text)
        self.bar.hide()
        self.button.setText("Try again")
        self.button.setVisible(again)

    def _press(self) -> None:
        (self.cancelled if self._running else self.again).emit()
