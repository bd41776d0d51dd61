"""A line over the planes that asks what the values of a scan are."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton

from ad_desktop.data.volumes.volume import HU, NO_UNIT, SUV
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.section import Notice
from ad_desktop.ui.theme import Theme

_CHOICES = ((HU, "HU (CT)"), (SUV, "SUVbw (PET)"), (NO_UNIT, "without a unit (MR, others)"))


class UnitQuestion(Notice):
    """``told`` carries one of ``opening.UNITS``."""

    told = Signal(str)

    def __init__(self, icons: Icons, theme: Theme) -> None:
        super().__init__(icons, theme)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Unit of the values")
        for unit, text in _CHOICES:
            self.choice.addItem(text, unit)
        self.use = QPushButton("Use")
        self.use.setToolTip("For all files of this folder that do not name a unit")
        row = QHBoxLayout()
        row.addStretch(1)
        for widget in (QLabel("Values in this folder are"), self.choice, self.use):
            row.addWidget(widget)
        self.column.addLayout(row)
        self.use.clicked.connect(self._answer)

    def ask(self, name: str, suggested: str, told: str | None = None) -> None:
        """Ask about a scan; ``told`` is an earlier answer, ``suggested`` what its values look like."""
        looks = (
            f"By their range they look like {suggested}." if suggested else "Their range looks like neither HU nor SUV."
        )
        self.choice.setCurrentIndex(self.choice.findData(told or suggested or NO_UNIT))
        self.say(f"{name} does not say what its values are. {looks}")

    def _answer(self) -> None:
        self.hide()
        self.told.emit(self.choice.currentData())
