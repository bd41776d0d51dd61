"""The series of an opened folder as a table, to leave out what is not wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.ui.commands import Edits
from ad_desktop.ui.session import Session
from ad_desktop.ui.wording import sentence

if TYPE_CHECKING:
    from ad_desktop.data.volumes.opening import SeriesInfo

_TITLES = ("Description", "Modality", "Patient", "Study", "Slices", "Spacing (mm)", "Date", "Warnings")
_TEXT = "These series were found. Untick what should not stay in the library; no file is changed."
_PARTS = " Parts are the volumes of one series or file, in the order of their times or acquisitions."


class SeriesDialog(QDialog):
    """Shown beside the window, all ticked; ``left_out`` carries the keys of what the user does not want."""

    left_out = Signal(list)

    def __init__(self, series: Sequence[SeriesInfo], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Series")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.table = QTreeWidget()
        self.table.setAccessibleName("Series")
        self.table.setHeaderLabels(list(_TITLES))
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setStyleSheet("QTreeView::item { padding: 3px 4px; }")
        self.lines = [_line(info) for info in series]
        self.table.addTopLevelItems(self.lines)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        buttons = QDialogButtonBox()
        self.keep = buttons.addButton("Keep ticked ones", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Keep all", QDialogButtonBox.ButtonRole.RejectRole)
        for words, state in (("Tick all", Qt.CheckState.Checked), ("Untick all", Qt.CheckState.Unchecked)):
            button = buttons.addButton(words, QDialogButtonBox.ButtonRole.ActionRole)
            button.clicked.connect(partial(self.tick, state))
        self.text = QLabel(_TEXT + (_PARTS if any(info.sample.part is not None for info in series) else ""))
        self.text.setWordWrap(True)
        column = QVBoxLayout(self)
        for widget in (self.text, self.table, buttons):
            column.addWidget(widget)
        self.resize(1000, 380)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(self._tell)

    def tick(self, state: Qt.CheckState) -> None:
        """Tick all, or none: of a hundred parts one is wanted, perhaps."""
        for line in self.lines:
            line.setCheckState(0, state)

    def _tell(self) -> None:
        unticked = [line for line in self.lines if line.checkState(0) is not Qt.CheckState.Checked]
        if unticked:
            self.left_out.emit([line.data(0, Qt.ItemDataRole.UserRole) for line in unticked])


class SeriesQuestion(QObject):
    """Shows the table over a window, and takes what is left out from the library."""

    def __init__(self, session: Session, edits: Edits, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._edits = edits
        self._window = window

    def ask(self, series: Sequence[SeriesInfo]) -> None:
        """Show a table of these."""
        dialog = SeriesDialog(series, self._window)
        dialog.left_out.connect(self._remove)
        dialog.show()

    def _remove(self, keys: list[str]) -> None:
        self._edits.remove([self._session.items[key] for key in keys if key in self._session.items])


def _line(info: SeriesInfo) -> QTreeWidgetItem:
    z, y, x = info.spacing
    warnings = " · ".join(sentence(warning) for warning in info.warnings)
    date = f"{info.date[:4]}-{info.date[4:6]}-{info.date[6:]}" if len(info.date) == 8 else info.date
    texts = [
        info.sample.name, info.modality, info.patient, info.study, str(info.slices),
        f"{x:.3g} × {y:.3g} × {z:.3g}", date, warnings,
    ]  # fmt: skip
    line = QTreeWidgetItem(texts)
    line.setCheckState(0, Qt.CheckState.Checked)
    line.setData(0, Qt.ItemDataRole.UserRole, info.sample.key)
    # As a number: 59 comes before 512.
    line.setData(4, Qt.ItemDataRole.DisplayRole, info.slices)
    line.setTextAlignment(4, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    line.setToolTip(7, "\n".join(sentence(warning) for warning in info.warnings))
    return line
