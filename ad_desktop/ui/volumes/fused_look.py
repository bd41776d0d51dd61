"""How the scan on top is shown: its own range, colours and opacity, remembered for each kind of scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyqtgraph
from PySide6.QtCore import QObject, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from ad_desktop.data.volumes.volume import HU, SUV
from ad_desktop.data.volumes.windows import Window
from ad_desktop.ui.volumes.source import OpenScan

COLOURS = {
    "Heat": "CET-L3", "Red to yellow": "CET-L4", "Inferno": "inferno", "Magma": "magma", "Viridis": "viridis",
    "Green": "CET-L5", "Blue": "CET-L6", "Grey": "CET-L1",
}  # fmt: skip
"""Colour maps by their titles; all begin dark."""
_HOT, _OTHER = "Heat", "Red to yellow"
_SUV_TOP = 10.0


@dataclass(frozen=True)
class FusedLook:
    """Values from ``low`` to ``high`` in ``colours`` (a key of ``COLOURS``), ``opacity`` 0–1."""

    low: float
    high: float
    colours: str
    opacity: float


class FusedLooks(QObject):
    """``changed`` comes when the user wants another look for the scans of a kind.

    A range is remembered where values mean the same in all scans of the kind: in HU and SUV.
    """

    changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._ranges: dict[str, tuple[float, float]] = {}

    def of(self, scan: OpenScan) -> FusedLook:
        """The look of a scan."""
        look, key = self.default(scan), _key(scan)
        colours = str(self._settings.value(f"{key}/colours", look.colours))
        opacity = float(str(self._settings.value(f"{key}/opacity", look.opacity)))
        low, high = self._range(scan) or (look.low, look.high)
        return FusedLook(low, high, colours if colours in COLOURS else look.colours, min(max(opacity, 0.0), 1.0))

    def default(self, scan: OpenScan) -> FusedLook:
        """PET in the colours of heat from SUV 0 to 10, anything else over its own automatic window."""
        pet = scan.volume.modality == "PT" or scan.volume.unit == SUV
        window = Window.between(0, _SUV_TOP) if scan.volume.unit == SUV else scan.automatic
        return FusedLook(window.low, window.high, _HOT if pet else _OTHER, 0.5)

    def take(self, scan: OpenScan, look: FusedLook) -> None:
        """Use a look for a scan, and for others of its kind."""
        key = _key(scan)
        self._settings.setValue(f"{key}/colours", look.colours)
        self._settings.setValue(f"{key}/opacity", look.opacity)
        if scan.volume.unit in (HU, SUV):
            self._settings.setValue(f"{key}/range", f"{look.low!r},{look.high!r}")
        else:
            self._ranges[scan.key] = look.low, look.high
        self.changed.emit()

    def reset(self, scan: OpenScan) -> None:
        """Use the default look again."""
        self._settings.remove(_key(scan))
        self._ranges.pop(scan.key, None)
        self.changed.emit()

    def _range(self, scan: OpenScan) -> tuple[float, float] | None:
        if scan.volume.unit not in (HU, SUV):
            return self._ranges.get(scan.key)
        try:
            low, high = (float(part) for part in str(self._settings.value(f"{_key(scan)}/range", "")).split(","))
        except ValueError:
            return None
        return (low, high) if low < high else None


class FusedControls(QWidget):
    """Range, colours and opacity of the scan on top, for a menu; without a scan it is disabled."""

    def __init__(self, looks: FusedLooks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._looks = looks
        self._scan: OpenScan | None = None
        self.low, self.high = self._spin("Lowest value in colour"), self._spin("Value of the strongest colour")
        self.unit = QLabel()
        self.colours = QComboBox()
        self.colours.setAccessibleName("Colours of the scan on top")
        self.colours.setIconSize(QSize(64, 12))
        self.colours.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.colours.addItems(list(COLOURS))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Opacity of the scan on top")
        self.reset = QPushButton("Reset")
        self._build()
        for spin in (self.low, self.high):
            spin.valueChanged.connect(self._take)
        self.colours.activated.connect(lambda _: self._take())
        self.opacity.valueChanged.connect(self._take)
        self.reset.clicked.connect(lambda: None if self._scan is None else looks.reset(self._scan))
        looks.changed.connect(self._show)
        self.set_scan(None)

    def set_scan(self, scan: OpenScan | None) -> None:
        """Set up another scan on top."""
        self._scan = scan
        self.setEnabled(scan is not None)
        if scan is not None and self.colours.itemIcon(0).isNull():
            # Not before they are needed: reading the colour maps would hold up the start.
            for row, name in enumerate(COLOURS.values()):
                self.colours.setItemIcon(row, _icon(name))
        self._show()

    def _spin(self, name: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setRange(-1e9, 1e9)
        spin.setKeyboardTracking(False)
        spin.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        spin.setAccessibleName(name)
        return spin

    def _build(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 10, 12, 10)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(8)
        ends = QHBoxLayout()
        for widget in (self.low, QLabel("to"), self.high, self.unit):
            ends.addWidget(widget)
        for row, text in enumerate(("Range", "Colours", "Opacity")):
            grid.addWidget(QLabel(text), row, 0)
        grid.addLayout(ends, 0, 1)
        grid.addWidget(self.colours, 1, 1)
        grid.addWidget(self.opacity, 2, 1)
        grid.addWidget(self.reset, 3, 1, Qt.AlignmentFlag.AlignRight)

    def _show(self) -> None:
        if self._scan is None:
            return
        look = self._looks.of(self._scan)
        parts = (self.low, self.high, self.colours, self.opacity)
        for part in parts:
            part.blockSignals(True)
        decimals = 0 if look.high - look.low >= 100 else 1 if look.high - look.low >= 2 else 3
        for spin, value in ((self.low, look.low), (self.high, look.high)):
            spin.setDecimals(decimals)
            spin.setValue(value)
        self.unit.setText(self._scan.volume.unit)
        self.colours.setCurrentText(look.colours)
        self.opacity.setValue(round(100 * look.opacity))
        for part in parts:
            part.blockSignals(False)

    def _take(self) -> None:
        if self._scan is None:
            return
        look = replace(
            self._looks.of(self._scan), colours=self.colours.currentText(), opacity=self.opacity.value() / 100
        )
        low, high = self.low.value(), self.high.value()
        if low < high:
            look = replace(look, low=low, high=high)
        self._looks.take(self._scan, look)


def _kind(scan: OpenScan) -> str:
    return scan.volume.modality or scan.volume.unit or "other"


def _key(scan: OpenScan) -> str:
    return f"volumes/fused/{_kind(scan)}"


def _icon(name: str) -> QIcon:
    """A colour map as a strip."""
    table = pyqtgraph.colormap.get(name).getLookupTable(nPts=64, alpha=False)
    image = QImage(64, 1, QImage.Format.Format_RGB32)
    for place, (red, green, blue) in enumerate(table.tolist()):
        image.setPixel(place, 0, 0xFF000000 | red << 16 | green << 8 | blue)
    return QIcon(QPixmap.fromImage(image.scaled(64, 12)))
