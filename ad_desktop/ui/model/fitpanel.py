"""The foot of the model dock: Fit, its progress, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ad_desktop.data.samples import Label, Sample
from ad_desktop.jobs import Job
from ad_desktop.task import Learning, Progress
from ad_desktop.ui.flows.fitting import UPDATING, FitFlow
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.preview import Preview
from ad_desktop.ui.model.section import DimLabel, Notice
from ad_desktop.ui.session import Session
from ad_desktop.ui.texts import ElidedLabel
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.wording import kind

if TYPE_CHECKING:
    from ad_desktop.ui.model.curve import LossCurve

_FEWEST = 2
_PATIENCE_MS = 400


class FitPanel(QWidget):
    """``fit_asked`` and ``update_asked`` are for the window to act on."""

    fit_asked = Signal()

    def __init__(
        self, session: Session, flow: FitFlow, icons: Icons, theme: Theme, fit: QAction,
        needs_normal: Callable[[], bool], parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session = session
        self._needs_normal = needs_normal
        self._flow = flow
        self._fit = fit
        self._theme = theme
        self.error = Notice(icons, theme, "alert-circle-outline", "anomalous")
        self.stopped = Notice(icons, theme, "pause-circle-outline", "accent")
        self._learning: Learning | None = None
        self.stale = Notice(icons, theme, "update", "accent")
        self.update_button = QPushButton("Update the model")
        self.update_button.setToolTip("Takes the changes in without reading the others again")
        self.update_button.clicked.connect(flow.update)
        self.stale.column.addWidget(self.update_button)
        self.button = QPushButton("Fit")
        self.button.setObjectName("primary")
        self.button.setMinimumHeight(34)
        self.button.clicked.connect(fit.trigger)
        self.reason = DimLabel(theme)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.message = ElidedLabel(Qt.TextElideMode.ElideRight)
        self.preview = Preview(theme)
        self.left = DimLabel(theme)
        self.left.setWordWrap(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self._cancel)
        self._build()
        # A change of one picture is done before anybody could read what runs.
        self._busy_soon = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._busy_soon.timeout.connect(lambda: self._show_busy(True))
        flow.started.connect(self._start)
        flow.ended.connect(self._end)
        flow.failed.connect(self.error.say)
        flow.stopped.connect(self.stopped.say)
        fit.changed.connect(self.follow)
        for signal in (session.items_changed, session.labels_changed, session.model_changed):
            signal.connect(self.follow)
        self.follow()

    @cached_property
    def curve(self) -> LossCurve:
        """How the loss falls. Made when first asked for: what draws it takes longer to load than to need."""
        from ad_desktop.ui.model.curve import LossCurve

        curve = LossCurve(self._theme)
        self._busy_column.insertWidget(self._busy_column.indexOf(self.preview), curve)
        return curve

    def _build(self) -> None:
        self.idle = QWidget()
        column = QVBoxLayout(self.idle)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.reason)
        self.busy = QWidget()
        self.busy.hide()
        line = self._busy_column = QVBoxLayout(self.busy)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(6)
        line.addWidget(self.message)
        line.addWidget(self.bar)
        line.addWidget(self.preview)
        row = QHBoxLayout()
        row.addWidget(self.left, 1)
        row.addWidget(self.cancel)
        line.addLayout(row)
        self.setObjectName("foot")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(self.error)
        layout.addWidget(self.stopped)
        layout.addWidget(self.stale)
        layout.addWidget(self.idle)
        layout.addWidget(self.busy)

    def fit_reason(self) -> str:
        """Why Fit is not possible, or empty."""
        normal = self._session.counts()[Label.NORMAL]
        if normal >= _FEWEST or (not normal and not self._needs_normal()):
            return ""
        if not self._session.items:
            return "Add good pictures or scans first: at least two, better twenty or more."
        if normal == 1:
            return f"One {kind(self._normal(), 1)} is labelled normal: at least two are needed."
        every = [item.sample for item in self._session.items.values()]
        return f"Label the good {kind(every)} as normal first (key N): at least two are needed."

    def _normal(self) -> list[Sample]:
        return [item.sample for item in self._session.labelled(Label.NORMAL)]

    def follow(self) -> None:
        """Show anew what can be done."""
        normal = self._session.counts()[Label.NORMAL]
        reason = self.fit_reason()
        possible = not reason and self._flow.job is None
        if self._fit.isEnabled() != possible:
            self._fit.setEnabled(possible)
        self.button.setEnabled(possible)
        fit = "Fit" if self._session.model is None else "Fit again"
        without = f"{fit} without normal pictures" if possible and not normal else fit
        self.button.setText(f"{fit} on {normal:,} normal {kind(self._normal())}" if normal >= _FEWEST else without)
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        add, remove = self._flow.changes()
        changes = [f"{len(add):,} normal added"] * bool(add) + [f"{len(remove):,} removed"] * bool(remove)
        busy = self._flow.job is not None
        self.stale.say(f"Since the fit: {', '.join(changes)}." if changes and not busy else "")

    def _start(self, job: Job) -> None:
        self.error.say("")
        self.cancel.setEnabled(True)
        self.cancel.setText("Cancel")
        self.message.setText(job.title)
        self.bar.setRange(0, 0)
        self.left.setText("")
        self.curve.show_losses(())
        self.preview.show_pictures({})
        self.stopped.say("")
        if job.title == UPDATING:
            self._busy_soon.start()
        else:
            self._show_busy(True)
        job.progressed.connect(self._progress)
        self.follow()

    def _progress(self, progress: Progress) -> None:
        show_progress(self.bar, progress)
        if progress.message:
            self.message.setText(progress.message)
        self.left.setText(counts_text(progress))
        if progress.losses:
            self.curve.show_losses(progress.losses)
        if progress.learning is not None and progress.learning is not self._learning:
            self._learning = progress.learning
            self.curve.show_curves(progress.learning.curves)
            self.preview.show_pictures(progress.learning.pictures)

    def _show_busy(self, busy: bool) -> None:
        self.idle.setVisible(not busy)
        self.busy.setVisible(busy)

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel.setText("Stopping…")
        self._flow.cancel()

    def _end(self) -> None:
        self._busy_soon.stop()
        # After all else that the end of a fit changes: together they would be felt.
        QTimer.singleShot(0, self, self._settle)

    def _settle(self) -> None:
        if self._flow.job is None:
            self._show_busy(False)
            self.follow()


def show_progress(bar: QProgressBar, progress: Progress) -> None:
    """Set a bar; it runs to and fro where the total is not known."""
    if (bar.maximum(), bar.value()) == (progress.total, progress.done):
        return
    # Otherwise each call would paint at once, and with the bar all else that waits to be painted.
    bar.setUpdatesEnabled(False)
    bar.setRange(0, progress.total)
    bar.setValue(progress.done)
    bar.setUpdatesEnabled(True)


def progress_text(progress: Progress) -> str:
    """Phase, count and time left, such as ``Reading · 12 of 700 · 20 s left``."""
    return " · ".join(part for part in (progress.message, counts_text(progress)) if part)


def counts_text(progress: Progress) -> str:
    """Count and time left, such as ``12 of 700 · 20 s left``."""
    parts = []
    if progress.total:
        parts.append(f"{progress.done:,} of {progress.total:,}")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """A time span in the unit that fits."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
