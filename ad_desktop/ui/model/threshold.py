"""The accepted false-positive rate, the threshold it gives, and the histogram they stand in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ad_desktop.data.samples import Label
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Verdict
from ad_desktop.ui.library.rows import format_score
from ad_desktop.ui.model.rates import LARGEST, SMALLEST, rate_for
from ad_desktop.ui.model.section import DimLabel, Notice
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.flow import FlowLayout, group
from ad_desktop.ui.wording import kind_of

if TYPE_CHECKING:
    from ad_desktop.scoring.thresholds import Threshold
    from ad_desktop.ui.model.histogram import ScoreHistogram

_NEXT_MS = 60
_BAND_FACTOR = 3
"""A new band begins at so many times the accepted rate."""


class ThresholdPanel(QWidget):
    """Changing the rate, or dragging the line, changes threshold and verdicts at once; nothing is fitted again."""

    def __init__(self, session: Session, icons: Icons, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.rate = _rate_box(100 * session.fpr)
        self.rate.setAccessibleName("Accepted false alarms")
        self.rate.setToolTip("The share of what is good that may be called anomalous. It sets the threshold.")
        self.banded = QCheckBox("Borderline from")
        self.banded.setToolTip("Scores between the thresholds of the two rates are neither good nor anomalous")
        self.band_rate = _rate_box(_BAND_FACTOR * 100 * session.fpr)
        self.band_rate.setAccessibleName("Borderline from")
        self.band_rate.setToolTip("The share of what is good that may be borderline or anomalous: larger than above")
        self.value = QLabel("–")
        self.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.band_value = QLabel()
        self.band_value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.between = QLabel()
        self.promise = DimLabel(theme)
        self.warning = Notice(icons, theme, "chart-bell-curve", "warning")
        self.legend = DimLabel(theme)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.flagged = QLabel()
        self.found = QLabel()
        self.found.setWordWrap(True)
        self.found.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._build()
        self._soon = QTimer(self, singleShot=True, interval=150)
        self._soon.timeout.connect(self._fill)
        # Behind the rest of what a new model changes, so that this is painted in between.
        self._next = QTimer(self, singleShot=True, interval=_NEXT_MS)
        self._next.timeout.connect(self._show)
        self._next.timeout.connect(self._fill)
        self.rate.valueChanged.connect(lambda percent: session.set_fpr(percent / 100))
        self.banded.toggled.connect(self._set_band)
        self.band_rate.valueChanged.connect(self._set_band)
        session.threshold_changed.connect(self._follow)
        session.model_changed.connect(self._next.start)
        for signal in (session.results_changed, session.labels_changed, session.items_changed):
            signal.connect(self._soon.start)
        theme.changed.connect(self._fill)
        self._show()
        self._fill()

    @cached_property
    def histogram(self) -> ScoreHistogram:
        """The scores in bars. Made when first asked for: without a model there is nothing to show."""
        from ad_desktop.ui.model.histogram import ScoreHistogram

        histogram = ScoreHistogram(self._theme)
        histogram.threshold_moved.connect(self._drag)
        histogram.accept_moved.connect(self._drag_band)
        self._column.insertWidget(self._column.indexOf(self.legend), histogram)
        histogram.setVisible(self._session.threshold is not None)
        return histogram

    def _build(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(8)
        form.addRow("Accepted false alarms", self.rate)
        form.addRow(self.banded, self.band_rate)
        self.row = _value_row("Threshold", self.value, self.flagged)
        self.band_row = _value_row("Borderline from", self.band_value, self.between)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(form)
        column.addWidget(self.row)
        column.addWidget(self.band_row)
        column.addWidget(self.legend)
        column.addWidget(self.found)
        column.addWidget(self.promise)
        column.addWidget(self.warning)

    def _drag(self, score: float) -> None:
        model = self._session.model
        if model is not None and model.calibrated:
            self._session.set_fpr(rate_for(score, model.calibration.scores))

    def _drag_band(self, score: float) -> None:
        model = self._session.model
        if model is not None and model.calibrated:
            rate = rate_for(score, model.calibration.scores)
            self._session.set_borderline(max(rate, self._session.fpr))

    def _set_band(self) -> None:
        self._session.set_borderline(self.band_rate.value() / 100 if self.banded.isChecked() else None)

    def _show_rates(self) -> None:
        session = self._session
        with QSignalBlocker(self.rate), QSignalBlocker(self.banded), QSignalBlocker(self.band_rate):
            self.rate.setValue(100 * session.fpr)
            self.banded.setChecked(session.borderline_fpr is not None)
            self.band_rate.setEnabled(session.borderline_fpr is not None and self.banded.isEnabled())
            # Without a band, what would open one keeps its distance to the rate above it.
            offered = session.borderline_fpr or min(LARGEST, _BAND_FACTOR * session.fpr)
            self.band_rate.setValue(100 * offered)

    def _follow(self) -> None:
        # A line that is dragged is followed at once; what comes with another model has time.
        if self._next.isActive():
            self._show_rates()
        else:
            self._show()

    def _show(self) -> None:
        self._show_rates()
        threshold = self._session.threshold
        if threshold is not None or "histogram" in vars(self):
            self.histogram.setVisible(threshold is not None)
        for widget in (self.row, self.legend):
            widget.setVisible(threshold is not None)
        if threshold is None:
            self.found.hide()
            self.band_row.hide()
            self.promise.setText("At most this share of what is good may be called anomalous.")
            self.warning.say("")
            for box in (self.rate, self.banded):
                box.setEnabled(True)
            return
        self._show_thresholds(threshold)
        self.promise.setText(_promise(threshold, kind_of(self._session.model)))
        self.warning.say(_warning(threshold, kind_of(self._session.model)))
        self._count()

    def _show_thresholds(self, threshold: Threshold) -> None:
        session = self._session
        accept = None if session.borderline_fpr is None else session.accept_threshold
        if accept is not None and accept < threshold.value:
            self.band_value.setText(format_score(accept))
        self.band_row.setVisible(accept is not None and accept < threshold.value)
        self.value.setText(format_score(threshold.value))
        movable = threshold.rule not in ("chi2", "uncalibrated")
        self.histogram.set_thresholds(threshold.value, accept, movable)
        for box in (self.rate, self.banded):
            box.setEnabled(threshold.rule != "uncalibrated")

    def _count(self) -> None:
        session = self._session
        items = [item for item in session.items.values() if item.label is not Label.NORMAL and item.score is not None]
        verdicts = Counter(session.verdict(item) for item in items)
        self.flagged.setText(f"{verdicts[Verdict.ANOMALOUS]:,} of {len(items):,} above" if items else "")
        self.between.setText(f"{verdicts[Verdict.BORDERLINE]:,} between" if items else "")
        known = [session.verdict(item) for item in items if item.label is Label.ANOMALOUS]
        self.found.setText(_found_text(known))
        self.found.setVisible(bool(known) and session.threshold is not None)

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
        if session.threshold is not None:
            self._show_thresholds(session.threshold)
        colours = self._theme.colours
        parts = [(colours.normal, f"▲ normal, held out ({len(normal):,})")] if normal else []
        if scores[Label.TO_CHECK]:
            parts.append((colours.to_check, f"▼ to check ({len(scores[Label.TO_CHECK]):,})"))
        if scores[Label.ANOMALOUS]:
            parts.append((colours.anomalous, f"▼ known anomalous ({len(scores[Label.ANOMALOUS]):,})"))
        spans = (f"<span style='color:{c}'>{text.replace(' ', '&nbsp;')}</span>" for c, text in parts)
        self.legend.setText(" &nbsp; ".join(spans))
        self._count()


def _value_row(title: str, value: QLabel, count: QLabel) -> QWidget:
    font = value.font()
    font.setBold(True)
    value.setFont(font)
    widget = QWidget()
    row = FlowLayout(widget, push_last=True)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(group([QLabel(title), value]))
    row.addWidget(count)
    return widget


def _rate_box(percent: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(100 * SMALLEST, 100 * LARGEST)
    box.setDecimals(1)
    box.setSingleStep(0.5)
    box.setSuffix(" %")
    box.setValue(percent)
    box.setKeyboardTracking(False)
    return box


def _found_text(known: Sequence[Verdict]) -> str:
    """How many of the known anomalous pictures lie above the threshold."""
    above, band = known.count(Verdict.ANOMALOUS), known.count(Verdict.BORDERLINE)
    text = f"Found {above:,} of {len(known):,} known anomalous"
    return text + (f", {band:,} more borderline." if band else ".")


def _promise(threshold: Threshold, things: str) -> str:
    if threshold.rule == "chi2":
        return f"From the χ² distribution, as in the Gaussian-AD paper; the rate is not checked on held-out {things}."
    if not (math.isfinite(threshold.low) and math.isfinite(threshold.high)):
        return ""
    where = f"{threshold.n:,} normal {things}"
    if threshold.groups != threshold.n:
        where += f" in {threshold.groups:,} groups"
    return f"New good {things} above it: likely {_percent(threshold.low)} to {_percent(threshold.high)}, from {where}."


def _warning(threshold: Threshold, things: str) -> str:
    if threshold.rule == "uncalibrated":
        return (
            f"Uncalibrated: without normal {things} the accepted false alarms do not move the threshold, and nobody "
            f"knows how often it is wrong. Label good {things} as normal and fit again."
        )
    if threshold.rule != "extrapolated":
        return ""
    kind = "groups" if threshold.groups != threshold.n else things
    # Below this the threshold would hang on the single largest score.
    measured = max(threshold.smallest, 2 / (threshold.n + 1))
    return (
        f"Extrapolated: {threshold.groups:,} normal {kind} vouch "
        f"for rates down to {_percent(measured)}. Add normal {things} for a firmer threshold."
    )


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f}\N{NO-BREAK SPACE}%" if percent < 10 else f"{percent:.0f}\N{NO-BREAK SPACE}%"
