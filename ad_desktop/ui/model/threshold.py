"""The accepted false-positive rate, the threshold it gives, and the histogram they stand in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ad_desktop.data.samples import Label
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Verdict
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.model.histogram import ScoreHistogram
from ad_desktop.ui.model.rates import rate_for
from ad_desktop.ui.model.section import DimLabel, Notice
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme

if TYPE_CHECKING:
    from ad_desktop.scoring.thresholds import Threshold


class ThresholdPanel(QWidget):
    """Changing the rate, or dragging the line, changes threshold and verdicts at once; nothing is fitted again."""

    def __init__(self, session: Session, icons: Icons, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.rate = QDoubleSpinBox()
        self.rate.setRange(0.1, 50.0)
        self.rate.setDecimals(1)
        self.rate.setSingleStep(0.5)
        self.rate.setSuffix(" %")
        self.rate.setValue(100 * session.fpr)
        self.rate.setAccessibleName("Accepted false alarms")
        self.rate.setToolTip("The share of good pictures that may be called anomalous. It sets the threshold.")
        self.rate.setKeyboardTracking(False)
        self.value = QLabel("–")
        self.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.promise = DimLabel(theme)
        self.extrapolated = Notice(icons, theme, "chart-bell-curve", "warning")
        self.histogram = ScoreHistogram(theme)
        self.legend = DimLabel(theme)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.flagged = QLabel()
        self._build()
        self._soon = QTimer(self, singleShot=True, interval=150)
        self._soon.timeout.connect(self._fill)
        self.rate.valueChanged.connect(lambda percent: session.set_fpr(percent / 100))
        self.histogram.threshold_moved.connect(self._drag)
        session.threshold_changed.connect(self._show)
        session.model_changed.connect(self._fill)
        for signal in (session.results_changed, session.labels_changed, session.items_changed):
            signal.connect(self._soon.start)
        theme.changed.connect(self._fill)
        self._show()
        self._fill()

    def _build(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(8)
        form.addRow("Accepted false alarms", self.rate)
        self.row = QWidget()
        row = QHBoxLayout(self.row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Threshold"))
        font = self.value.font()
        font.setBold(True)
        self.value.setFont(font)
        row.addWidget(self.value)
        row.addStretch(1)
        row.addWidget(self.flagged)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(form)
        column.addWidget(self.row)
        column.addWidget(self.histogram)
        column.addWidget(self.legend)
        column.addWidget(self.promise)
        column.addWidget(self.extrapolated)

    def _drag(self, score: float) -> None:
        model = self._session.model
        if model is not None:
            self._session.set_fpr(rate_for(score, model.calibration.scores, model.calibration.groups))

    def _show(self) -> None:
        with QSignalBlocker(self.rate):
            self.rate.setValue(100 * self._session.fpr)
        threshold = self._session.threshold
        for widget in (self.row, self.histogram, self.legend):
            widget.setVisible(threshold is not None)
        if threshold is None:
            self.promise.setText("Of the good pictures, at most this share may be called anomalous.")
            self.extrapolated.say("")
            return
        self.value.setText(format_score(threshold.value))
        if not self.histogram.line.moving:
            self.histogram.set_threshold(threshold.value)
        self.promise.setText(_promise(threshold))
        self.extrapolated.say(_extrapolation(threshold))
        self._count()

    def _count(self) -> None:
        items = [
            item for item in self._session.items.values() if item.label is not Label.NORMAL and item.score is not None
        ]
        above = sum(self._session.verdict(item) is Verdict.ANOMALOUS for item in items)
        self.flagged.setText(f"{above:,} of {len(items):,} above" if items else "")

    def _fill(self) -> None:
        session = self._session
        if session.model is None:
            return
        scores: dict[Label, list[float]] = {label: [] for label in Label}
        for item in session.items.values():
            if item.score is not None and item.label is not Label.NORMAL:
                scores[item.label].append(item.score)
        normal = [float(score) for score in session.model.calibration.scores]
        self.histogram.set_scores(normal, scores[Label.TO_CHECK], scores[Label.ANOMALOUS])
        if session.threshold is not None and not self.histogram.line.moving:
            self.histogram.set_threshold(session.threshold.value)
        colours = self._theme.colours
        parts = [(colours.normal, f"▲ normal, held out ({len(normal):,})")]
        if scores[Label.TO_CHECK]:
            parts.append((colours.to_check, f"▼ to check ({len(scores[Label.TO_CHECK]):,})"))
        if scores[Label.ANOMALOUS]:
            parts.append((colours.anomalous, f"▼ anomalous ({len(scores[Label.ANOMALOUS]):,})"))
        self.legend.setText(" &nbsp; ".join(f"<span style='color:{c}'>{text}</span>" for c, text in parts))
        self._count()


def _promise(threshold: Threshold) -> str:
    if threshold.rule == "chi2":
        return "From the χ² distribution, as in the Gaussian-AD paper; the rate is not checked on held-out pictures."
    if not (math.isfinite(threshold.low) and math.isfinite(threshold.high)):
        return ""
    where = f"{threshold.n:,} normal pictures"
    if threshold.groups != threshold.n:
        where += f" in {threshold.groups:,} groups"
    return f"New good pictures above it: likely {_percent(threshold.low)} to {_percent(threshold.high)}, from {where}."


def _extrapolation(threshold: Threshold) -> str:
    if threshold.rule != "extrapolated":
        return ""
    kind = "groups" if threshold.groups != threshold.n else "pictures"
    return (
        f"Extrapolated: {threshold.groups:,} normal {kind} vouch "
        f"for rates down to {_percent(threshold.smallest)}. Add normal pictures for a firmer threshold."
    )


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f}\N{NO-BREAK SPACE}%" if percent < 10 else f"{percent:.0f}\N{NO-BREAK SPACE}%"
