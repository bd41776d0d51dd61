"""How a model is fitted: detector, its parameters, device, groups, tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from ad_desktop.detectors.base import Detector
from ad_desktop.detectors.params import make_params
from ad_desktop.errors import UserError
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.form import ParamForm
from ad_desktop.ui.model.section import DimLabel, Section
from ad_desktop.ui.model.tiles import TilesForm
from ad_desktop.ui.theme import Theme
from ad_desktop.workflows.scans.settings import SliceSettings

if TYPE_CHECKING:
    from ad_desktop.workflows.fit import FitOptions
    from ad_desktop.workflows.info import DeviceInfo

_GROUPS = (
    ("Automatic", "auto", "Near-duplicates among the normal pictures are found and left out together."),
    ("None", "none", "Every picture stands for itself."),
    ("Sub-folders", "folder", "Pictures of one folder belong together, such as all pictures of one part."),
    ("File-name pattern", "regex:", "A regular expression; pictures whose names match with the same text belong "
     "together, for example part_(\\d+)."),
    ("Table (CSV)", "csv", "A CSV file with the columns path and group."),
)  # fmt: skip


class FitSettings(QWidget):
    """The form; ``options`` turns it into what ``fit`` takes."""

    changed = Signal()

    def __init__(
        self, detectors: Mapping[str, type[Detector]], icons: Icons, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._detectors = dict(detectors)
        self._icons = icons
        self._theme = theme
        self.detector = QComboBox()
        self.detector.setAccessibleName("Detector")
        for name, cls in self._detectors.items():
            self.detector.addItem(cls.title, name)
        self.summary = DimLabel(theme)
        self.device = QComboBox()
        self.device.setAccessibleName("Device")
        self.device.addItem("Automatic", "auto")
        self.device.setToolTip("Where the network runs")
        self.groups = QComboBox()
        self.groups.setAccessibleName("Groups")
        self.groups.addItems([title for title, _, _ in _GROUPS])
        self.groups.setToolTip(
            "What belongs together among the normal ones. A group is held out as a whole, so that pictures of the same "
            "part (or scans of the same patient) do not vouch for each other."
        )
        self._things = ("picture", "pictures")
        self.groups_text = QLineEdit()
        self.groups_help = DimLabel(theme)
        self.tiles = TilesForm(theme)
        self.slices = ParamForm(SliceSettings, icons, theme)
        self.scans = Section("Slices of scans", self.slices, open_=False)
        self.scans.hide()
        for box in (self.detector, self.device, self.groups):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.form = self._make_form()
        self._build()
        self.detector.currentIndexChanged.connect(self._choose_detector)
        self.device.currentIndexChanged.connect(self.changed)
        self.groups.currentIndexChanged.connect(self._choose_groups)
        self.groups_text.textChanged.connect(self.changed)
        self.tiles.changed.connect(self.changed)
        self.slices.changed.connect(self.changed)
        self._choose_groups()

    @property
    def needs_normal_samples(self) -> bool:
        """Whether the chosen detector cannot be fitted without normal samples."""
        return self._detectors[self.detector.currentData()].needs_normal_samples

    def options(self, fpr: float) -> FitOptions:
        """What is set; ``UserError`` where something is not allowed or missing."""
        from ad_desktop.workflows.fit import FitOptions

        spec = _GROUPS[self.groups.currentIndex()][1]
        text = self.groups_text.text().strip()
        if spec in ("regex:", "csv") and not text:
            what = "a pattern" if spec == "regex:" else "a CSV file"
            raise UserError(f"Groups: {what} is needed, or choose Automatic.")
        groups = {"regex:": f"regex:{text}", "csv": text}.get(spec, spec)
        return FitOptions(
            detector=self.detector.currentData(),
            params=self.form.changed_values(),
            fpr=fpr,
            groups=groups,
            device=self.device.currentData(),
            tiling=self.tiles.tiling(),
            slices=make_params(SliceSettings, self.slices.values()),
        )

    def offer_scans(self, there: bool, alone: bool = False) -> None:
        """Show how scans are cut into slices where there are any; ``alone``: there are no pictures."""
        self.scans.setVisible(there)
        self._things = ("scan", "scans") if there and alone else ("picture", "pictures")
        self._explain_groups()

    def set_devices(self, devices: list[DeviceInfo]) -> None:
        """Offer these devices beside the automatic choice."""
        chosen = self.device.currentData()
        self.device.blockSignals(True)
        self.device.clear()
        self.device.addItem("Automatic", "auto")
        for device in devices:
            self.device.addItem(_device_text(device), device.id)
        self.device.setCurrentIndex(max(0, self.device.findData(chosen)))
        self.device.blockSignals(False)

    def _build(self) -> None:
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._column.addWidget(self.detector)
        self._column.addWidget(self.summary)
        self._form_place = QVBoxLayout()
        self._form_place.addWidget(self.form)
        self._column.addLayout(self._form_place)
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(6)
        rows.setHorizontalSpacing(8)
        rows.addRow("Device", self.device)
        rows.addRow("Groups", self.groups)
        for box in (self.device, self.groups):
            rows.labelForField(box).setMinimumWidth(self.tiles.label_width)
        self._column.addLayout(rows)
        self._column.addWidget(self.groups_text)
        self._column.addWidget(self.groups_help)
        self._column.addWidget(self.tiles)
        self._column.addWidget(self.scans)

    def _make_form(self) -> ParamForm:
        cls = self._detectors[self.detector.currentData()]
        self.summary.setText(cls.summary)
        form = ParamForm(cls.Params, self._icons, self._theme)
        form.changed.connect(self.changed)
        return form

    def _choose_detector(self) -> None:
        self._form_place.removeWidget(self.form)
        self.form.hide()
        self.form.deleteLater()
        self.form = self._make_form()
        self._form_place.addWidget(self.form)
        self.changed.emit()

    def _explain_groups(self) -> None:
        one, many = self._things
        text = _GROUPS[self.groups.currentIndex()][2]
        self.groups_help.setText(text.replace("pictures", many).replace("picture", one))

    def _choose_groups(self) -> None:
        _, spec, _ = _GROUPS[self.groups.currentIndex()]
        self._explain_groups()
        self.groups_text.setVisible(spec in ("regex:", "csv"))
        self.groups_text.setPlaceholderText("part_(\\d+)" if spec == "regex:" else "groups.csv")
        self.groups_text.clear()
        if spec == "csv" and self.isVisible():
            dialog = QFileDialog(self, "Table of groups", "", "CSV (*.csv);;All files (*)")
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
            dialog.fileSelected.connect(self.groups_text.setText)
            dialog.open()
        self.changed.emit()


def _device_text(device: Any) -> str:
    gib = 2**30
    if device.memory_free and device.memory_total:
        return f"{device.name} – {device.memory_free / gib:.1f} of {device.memory_total / gib:.1f} GiB free"
    return str(device.name)
