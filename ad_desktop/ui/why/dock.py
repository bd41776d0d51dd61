"""Why the current picture has its score: the parts of it, and the normal pictures that are most like it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.data.samples import Sample
from ad_desktop.ui.column_scroll import ColumnScroll
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.library.thumbnails import Thumbnails
from ad_desktop.ui.model.section import DimLabel
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.why.bars import PartBars
from ad_desktop.ui.why.neighbours import COUNT, Near, NeighbourFlow
from ad_desktop.ui.why.words import held_out_sentence, in_deviations, tile_sentence, total_sentence

_SIDE = 72
_STACKED_BELOW = 84
"""Characters of width below which the halves stand one above the other."""
_NOTHING = "Choose a picture that has a score."
_NO_PARTS = "This detector does not say what its score is made of."
_LOOKING = "Looking for them…"
_NONE = "This detector does not compare single pictures."


class NearCard(QToolButton):
    """A normal picture with its distance; a click shows it in the viewer."""

    def __init__(self) -> None:
        super().__init__()
        self.near: Near | None = None
        self.pictured = False
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.hide()

    def show_near(self, near: Near, known: bool) -> None:
        """Show another picture; ``known`` tells whether it is in the library."""
        self.near = near
        self.pictured = False
        self.setIcon(QIcon(_square(None)))
        self.setText(format_score(near.distance))
        self.setAccessibleName(f"{near.sample.name}, distance {format_score(near.distance)}")
        self.setToolTip(f"{near.sample.path}\n" + ("Click to show it" if known else "It is not in the library"))

    def show_picture(self, pixmap: QPixmap) -> None:
        """Show its thumbnail."""
        self.pictured = True
        self.setIcon(QIcon(_square(pixmap)))


class WhyDock(QDockWidget):
    """Follows the current picture while it is visible; ``opened`` comes when another was chosen here."""

    opened = Signal()

    def __init__(
        self,
        session: Session,
        flow: NeighbourFlow,
        thumbnails: Thumbnails,
        icons: Icons,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Why this score", parent)
        self.setObjectName("whyDock")
        self._session = session
        self._flow = flow
        self._thumbnails = thumbnails
        self._shown: tuple[str, object] | None = None
        self.head = QLabel()
        self.head.setWordWrap(True)
        self.head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.bars = PartBars(theme)
        self.total = DimLabel(theme)
        self.note = DimLabel(theme)
        self.near_text = DimLabel(theme)
        self.cards = [NearCard() for _ in range(COUNT)]
        for card in self.cards:
            card.clicked.connect(lambda _=False, chosen=card: self._open(chosen))
        self._near: list[Near] = []
        self._build()
        self.toggle = self.toggleViewAction()
        self.toggle.setShortcut("W")
        self.toggle.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.toggle.toggled.connect(lambda shown: self.raise_() if shown else None)
        icons.bind(self.toggle, "chart-bar")
        self.addAction(self.toggle)
        flow.found.connect(self._take_near)
        thumbnails.ready.connect(self._show_icons)
        self.visibilityChanged.connect(self._follow)
        for signal in (
            session.current_changed, session.results_changed, session.model_changed, session.threshold_changed,
        ):  # fmt: skip
            signal.connect(self._follow)

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(6)
        for widget in (self.head, self.bars, self.total, self.note):
            left.addWidget(widget)
        left.addStretch(1)
        self.row = _CardRow(self.cards)
        right = QVBoxLayout()
        right.setSpacing(4)
        title = QLabel("<b>Nearest normal pictures</b>")
        right.addWidget(title)
        right.addWidget(self.row)
        right.addWidget(self.near_text)
        right.addStretch(1)
        inner = QWidget()
        self._halves = QHBoxLayout(inner)
        self._halves.setContentsMargins(12, 6, 12, 6)
        self._halves.setSpacing(20)
        self._halves.addLayout(left, 5)
        self._halves.addLayout(right, 6)
        self.setWidget(ColumnScroll(inner))
        self.setMinimumHeight(150)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < _STACKED_BELOW * self.fontMetrics().averageCharWidth()
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if way != self._halves.direction():
            self._halves.setDirection(way)

    def _follow(self) -> None:
        if not self.isVisible():
            self._shown = None
            self._flow.stop()
            return
        item, model = self._session.current, self._session.model
        prediction = None if item is None else item.prediction
        self._show_score(item)
        if item is None or model is None or prediction is None:
            self._shown = None
            self._flow.stop()
            self._show_near([], "")
            return
        # Results of other pictures stream in many times a second: this one's parts and neighbours stay.
        if self._shown is not None and self._shown[0] == item.key and self._shown[1] is prediction:
            return
        self._shown = (item.key, prediction)
        self._show_near([], _LOOKING)
        self._flow.ask(item)

    def _show_score(self, item: Item | None) -> None:
        model, threshold = self._session.model, self._session.threshold
        prediction = None if item is None else item.prediction
        if item is None or model is None or threshold is None or prediction is None:
            self.head.setText(_NOTHING if item is None or not item.waiting else "Waiting for its prediction.")
            self.bars.show_parts({}, True)
            self.total.setText("")
            self.note.setText("")
            return
        score = prediction.anomaly_score
        relation = "above" if score > threshold.value else "not above"
        self.head.setText(
            f"<b>{format_score(score)}</b> is {relation} the threshold of {format_score(threshold.value)}"
        )
        if self._shown is None or self._shown[1] is not prediction:
            deviations = in_deviations(model.detector)
            tile = tile_sentence(prediction)
            self.bars.show_parts(prediction.parts, deviations, bool(tile))
            total = total_sentence(prediction.parts, score, deviations) if prediction.parts else _NO_PARTS
            self.total.setText(f"{total} {tile}".strip())
        self.note.setText(held_out_sentence(item))
        self.note.setVisible(bool(self.note.text()))

    def _take_near(self, key: str, found: list[Near]) -> None:
        current = self._session.current
        if current is not None and current.key == key:
            text = "Numbers are distances between the network's features, over all of the picture."
            self._show_near(found, text if found else _NONE)

    def _show_near(self, found: list[Near], text: str) -> None:
        self._near = found
        self.near_text.setText(text)
        for number, card in enumerate(self.cards):
            card.near = None
            if number < len(found):
                card.show_near(found[number], found[number].sample.key in self._session.items)
        self.row.arrange()
        self._show_icons()

    def _show_icons(self) -> None:
        for card in self.cards:
            if card.near is not None and not card.pictured:
                sample: Sample = card.near.sample
                pixmap = self._thumbnails.get(sample.key, sample)
                if pixmap is not None:
                    card.show_picture(pixmap)

    def _open(self, card: NearCard) -> None:
        item = None if card.near is None else self._session.items.get(card.near.sample.key)
        if item is not None:
            self._session.set_current(item)
            self.opened.emit()


def _square(pixmap: QPixmap | None) -> QPixmap:
    """The middle of a thumbnail, as in the list; pictures of any shape, and none at all, take the same room."""
    if pixmap is None:
        empty = QPixmap(_SIDE, _SIDE)
        empty.fill(Qt.GlobalColor.transparent)
        return empty
    side = min(pixmap.width(), pixmap.height())
    cut = pixmap.copy((pixmap.width() - side) // 2, (pixmap.height() - side) // 2, side, side)
    return cut.scaled(_SIDE, _SIDE, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)


class _CardRow(QWidget):
    """As many cards as there is room for."""

    def __init__(self, cards: list[NearCard]) -> None:
        super().__init__()
        self._cards = cards
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for card in cards:
            layout.addWidget(card)
        layout.addStretch(1)
        self.setMinimumWidth(_SIDE + 12)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def arrange(self) -> None:
        """Show the cards that have a picture, nearest first, as far as they fit."""
        room = max(1, self.width() // (self._cards[0].sizeHint().width() + 2))
        for number, card in enumerate(self._cards):
            card.setVisible(card.near is not None and number < room)

    def sizeHint(self) -> QSize:
        return QSize(3 * (_SIDE + 12), _SIDE + self.fontMetrics().height() + 14)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()
