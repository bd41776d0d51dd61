"""Windows that tell of trouble and offer a report to copy; none of them stops the work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from ad_desktop.ui.crash.report import Reporter, told_dump

_PRIVATE = (
    "The report below tells versions, the device and where in the program it happened. It names no picture, scan, "
    "folder or patient. Nothing is sent: copy it and pass it on if you like."
)


class TroubleDialog(QDialog):
    """A text, the report on ``what`` happened, and buttons to copy it and to see the log; ``more`` go before them."""

    def __init__(
        self,
        title: str,
        text: str,
        reporter: Reporter,
        what: str,
        log_file: Path,
        more: Sequence[QPushButton] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._log_file = log_file
        self._reporter = reporter
        self._what = what
        self.text = QLabel(text)
        self.text.setWordWrap(True)
        note = QLabel(_PRIVATE)
        note.setWordWrap(True)
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setAccessibleName("Report")
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.place = QLabel(f"Log file: {log_file}")
        self.place.setWordWrap(True)
        self.place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for button in more:
            buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        self.copy = buttons.addButton("&Copy the report", QDialogButtonBox.ButtonRole.ActionRole)
        self.folder = buttons.addButton("Open the log's &folder", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(self._copy)
        self.folder.clicked.connect(self._open_folder)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        for part in (self.text, note):
            layout.addWidget(part)
        layout.addWidget(self.report, 1)
        layout.addWidget(self.place)
        layout.addWidget(buttons)
        self._fill()
        reporter.changed.connect(self._fill)
        self.resize(QSize(620, 420).boundedTo(self.screen().availableSize()))

    def _fill(self) -> None:
        self.report.setPlainText(self._reporter.text(self._what))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())
        self.copy.setText("Copied")

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._log_file.parent)))


class EndedDialog(TroubleDialog):
    """The last session ended unexpectedly; ``reopen_asked`` where the user wants its library back."""

    reopen_asked = Signal()

    def __init__(
        self, reporter: Reporter, dump: str, count: int, log_file: Path, parent: QWidget | None = None
    ) -> None:
        self.reopen = QPushButton("&Open them again")
        self.reopen.setDefault(True)
        one = "1 picture or scan was" if count == 1 else f"{count:,} pictures and scans were"
        kept = f" {one} open: their labels are kept." if count else ""
        text = f"The last session ended unexpectedly.{kept} Saved models are not touched."
        what = f"The last session ended unexpectedly.\n{told_dump(dump)}"
        more = [self.reopen] if count else []
        super().__init__("AD Desktop ended unexpectedly", text, reporter, what, log_file, more, parent)
        self.reopen.clicked.connect(self.reopen_asked)
        self.reopen.clicked.connect(self.accept)
