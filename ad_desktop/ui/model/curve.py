"""How the loss falls while something is learned."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from ad_desktop.ui.theme import Theme

_HEIGHT = 104


class LossCurve(pyqtgraph.PlotWidget):
    """One point an epoch, the first one at 1; hidden until there are two."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, viewBox=pyqtgraph.ViewBox(enableMenu=False, enableMouse=False))
        self._theme = theme
        self.line = self.getPlotItem().plot(symbol="o", symbolSize=4)
        self._shown: tuple[float, ...] = ()
        self.setAccessibleName("Loss by epoch")
        self.setToolTip("Loss by epoch: it should fall, and level off")
        self.setFrameShape(self.Shape.NoFrame)
        self.hideButtons()
        self.setFixedHeight(_HEIGHT)
        self.getPlotItem().getAxis("left").setWidth(38)
        theme.changed.connect(self._paint_all)
        self._paint_all()
        self.hide()

    def show_losses(self, losses: Sequence[float]) -> None:
        """Show the losses of all epochs so far; fewer than two are none."""
        if tuple(losses) == self._shown:
            return
        self._shown = tuple(losses)
        self.line.setData(list(range(1, len(losses) + 1)), list(losses))
        self.setVisible(len(losses) > 1)
        self.setAccessibleDescription(f"{losses[0]:.3g} to {losses[-1]:.3g}" if losses else "")

    def _paint_all(self) -> None:
        colours = self._theme.colours
        self.setBackground(None)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(QColor(colours.line))
            axis.setTextPen(QColor(colours.dim))
            axis.setStyle(tickLength=4)
        self.getPlotItem().setTitle("Loss by epoch", size="8pt", color=colours.dim)
        self.line.setPen(pyqtgraph.mkPen(colours.accent, width=2))
        self.line.setSymbolBrush(QColor(colours.accent))
        self.line.setSymbolPen(pyqtgraph.mkPen(None))
