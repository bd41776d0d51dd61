"""The library: what is open, with label, score and verdict."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QDockWidget, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from ad_desktop.data.samples import Label
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Verdict
from ad_desktop.ui.library.delegate import RowDelegate
from ad_desktop.ui.library.labelbar import LabelBar
from ad_desktop.ui.library.rows import Filter, LibraryRows
from ad_desktop.ui.library.thumbnails import Thumbnails
from ad_desktop.ui.library.view import LibraryView
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme

_EMPTY = "Drop folders, pictures or scans here"
_NO_MATCH = "Nothing matches the filter"

_FILTERS: tuple[tuple[str, Label | None, Verdict | None], ...] = (
    ("All", None, None),
    ("Verdict: anomalous", None, Verdict.ANOMALOUS),
    ("Verdict: borderline", None, Verdict.BORDERLINE),
    ("Verdict: good", None, Verdict.GOOD),
    ("Errors", None, Verdict.ERROR),
    ("Label: normal", Label.NORMAL, None),
    ("Label: to check", Label.TO_CHECK, None),
    ("Label: anomalous", Label.ANOMALOUS, None),
)


class LibraryDock(QDockWidget):
    """Filter row, label bar, list and a line that counts."""

    def __init__(
        self,
        session: Session,
        thumbnails: Thumbnails,
        icons: Icons,
        theme: Theme,
        add_actions: Sequence[QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Library", parent)
        self.setObjectName("libraryDock")
        self._session = session
        self.rows = LibraryRows(session)
        delegate = RowDelegate(session, self.rows, thumbnails, icons, theme)
        self.view = LibraryView(session, self.rows, delegate, theme)
        self.label_bar = LabelBar(session, icons, theme)
        self._counts = QLabel()
        self._counts.setContentsMargins(10, 5, 10, 5)
        self._counts.setTextFormat(Qt.TextFormat.RichText)
        self._theme = theme
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._make_tools(icons, add_actions))
        layout.addWidget(self.label_bar)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._counts)
        self.setWidget(body)
        self.setMinimumWidth(260)
        thumbnails.ready.connect(self.view.repaint_items)
        for signal in (session.items_changed, session.labels_changed, theme.changed):
            signal.connect(self._count)
        self._count()

    def _make_tools(self, icons: Icons, add_actions: Sequence[QAction]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(4)
        for action in add_actions:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            row.addWidget(button)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter by name")
        self.search.setAccessibleName("Filter by name")
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(70)
        look = QAction(self)
        icons.bind(look, "magnify", "dim")
        self.search.addAction(look, QLineEdit.ActionPosition.LeadingPosition)
        row.addWidget(self.search, 3)
        self.show_only = QComboBox()
        self.show_only.setAccessibleName("Show")
        self.show_only.setToolTip("What is shown")
        self.show_only.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.show_only.setMinimumContentsLength(5)
        self.show_only.addItems([text for text, _, _ in _FILTERS])
        self.show_only.view().setMinimumWidth(190)
        row.addWidget(self.show_only, 2)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(120)
        self._delay.timeout.connect(self._filter)
        self.search.textChanged.connect(lambda: self._delay.start())
        self.show_only.currentIndexChanged.connect(self._filter)
        return row

    def _filter(self) -> None:
        _, label, verdict = _FILTERS[self.show_only.currentIndex()]
        self.rows.set_filter(Filter(self.search.text().strip(), label, verdict))
        self._count()

    def _count(self) -> None:
        counts = self._session.counts()
        colours = self._theme.colours
        parts = [
            f"<span style='color:{colours.label(label)}'>●</span> {counts[label]:,} {label.value}"
            for label in Label
            if counts[label]
        ]
        self._counts.setText(" &nbsp; ".join(parts))
        self._counts.setVisible(bool(parts))
        self.view.set_hint(_NO_MATCH if self._session.items else _EMPTY)
