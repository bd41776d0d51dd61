"""How the loss falls while something is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyqtgraph.functions import mkPen
from pyqtgraph.graphicsItems.PlotDataItem import PlotDataItem
from pyqtgraph.graphicsItems.ViewBox import ViewBox
from pyqtgraph.widgets.PlotWidget import PlotWidget
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from ad_desktop.ui.theme import Theme

Points = Sequence[tuple[int, float]]

_HEIGHT = 104
_START = 10
"""The first tenth of a curve, where the loss falls steeply, does not count for the heights that are shown."""


class LossCurve(PlotWidget):
    """A line of points an epoch, or lines by name over steps; hidden until one of them has two points."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, viewBox=ViewBox(enableMenu=False, enableMouse=False))
        self._theme = theme
        self.lines = [self.getPlotItem().plot(), self.getPlotItem().plot(symbol="o", symbolSize=4)]
        self._shown: dict[str, Points] = {}
        self._what = "Loss by epoch"
        self.setFrameShape(self.Shape.NoFrame)
        self.hideButtons()
        self.setFixedHeight(_HEIGHT)
        self.getPlotItem().getAxis("left").setWidth(38)
        theme.changed.connect(self._paint_all)
        self._paint_all()
        self.hide()

    @property
    def line(self) -> PlotDataItem:
        """The line with a point for each value, the last one by name."""
        return self.lines[-1]

    def show_losses(self, losses: Sequence[float]) -> None:
        """Show the losses of all epochs so far, the first one at 1; fewer than two are none."""
        self._show({"": list(enumerate(losses, 1))}, "Loss by epoch")

    def show_curves(self, curves: Mapping[str, Points]) -> None:
        """Show up to two lines over steps; what is measured less often comes last."""
        self._show(dict(curves), "Loss by step")

    def _show(self, curves: dict[str, Points], what: str) -> None:
        if curves == self._shown:
            return
        self._shown, self._what = curves, what
        points = list(curves.values())[-len(self.lines) :]
        for line, pairs in zip(self.lines, [()] * (len(self.lines) - len(points)) + points, strict=True):
            line.setData([step for step, _ in pairs], [loss for _, loss in pairs])
        self.setVisible(any(len(pairs) > 1 for pairs in points))
        self._frame([pairs for pairs in points if pairs])
        told = "; ".join(
            f"{name} {pairs[0][1]:.3g} to {pairs[-1][1]:.3g}".strip() for name, pairs in curves.items() if pairs
        )
        self.setAccessibleDescription(told)
        self._entitle()

    def _frame(self, points: Sequence[Points]) -> None:
        last = max((pairs[-1][0] for pairs in points), default=0)
        seen = [loss for pairs in points for step, loss in pairs if step * _START >= last]
        if len(seen) > 1 and max(seen) > min(seen):
            self.getPlotItem().setYRange(min(seen), max(seen), padding=0.06)

    def _entitle(self) -> None:
        colours = self._theme.colours
        names = [name for name in self._shown if name]
        marks = [
            f"<span style='color:{colour}'>{name}</span>" for colour, name in zip(self._inks(), names, strict=False)
        ]
        title = f"{self._what}: {', '.join(marks)}" if marks else self._what
        self.getPlotItem().setTitle(title, size="8pt", color=colours.dim)
        self.setAccessibleName(self._what)
        self.setToolTip(f"{self._what}: it should fall, and level off")

    def _inks(self) -> tuple[str, str]:
        return self._theme.colours.dim, self._theme.colours.accent

    def _paint_all(self) -> None:
        colours = self._theme.colours
        self.setBackground(None)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(QColor(colours.line))
            axis.setTextPen(QColor(colours.dim))
            axis.setStyle(tickLength=4)
        for line, colour, width in zip(self.lines, self._inks(), (1, 2), strict=True):
            line.setPen(mkPen(colour, width=width))
        self.line.setSymbolBrush(QColor(colours.accent))
        self.line.setSymbolPen(mkPen(None))
        self._entitle()
