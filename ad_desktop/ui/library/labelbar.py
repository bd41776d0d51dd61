"""A bar above the list that asks, without stopping anything, what pictures just added are."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.ui.icons import LABEL_ICONS, Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.library.rows import LABEL_TEXT
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme


class LabelBar(QFrame):
    """Offers the three labels for a set of items; they are "to check" until one is chosen."""

    chosen = Signal(list, object)

    def __init__(self, session: Session, icons: Icons, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self._items: list[Item] = []
        self.setObjectName("labelBar")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.buttons: dict[Label, QToolButton] = {}
        row = QHBoxLayout()
        row.setSpacing(6)
        for label in Label:
            button = QToolButton()
            button.setText(LABEL_TEXT[label])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.clicked.connect(lambda _=False, chosen=label: self._choose(chosen))
            icons.bind(button, LABEL_ICONS[label], {Label.TO_CHECK: "to_check"}.get(label, label.value))
            self.buttons[label] = button
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(6)
        layout.addWidget(self._text)
        layout.addLayout(row)
        theme.changed.connect(self._paint)
        session.items_changed.connect(self._drop_gone)
        self._paint()
        self.hide()

    def ask(self, items: list[Item], where: str) -> None:
        """Ask about items that were just added from ``where``."""
        self._items = list(items)
        scans = sum(isinstance(item.sample, VolumeSample) for item in items)
        one = "scan" if scans else "picture"
        several = "pictures" if not scans else "scans" if scans == len(items) else "pictures and scans"
        place = f" in “{where}”" if where else ""
        what = f"is the {one}" if len(items) == 1 else f"are the {len(items):,} {several}"
        self._text.setText(f"What {what}{place}?")
        self.show()

    def _choose(self, label: Label) -> None:
        items, self._items = self._items, []
        self.hide()
        self.chosen.emit(items, label)

    def _drop_gone(self) -> None:
        self._items = [item for item in self._items if item.key in self._session.items]
        if not self._items:
            self.hide()

    def _paint(self) -> None:
        colours = self._theme.colours
        self.setStyleSheet(
            f"#labelBar {{ background: {colours.notice}; border: none; border-bottom: 1px solid {colours.line}; }}"
        )
