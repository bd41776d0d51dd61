"""Shows the ranking once there is one: most abnormal first, and the first of them in the viewer."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer

from ad_desktop.ui.flows.predicting import PredictFlow
from ad_desktop.ui.items import Item
from ad_desktop.ui.library.rows import Column
from ad_desktop.ui.library.view import LibraryView
from ad_desktop.ui.session import Session


class RankWhenScored(QObject):
    """Acts on the first model only, and only where the user has not sorted or looked elsewhere in the meantime."""

    def __init__(self, session: Session, flow: PredictFlow, view: LibraryView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._view = view
        self._seen: Item | None = None
        self._pending = False
        self._done = False
        session.model_changed.connect(self._take_model)
        flow.emptied.connect(self._finish)

    def _take_model(self) -> None:
        if self._done or self._session.model is None:
            return
        self._done = True
        self._pending = True
        self._seen = self._session.current
        # After all else that a new model changes: together they would be felt.
        QTimer.singleShot(0, self, self._sort)

    def _sort(self) -> None:
        if self._view.header().sortIndicatorSection() < 0:
            self._view.sortByColumn(Column.SCORE, Qt.SortOrder.DescendingOrder)

    def _finish(self) -> None:
        if self._pending and self._session.current is self._seen:
            self._view.select_first()
        self._pending = False
