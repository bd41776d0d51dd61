"""A line over the planes that asks before scans from different spaces are laid over each other."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton

from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.section import Notice
from ad_desktop.ui.theme import Theme


class FrameQuestion(Notice):
    """``overlaid`` comes where the user wants it anyway, ``refused`` where not."""

    overlaid = Signal()
    refused = Signal()

    def __init__(self, icons: Icons, theme: Theme) -> None:
        super().__init__(icons, theme, "alert-outline", "warning")
        self.anyway = QPushButton("Overlay anyway")
        self.leave = QPushButton("Leave it")
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.leave)
        row.addWidget(self.anyway)
        self.column.addLayout(row)
        self.anyway.clicked.connect(lambda: self._answer(True))
        self.leave.clicked.connect(lambda: self._answer(False))

    def ask(self, name: str) -> None:
        """Ask about a scan."""
        self.say(
            f"{name} belongs to another frame of reference (0020,0052): the same position means another place there. "
            "Laid over this scan, structures will probably not meet."
        )
        self.leave.setFocus()

    def _answer(self, anyway: bool) -> None:
        self.hide()
        (self.overlaid if anyway else self.refused).emit()
