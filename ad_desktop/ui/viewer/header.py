"""The line over the picture: its name, its score beside the threshold, its verdict."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QWidget

from ad_desktop.data.samples import Label
from ad_desktop.ui.items import Item, Verdict
from ad_desktop.ui.library.delegate import paint_pill
from ad_desktop.ui.library.rows import VERDICT_TEXT, format_score
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme


class ElidedLabel(QLabel):
    """A line of text that is cut in the middle where there is no room, with the whole as its tooltip."""

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__()
        self._mode = mode
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        text = self.fontMetrics().elidedText(self.text(), self._mode, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


class VerdictPill(QWidget):
    """The verdict as a word on its colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._verdict = Verdict.NONE
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_verdict(self, verdict: Verdict) -> None:
        """Show another verdict."""
        self._verdict = verdict
        self.setAccessibleName(VERDICT_TEXT[verdict])
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        text = VERDICT_TEXT[self._verdict]
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(text) + 18 if text else 0, metrics.height() + 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        text = VERDICT_TEXT[self._verdict]
        if not text:
            return
        colours = self._theme.colours
        colour = {
            Verdict.GOOD: colours.normal, Verdict.ANOMALOUS: colours.anomalous, Verdict.ERROR: colours.warning,
        }.get(self._verdict, colours.dim)  # fmt: skip
        painter = QPainter(self)
        rect: QRect = self.rect()
        paint_pill(painter, rect, text, QColor(colour), QColor(colours.window), self.fontMetrics())
        painter.end()


class ViewerHeader(QFrame):
    """Two lines: name and verdict; score, threshold and percentile."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.name = ElidedLabel()
        bold = self.name.font()
        bold.setBold(True)
        self.name.setFont(bold)
        self.pill = VerdictPill(theme)
        self.detail = ElidedLabel(Qt.TextElideMode.ElideRight)
        self.known = QLabel()
        layout = QGridLayout(self)
        layout.setContentsMargins(12, 7, 12, 7)
        layout.setHorizontalSpacing(10)
        layout.setVerticalSpacing(2)
        layout.addWidget(self.name, 0, 0)
        layout.addWidget(self.pill, 0, 1, Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self.detail, 1, 0)
        layout.addWidget(self.known, 1, 1, Qt.AlignmentFlag.AlignRight)
        layout.setColumnStretch(0, 1)
        for signal in (
            session.current_changed, session.results_changed, session.threshold_changed, session.labels_changed,
            theme.changed,
        ):  # fmt: skip
            signal.connect(self._show)
        self._show()

    def _show(self) -> None:
        item = self._session.current
        if item is None:
            return
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(self._theme.colours.dim))
        self.detail.setPalette(palette)
        self.known.setPalette(palette)
        self.name.setText(f"{item.folder}/{item.name}" if item.folder else item.name)
        self.pill.set_verdict(self._session.verdict(item))
        self.detail.setText(self._describe(item))
        self.known.setText(_known(item))

    def _describe(self, item: Item) -> str:
        if item.error:
            return item.error
        threshold, percentile = self._session.threshold, self._session.percentile(item)
        if item.score is None or threshold is None or percentile is None:
            if item.waiting:
                return "Waiting for its prediction"
            if self._session.model is None:
                return "No model yet: fit one to see a score"
            return "Not scored"
        text = f"Score {format_score(item.score)} · threshold {format_score(threshold.value)}"
        text += f" · higher than {percentile:.1f} % of the normal pictures"
        return text + (" (held out)" if item.held_out is not None else "")


def _known(item: Item) -> str:
    if item.defect:
        return f"Known defect: {item.defect}"
    return {Label.NORMAL: "Labelled normal", Label.ANOMALOUS: "Labelled anomalous"}.get(item.label, "")
