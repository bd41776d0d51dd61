"""What the window does about crashes: keeps the library, tells of the last session, offers reports."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject

from ad_desktop.errors import UserError
from ad_desktop.jobs import JobRunner
from ad_desktop.ui.crash.autosave import Autosave
from ad_desktop.ui.crash.dialogs import EndedDialog, TroubleDialog
from ad_desktop.ui.crash.journal import Journal, LeftBehind
from ad_desktop.ui.crash.library import Library, read
from ad_desktop.ui.crash.report import told_error
from ad_desktop.ui.main_window import MainWindow


class CrashWatch(QObject):
    """Ties a window to its journal."""

    def __init__(self, window: MainWindow, runner: JobRunner, journal: Journal, log_file: Path) -> None:
        super().__init__(window)
        self._window = window
        self._log_file = log_file
        self._journal = journal
        self._told: TroubleDialog | None = None
        self.autosave = Autosave(window.session, runner, journal.library, lambda: window.unsaved.path, self)
        window.problems.unexpected.connect(self.tell)

    def tell(self, error: BaseException) -> None:
        """Offer a report on an exception; while one is offered, others are only in the log and the list."""
        if self._told is not None:
            return
        text = "Something went wrong that should not. The window goes on working; save what matters to you soon."
        self._told = TroubleDialog(
            "Something unexpected", text, self._window.reporter, told_error(error), self._log_file, parent=self._window
        )
        self._told.finished.connect(self._forget_told)
        self._told.show()

    def tell_last(self) -> EndedDialog | None:
        """Tell of sessions that ended unexpectedly, if any did, and offer the library of the latest."""
        left = self._journal.left_behind()
        if not left:
            return None
        last, library = left[0], _library(left)
        dump = last.dump.read_text(encoding="utf-8", errors="replace") if last.dump.exists() else ""
        count = 0 if library is None else len(library.items)
        dialog = EndedDialog(self._window.reporter, dump, count, self._log_file, self._window)
        if library is not None:
            dialog.reopen_asked.connect(lambda: self._reopen(library))
        # Whoever closes it has been told; if the program ends before that, and closes it, the next start tells again.
        dialog.finished.connect(lambda: _forget(left) if self._window.isVisible() else None)
        dialog.show()
        return dialog

    def _forget_told(self) -> None:
        self._told = None

    def _reopen(self, library: Library) -> None:
        window = self._window
        added = window.edits.add(library.items)
        window.session.set_roi(library.roi)
        window.session.set_min_region(library.min_region)
        window.session.set_fpr(library.fpr)
        window.importing.added.emit(added)
        if library.model is not None and library.model.is_file():
            window.open_paths([library.model])


def _forget(left: list[LeftBehind]) -> None:
    for gone in left:
        gone.forget()


def _library(left: list[LeftBehind]) -> Library | None:
    """The latest library that holds something."""
    for gone in left:
        try:
            library = read(gone.library)
        except UserError:
            continue
        if library.items:
            return library
    return None
