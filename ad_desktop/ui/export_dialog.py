"""Asks what to export, of which pictures, to which folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.ui import wording
from ad_desktop.ui.flows.exporting import ExportRequest
from ad_desktop.ui.items import Item

_DEFAULT = ("overlay", "csv")


class ExportDialog(QDialog):
    """``accepted_request`` carries the answer; the export itself runs behind the window."""

    accepted_request = Signal(object)

    def __init__(
        self,
        kinds: Mapping[str, str],
        chosen: Sequence[Item],
        everything: Sequence[Item],
        opacity: float,
        colour_map: str,
        settings: QSettings,
        parent: QWidget | None = None,
        min_region: int = 0,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export results")
        self._chosen = list(chosen)
        self._all = list(everything)
        self._look = (opacity, colour_map)
        self._settings = settings
        self.kinds = {kind: QCheckBox(title) for kind, title in kinds.items()}
        remembered = str(settings.value("export/kinds", ",".join(_DEFAULT))).split(",")
        self._elsewhere = [kind for kind in remembered if kind not in kinds]
        for kind, box in self.kinds.items():
            box.setChecked(kind in remembered)
            box.toggled.connect(self._check)
        self.small = QLabel(f"Regions smaller than {min_region:,} px are left out of masks, outlines and counts.")
        self.small.setWordWrap(True)
        self.small.setVisible(min_region > 1)
        self.selected = QRadioButton(f"Selected {_kind(self._chosen)} ({len(self._chosen):,})")
        self.all = QRadioButton(f"All checked {_kind(self._all)} ({len(self._all):,})")
        self.selected.setEnabled(bool(self._chosen))
        (self.selected if len(self._chosen) > 1 or not self._all else self.all).setChecked(True)
        self.folder = QLineEdit(str(settings.value("export/folder", "")))
        self.folder.setPlaceholderText("Choose a folder")
        self.folder.setMinimumWidth(260)
        self.folder.textChanged.connect(self._check)
        self.open_after = QCheckBox("Open the folder when done")
        self.open_after.setChecked(settings.value("export/open", True, type=bool) is True)
        self.why = QLabel()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export = QPushButton("Export")
        self.export.setDefault(True)
        self.buttons.addButton(self.export, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self._build()
        self._check()

    def request(self) -> ExportRequest:
        """The answer as it stands."""
        return ExportRequest(
            items=self._chosen if self.selected.isChecked() else self._all,
            folder=Path(self.folder.text().strip()).expanduser(),
            kinds=frozenset(kind for kind, box in self.kinds.items() if box.isChecked()),
            opacity=self._look[0],
            colour_map=self._look[1],
            open_after=self.open_after.isChecked(),
        )

    def _build(self) -> None:
        what = QGroupBox("What")
        column = QVBoxLayout(what)
        for box in self.kinds.values():
            column.addWidget(box)
        column.addWidget(self.small)
        which = QGroupBox("Of which")
        rows = QVBoxLayout(which)
        rows.addWidget(self.all)
        rows.addWidget(self.selected)
        where = QGroupBox("Where")
        place = QVBoxLayout(where)
        line = QHBoxLayout()
        browse = QPushButton("Browse…")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        place.addLayout(line)
        place.addWidget(self.open_after)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for group in (what, which, where):
            layout.addWidget(group)
        foot = QHBoxLayout()
        foot.addWidget(self.why, 1)
        foot.addWidget(self.buttons)
        layout.addLayout(foot)

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Folder for the results", self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()

    def _check(self) -> None:
        why = ""
        if not any(box.isChecked() for box in self.kinds.values()):
            why = "Choose what to write."
        elif not self.folder.text().strip():
            why = "Choose a folder."
        elif Path(self.folder.text().strip()).expanduser().is_file():
            why = "That is a file, not a folder."
        self.why.setText(why)
        self.export.setEnabled(not why)

    def _accept(self) -> None:
        request = self.request()
        self._settings.setValue("export/kinds", ",".join(sorted([*request.kinds, *self._elsewhere])))
        self._settings.setValue("export/folder", str(request.folder))
        self._settings.setValue("export/open", request.open_after)
        self.accepted_request.emit(request)
        self.accept()


def _kind(items: Sequence[Item]) -> str:
    return wording.kind([item.sample for item in items])
