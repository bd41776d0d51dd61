"""What the Help menu opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from ad_desktop.resources import resource
from ad_desktop.ui.about import AboutDialog, ShortcutsDialog
from ad_desktop.ui.actions import Actions
from ad_desktop.ui.crash.dialogs import TroubleDialog
from ad_desktop.ui.crash.report import Reporter
from ad_desktop.ui.help.guide import GuideDialog

Groups = Callable[[], Sequence[tuple[str, Sequence[QAction]]]]


class HelpDialogs(QObject):
    """Guide, sheet of keys, log and About; ``groups`` gives the actions of the sheet."""

    def __init__(self, actions: Actions, groups: Groups, reporter: Reporter, log_file: Path, window: QWidget) -> None:
        super().__init__(window)
        self._groups = groups
        self._reporter = reporter
        self._log_file = log_file
        self._window = window
        actions.guide.triggered.connect(lambda: GuideDialog(resource("guide"), window).show())
        actions.shortcuts.triggered.connect(lambda: ShortcutsDialog(self._groups(), window).open())
        actions.about.triggered.connect(lambda: AboutDialog(window.windowIcon(), window).open())
        actions.log.triggered.connect(self._show_log)

    def _show_log(self) -> None:
        text = (
            "What goes wrong is written to the log file. It may name your files: look through it before you pass it on."
        )
        TroubleDialog("Log", text, self._reporter, "", self._log_file, parent=self._window).show()
