"""The model: how it is fitted, what it is, where its threshold lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ad_desktop.data.samples import VolumeSample
from ad_desktop.detectors.base import Detector
from ad_desktop.ui.column_scroll import ColumnScroll
from ad_desktop.ui.flows.fitting import FitFlow
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.model.fitpanel import FitPanel
from ad_desktop.ui.model.section import Section
from ad_desktop.ui.model.settings import FitSettings
from ad_desktop.ui.model.summary import ModelSummary
from ad_desktop.ui.model.threshold import ThresholdPanel
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme

_NEXT_MS = 30


class ModelDock(QDockWidget):
    """Sections that fold, over a foot that stays: Fit is always in sight."""

    def __init__(
        self,
        session: Session,
        flow: FitFlow,
        detectors: Mapping[str, type[Detector]],
        icons: Icons,
        theme: Theme,
        fit: QAction,
        file_actions: Sequence[QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Model", parent)
        self.setObjectName("modelDock")
        self._session = session
        self.settings = FitSettings(detectors, icons, theme)
        self.threshold = ThresholdPanel(session, icons, theme)
        self.summary = ModelSummary(session, icons, theme)
        self.fit_panel = FitPanel(session, flow, icons, theme, fit, lambda: self.settings.needs_normal_samples)
        self.settings.changed.connect(self.fit_panel.follow)
        self.method = Section("Method", self.settings)
        self.threshold_section = Section("Threshold", self.threshold)
        self.model_section = Section("Fitted model", self.summary)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(12, 4, 12, 8)
        column.setSpacing(8)
        column.addWidget(self.method)
        column.addWidget(self.threshold_section)
        column.addWidget(self.model_section)
        column.addStretch(1)
        scroll = ColumnScroll(inner)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(_tools(file_actions))
        layout.addWidget(scroll, 1)
        layout.addWidget(self.fit_panel)
        self.setWidget(body)
        self.setMinimumWidth(270)
        # Behind the rest of what a new model changes, so that this is painted in between.
        self._next = QTimer(self, singleShot=True, interval=_NEXT_MS)
        self._next.timeout.connect(self._follow)
        session.model_changed.connect(self._next.start)
        session.items_changed.connect(self._follow_items)
        self._follow()

    def make_plots(self) -> None:
        """Make what is shown with a model or a fit only, while there is time."""
        _ = self.threshold.histogram, self.fit_panel.curve

    def _follow_items(self) -> None:
        scans = [isinstance(item.sample, VolumeSample) for item in self._session.items.values()]
        self.settings.offer_scans(any(scans), all(scans))

    def _follow(self) -> None:
        fitted = self._session.model is not None
        self.model_section.setVisible(fitted)
        # Once there is a model its threshold is what is worked with; the method is one click away.
        self.method.set_open(not fitted)


def _tools(actions: Sequence[QAction]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(8, 6, 8, 0)
    row.setSpacing(4)
    for action in actions:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setAutoRaise(True)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        row.addWidget(button)
    row.addStretch(1)
    return row
