"""What went wrong and what is worth knowing: the list, and the dock that shows it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QHeaderView,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.data.samples import Failure
from ad_desktop.errors import InputError, UserError
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.theme import Theme

_LOG = logging.getLogger(__name__)
_KEPT = 5000


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True)
class Problem:
    """One line of the list."""

    level: Level
    subject: str
    text: str
    when: str


class ProblemList(QObject):
    """Problems in the order they came; ``changed`` comes after each change.

    ``unexpected`` carries an exception that is a fault of the program.
    """

    changed = Signal()
    unexpected = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.problems: list[Problem] = []

    @property
    def errors(self) -> int:
        """How many errors there are."""
        return sum(problem.level is Level.ERROR for problem in self.problems)

    def error(self, subject: str, error: Exception) -> str:
        """Add what went wrong and return its text in words for the user."""
        text = describe_error(error)
        if not isinstance(error, UserError):
            _LOG.error("%s failed", subject, exc_info=error)
        self._add([(Level.ERROR, subject, text)])
        if is_unexpected(error):
            self.unexpected.emit(error)
        return text

    def failures(self, failures: list[Failure]) -> None:
        """Add inputs that could not be used."""
        self._add([(Level.ERROR, failure.path, failure.reason) for failure in failures])

    def notes(self, subject: str, texts: tuple[str, ...] | list[str]) -> None:
        """Add what is worth knowing."""
        self._add([(Level.NOTE, subject, text) for text in texts])

    def clear(self) -> None:
        """Forget all."""
        self.problems.clear()
        self.changed.emit()

    def _add(self, lines: list[tuple[Level, str, str]]) -> None:
        if lines:
            now = datetime.now().strftime("%H:%M:%S")
            self.problems += [Problem(level, subject, text, now) for level, subject, text in lines]
            del self.problems[:-_KEPT]
            self.changed.emit()


def is_unexpected(error: Exception) -> bool:
    """Whether it is a fault of the program: nothing the user or the machine can be told of."""
    return not isinstance(error, UserError | OSError | MemoryError) and "out of memory" not in str(error).lower()


def describe_error(error: Exception) -> str:
    """An exception in words for the person at the keyboard."""
    if isinstance(error, InputError):
        return error.reason
    if isinstance(error, UserError):
        return str(error)
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return (
            "There is not enough memory. Close other programs, choose another device, or use a smaller input "
            f"size. ({text})"
        )
    if isinstance(error, PermissionError):
        return f"Permission denied: {error.filename}. Choose another place, or change its permissions."
    if isinstance(error, OSError):
        return f"{error.strerror or text}: {error.filename}" if error.filename else text
    return f"Something unexpected went wrong: {type(error).__name__}: {text}. Details are in the log file."


class ProblemsDock(QDockWidget):
    """The list as a table, with buttons to copy and clear."""

    def __init__(self, problems: ProblemList, icons: Icons, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Problems", parent)
        self.setObjectName("problemsDock")
        self._problems = problems
        self._icons = icons
        self.table = QTreeWidget()
        self.table.setAccessibleName("Problems")
        self.table.setHeaderLabels(["Time", "What", "Why"])
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(False)
        self.table.setWordWrap(True)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.table.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        header = self.table.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(1, 260)
        header.setStretchLastSection(True)
        tools = QVBoxLayout()
        for icon, tip, slot in (
            ("content-copy", "Copy all", self._copy), ("trash-can-outline", "Clear", problems.clear),
        ):  # fmt: skip
            button = QToolButton()
            button.setAutoRaise(True)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.clicked.connect(slot)
            icons.bind(button, icon)
            tools.addWidget(button)
        tools.addStretch(1)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 4, 4)
        row.addWidget(self.table, 1)
        row.addLayout(tools)
        self.setWidget(body)
        problems.changed.connect(self._fill)
        theme.changed.connect(lambda: self._fill(again=True))
        self._fill()

    def _fill(self, again: bool = False) -> None:
        known = self.table.topLevelItemCount()
        problems = self._problems.problems
        if again or known > len(problems) or len(problems) == _KEPT:
            self.table.clear()
            known = 0
        lines = []
        for problem in problems[known:]:
            line = QTreeWidgetItem([problem.when, problem.subject, problem.text])
            error = problem.level is Level.ERROR
            line.setIcon(1, self._icons.icon("alert-circle-outline", "anomalous") if error
                         else self._icons.icon("information-outline", "accent"))  # fmt: skip
            line.setToolTip(1, problem.subject)
            line.setToolTip(2, problem.text)
            lines.append(line)
        self.table.addTopLevelItems(lines)
        self.table.scrollToBottom()

    def _copy(self) -> None:
        lines = [f"{p.when}\t{p.level.value}\t{p.subject}\t{p.text}" for p in self._problems.problems]
        QGuiApplication.clipboard().setText("\n".join(lines))
