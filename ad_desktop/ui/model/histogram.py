"""Held-out scores of the normal pictures against the checked ones, with the thresholds as lines to drag."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.functions import mkPen
from pyqtgraph.graphicsItems.BarGraphItem import BarGraphItem
from pyqtgraph.graphicsItems.InfiniteLine import InfiniteLine
from pyqtgraph.graphicsItems.LinearRegionItem import LinearRegionItem
from pyqtgraph.graphicsItems.ViewBox import ViewBox
from pyqtgraph.widgets.PlotWidget import PlotWidget
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from ad_desktop.ui.theme import Theme

_BINS = 40
_TICK_DENSITY = 0.6
_SPAN = 4.5
"""How many times the spread of the normal scores is shown."""


class ScoreHistogram(PlotWidget):
    """``threshold_moved`` and ``accept_moved`` carry the score under the line that is dragged."""

    threshold_moved = Signal(float)
    accept_moved = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, viewBox=ViewBox(enableMenu=False, enableMouse=False))
        self._theme = theme
        self._normal: NDArray[np.float64] = np.empty(0)
        self._checked: list[NDArray[np.float64]] = [np.empty(0), np.empty(0)]
        self._bars = [BarGraphItem(x=[0], height=[0], width=1) for _ in range(3)]
        for bar in self._bars:
            self.addItem(bar)
        self.band = LinearRegionItem(movable=False, pen=mkPen(None))
        self.band.setZValue(-10)
        self.addItem(self.band)
        self.accept_line = InfiniteLine(movable=True, angle=90)
        self.accept_line.setZValue(9)
        self.accept_line.sigDragged.connect(lambda line: self.accept_moved.emit(float(line.value())))
        self.addItem(self.accept_line)
        self.line = InfiniteLine(movable=True, angle=90)
        self.line.setZValue(10)
        self.line.sigDragged.connect(lambda line: self.threshold_moved.emit(float(line.value())))
        self.addItem(self.line)
        self._threshold = self._accept = math.nan
        self.setAccessibleName("Histogram of scores")
        self.setToolTip("Held-out scores of the normal ones, and scores of the checked ones. Drag the lines.")
        self.setFrameShape(self.Shape.NoFrame)
        self.hideButtons()
        self.setFixedHeight(150)
        item = self.getPlotItem()
        item.hideAxis("left")
        item.setContentsMargins(0, 2, 0, 0)
        theme.changed.connect(self._paint_all)
        self._paint_all()

    def set_scores(self, normal: Sequence[float], to_check: Sequence[float], anomalous: Sequence[float]) -> None:
        """Show other scores."""
        self._normal = np.asarray(normal, np.float64)
        self._checked = [np.asarray(to_check, np.float64), np.asarray(anomalous, np.float64)]
        self._draw()

    @property
    def dragging(self) -> bool:
        """Whether a line is being dragged."""
        return bool(self.line.moving or self.accept_line.moving)

    def set_thresholds(self, threshold: float, accept: float | None, movable: bool = True) -> None:
        """Move the lines, but not the one that is dragged; ``accept`` opens the band below the threshold, if given."""
        self._threshold, self._accept = threshold, math.nan if accept is None else accept
        for line, value in ((self.line, self._threshold), (self.accept_line, self._accept)):
            line.setVisible(math.isfinite(value))
            line.setMovable(movable)
            if math.isfinite(value) and not line.moving:
                line.setValue(value)
        self.band.setVisible(self._accept < self._threshold)
        if self._accept < self._threshold:
            self.band.setRegion((self._accept, self._threshold))

    def _draw(self) -> None:
        scores = np.concatenate([self._normal, *self._checked])
        scores = scores[np.isfinite(scores)]
        if not len(scores):
            return
        low, high = float(scores.min()), float(scores.max())
        # A few extreme defects must not squeeze all else into two bars: what lies beyond goes into the last bar.
        usual = np.quantile(self._normal, 0.95) - self._normal.min() if len(self._normal) > 4 else 0.0
        if usual > 0:
            high = min(high, float(self._normal.min() + _SPAN * usual))
        high = max(high, low + 1e-6)
        edges = np.linspace(low, high, _BINS + 1)
        counts = [np.histogram(np.clip(s, low, high), edges)[0] for s in (self._normal, *self._checked)]
        # Both sets have a scale of their own: their sizes say nothing.
        normal_top = max(int(counts[0].max()), 1)
        checked_top = max(int((counts[1] + counts[2]).max()), 1)
        heights = [counts[0] / normal_top, counts[1] / checked_top, counts[2] / checked_top]
        width = edges[1] - edges[0]
        x = edges[:-1] + width / 2
        self._bars[0].setOpts(x=x, height=heights[0], y0=np.zeros(_BINS), width=width * 0.92)
        self._bars[1].setOpts(x=x, height=-heights[1], y0=np.zeros(_BINS), width=width * 0.92)
        self._bars[2].setOpts(x=x, height=-heights[2], y0=-heights[1], width=width * 0.92)
        span = high - low
        self.setRange(QRectF(low - 0.03 * span, -1.05, 1.06 * span, 2.1), padding=0)
        for line in (self.line, self.accept_line):
            line.setBounds((low - 0.02 * span, high + 0.02 * span))

    def _paint_all(self) -> None:
        colours = self._theme.colours
        self.setBackground(None)
        axis = self.getPlotItem().getAxis("bottom")
        axis.setPen(QColor(colours.line))
        axis.setTextPen(QColor(colours.dim))
        # At most one number for every so many pixels, or they run into each other.
        axis.setStyle(tickLength=4, maxTickLevel=0)
        axis.setTickDensity(_TICK_DENSITY)
        for bar, colour in zip(self._bars, (colours.normal, colours.to_check, colours.anomalous), strict=True):
            bar.setOpts(brush=QColor(colour), pen=mkPen(None))
        self.line.setPen(mkPen(colours.text, width=2))
        self.line.setHoverPen(mkPen(colours.accent, width=3))
        band = QColor(colours.warning)
        band.setAlphaF(0.22)
        self.band.setBrush(band)
        self.accept_line.setPen(mkPen(colours.warning, width=2, style=Qt.PenStyle.DashLine))
        self.accept_line.setHoverPen(mkPen(colours.warning, width=3))
        for line in (self.line, self.accept_line):
            line.setCursor(Qt.CursorShape.SizeHorCursor)
