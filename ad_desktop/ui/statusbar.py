"""The foot of the window: value under the cursor, the job that runs, problems."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton, QWidget

from ad_desktop.jobs import JobRunner
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.fitpanel import progress_text, show_progress
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.theme import Theme


class JobStatus(QWidget):
    """The oldest running job with its progress, time left and Cancel; says how many more there are."""

    def __init__(self, runner: JobRunner, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.text = QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(110, 8)
        self.cancel = QToolButton()
        self.cancel.setAutoRaise(True)
        self.cancel.setToolTip("Cancel")
        self.cancel.setAccessibleName("Cancel the running job")
        icons.bind(self.cancel, "close-circle-outline")
        self.cancel.clicked.connect(self._cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.text)
        row.addWidget(self.bar)
        row.addWidget(self.cancel)
        runner.jobs_changed.connect(self._show)
        runner.polled.connect(self._show)
        self._show()

    def _show(self) -> None:
        active = self._runner.active
        self.setVisible(bool(active))
        if not active:
            return
        job = active[0]
        progress = job.task.progress
        text = progress_text(progress) or job.title
        if not progress.message.startswith(job.title):
            text = f"{job.title}: {text}" if progress.message else job.title
        if job.task.cancelled:
            text = f"{job.title}: stopping…"
        if len(active) > 1:
            text += f"  (+{len(active) - 1})"
        self.text.setText(text)
        show_progress(self.bar, progress)

    def _cancel(self) -> None:
        if self._runner.active:
            self._runner.active[0].cancel()
            self._show()


class StatusBar(QStatusBar):
    """``problems_asked`` comes when the count of problems is clicked."""

    problems_asked = Signal()

    def __init__(
        self, runner: JobRunner, problems: ProblemList, icons: Icons, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._problems = problems
        self._icons = icons
        self.readout = QLabel()
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.readout.setContentsMargins(8, 0, 0, 0)
        self.job = JobStatus(runner, icons)
        self.problems = QToolButton()
        self.problems.setAutoRaise(True)
        self.problems.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.problems.setToolTip("Show problems and notes")
        self.problems.clicked.connect(self.problems_asked)
        self.setSizeGripEnabled(False)
        self.addWidget(self.readout, 1)
        self.addPermanentWidget(self.job)
        self.addPermanentWidget(self.problems)
        problems.changed.connect(self._count)
        theme.changed.connect(self._count)
        self._count()

    def _count(self) -> None:
        errors = self._problems.errors
        notes = len(self._problems.problems) - errors
        if errors:
            self.problems.setText("1 problem" if errors == 1 else f"{errors:,} problems")
            self.problems.setIcon(self._icons.icon("alert-circle-outline", "anomalous"))
        elif notes:
            self.problems.setText("1 note" if notes == 1 else f"{notes:,} notes")
            self.problems.setIcon(self._icons.icon("information-outline", "accent"))
        self.problems.setVisible(bool(errors or notes))
