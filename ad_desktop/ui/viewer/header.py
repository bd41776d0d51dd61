"""The line over the picture: its name, its score beside the threshold, its verdict."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ad_desktop.data.samples import Label
from ad_desktop.ui.items import Item, Verdict
from ad_desktop.ui.library.delegate import paint_pill
from ad_desktop.ui.library.rows import VERDICT_TEXT, format_score
from ad_desktop.ui.session import Session
from ad_desktop.ui.texts import TwoTexts
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.wording import sentence


class VerdictPill(QWidget):
    """The verdict as a word on its colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._verdict = Verdict.NONE
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_verdict(self, verdict: Verdict) -> None:
        """Show another verdict."""
        if verdict is not self._verdict:
            self._verdict = verdict
            self.setAccessibleName(VERDICT_TEXT[verdict])
            self.update()

    def sizeHint(self) -> QSize:
        # Room for the longest: another width with each picture would have the whole window arranged anew.
        metrics = self.fontMetrics()
        return QSize(max(map(metrics.horizontalAdvance, VERDICT_TEXT.values())) + 18, metrics.height() + 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        text = VERDICT_TEXT[self._verdict]
        if not text:
            return
        colours = self._theme.colours
        colour = {
            Verdict.GOOD: colours.normal, Verdict.BORDERLINE: colours.warning,
            Verdict.ANOMALOUS: colours.anomalous, Verdict.ERROR: colours.warning,
        }.get(self._verdict, colours.dim)  # fmt: skip
        painter = QPainter(self)
        metrics = self.fontMetrics()
        rect: QRect = self.rect()
        rect.setLeft(max(0, rect.width() - metrics.horizontalAdvance(text) - 16))
        paint_pill(painter, rect, text, QColor(colour), QColor(colours.window), metrics)
        painter.end()


class ViewerHeader(QFrame):
    """Name, known defect and verdict; under them score, threshold and percentile. Arrows to the neighbours."""

    def __init__(
        self, session: Session, theme: Theme, arrows: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.name = TwoTexts(bold=True)
        self.pill = VerdictPill(theme)
        self.detail = TwoTexts(apart=True)
        first = QHBoxLayout()
        first.setSpacing(10)
        first.addWidget(self.name, 1)
        first.addWidget(self.pill)
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addLayout(first)
        text.addWidget(self.detail)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 6, 12, 6)
        layout.setSpacing(2)
        for action in arrows:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            layout.addWidget(button)
        layout.addSpacing(6)
        layout.addLayout(text, 1)
        for signal in (
            session.current_changed, session.results_changed, session.threshold_changed, session.labels_changed,
            theme.changed,
        ):  # fmt: skip
            signal.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    def _show(self) -> None:
        item = self._session.current
        # Pictures and scans have a header each; the one that is not seen follows once it is.
        if item is None or not self.isVisible():
            return
        text, dim = self.palette().color(QPalette.ColorRole.WindowText), QColor(self._theme.colours.dim)
        self.name.set_texts(item.name, item.folder, (text, dim))
        self.pill.set_verdict(self._session.verdict(item))
        self.detail.set_texts(self._describe(item), _known(item), (dim, dim))

    def _describe(self, item: Item) -> str:
        if item.error:
            return f"Not scored: {item.error}" if item.unsuited else sentence(item.error)
        threshold, percentile = self._session.threshold, self._session.percentile(item)
        if item.score is None or threshold is None:
            if item.waiting:
                return "Waiting for its prediction"
            if self._session.model is None:
                return "No model yet: fit one to see a score"
            return "Not scored"
        text = f"Score {format_score(item.score)} · threshold {format_score(threshold.value)}"
        if percentile is None:
            return text + " (uncalibrated)"
        text += f" · above {percentile:.1f} % of normal" + (" (held out)" if item.held_out is not None else "")
        remark = item.prediction.remark if item.prediction is not None else ""
        return f"{text} · ⚠ {remark}" if remark else text


def _known(item: Item) -> str:
    if item.defect:
        return f"Known: {item.defect}"
    return {Label.NORMAL: "Labelled normal", Label.ANOMALOUS: "Labelled anomalous"}.get(item.label, "")
