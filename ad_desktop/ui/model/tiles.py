"""How large pictures are cut into tiles."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from ad_desktop.data.tiles import SMALLEST, Tiling
from ad_desktop.ui.model.section import DimLabel
from ad_desktop.ui.theme import Theme

_LARGEST = 8192
_FIRST = 512


class TilesForm(QWidget):
    """Side and overlap of a tile, and in words what they do; 0 is off."""

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.side = _Side()
        self.overlap = QSpinBox()
        for box, name in ((self.side, "Tile size"), (self.overlap, "Tile overlap")):
            box.setSuffix(" px")
            box.setAccessibleName(name)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.overlap.setToolTip("At least as large as the defects, so that each lies whole in some tile")
        self.help = DimLabel(theme)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(6)
        rows.setHorizontalSpacing(8)
        rows.addRow("Tiles", self.side)
        rows.addRow("Overlap", self.overlap)
        self._rows = rows
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(rows)
        column.addWidget(self.help)
        self.side.valueChanged.connect(self._follow)
        self.overlap.valueChanged.connect(self.changed)
        self._follow()

    def tiling(self) -> Tiling:
        """What is set."""
        return Tiling(self.side.value(), self.overlap.value()) if self.side.value() else Tiling()

    @property
    def label_width(self) -> int:
        """Width of the longest label, for forms whose fields are to begin where these do."""
        return self._rows.labelForField(self.overlap).sizeHint().width()

    def _follow(self) -> None:
        side = self.side.value()
        self.overlap.setRange(0, side // 2)
        self.overlap.setValue(side // 4)
        self._rows.setRowVisible(self.overlap, side > 0)
        self.help.setText(
            "Pictures larger than a tile are cut, and each tile is looked at by itself. The highest tile gives the "
            "score." if side else "For small defects on large pictures."
        )  # fmt: skip
        self.changed.emit()


class _Side(QSpinBox):
    """Steps from off to the first size worth having, then by halves and doubles."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, _LARGEST)
        self.setSpecialValueText("Off")
        self.setKeyboardTracking(False)
        self.setToolTip("Side of a tile in pixels of the picture; 0: pictures are not cut")
        self.editingFinished.connect(self._allow)

    def stepBy(self, steps: int) -> None:
        now = self.value()
        if steps > 0:
            self.setValue(now * 2 if now else _FIRST // 2)
        else:
            self.setValue(now // 2 if now // 2 >= _FIRST // 4 else 0)

    def _allow(self) -> None:
        if 0 < self.value() < SMALLEST:
            self.setValue(SMALLEST)
