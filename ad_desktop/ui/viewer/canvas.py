"""The picture, the map over it and outlines, with zoom and pan."""

from __future__ import annotations

import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.layers import LineLayer, MapLayer, PictureLayer
from ad_desktop.ui.viewer.pictures import Shown

_MARGIN = 0.015
_FARTHEST = 40
"""How many times its own size around a picture can be seen."""
_LARGEST_PIXEL = 48
"""How large one picture pixel can get on the screen, in screen pixels."""


class Canvas(pyqtgraph.GraphicsView):
    """Wheel zooms around the cursor, dragging pans; ``hovered`` carries picture coordinates or None."""

    hovered = Signal(object)
    bare = Signal(bool)
    zoomed = Signal(float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: Shown | None = None
        self._fitted = True
        self.box = pyqtgraph.ViewBox(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
        self.setCentralItem(self.box)
        self.picture = PictureLayer()
        self.map = MapLayer()
        self.contour = LineLayer(theme.colours.contour)
        self.truth = LineLayer(theme.colours.truth, dashed=True)
        for layer in (self.picture, self.map, self.contour, self.truth):
            self.box.addItem(layer, ignoreBounds=True)
        self.setAccessibleName("Picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMinimumSize(160, 120)
        self.scene().sigMouseMoved.connect(self._hover)
        self.box.sigRangeChangedManually.connect(self._leave_fit)
        self.box.sigRangeChanged.connect(lambda *_: self.zoomed.emit(self.zoom))
        theme.changed.connect(self._paint_ground)
        self._paint_ground()

    @property
    def zoom(self) -> float:
        """Screen pixels per picture pixel."""
        width = self.box.viewRect().width()
        return 0.0 if width <= 0 else self.box.width() * self.devicePixelRatioF() / width

    @property
    def fitted(self) -> bool:
        """Whether the whole picture is kept in view."""
        return self._fitted

    def set_picture(self, shown: Shown | None) -> None:
        """Show another picture; one of the same size keeps zoom and place, any other is fitted."""
        same = shown is not None and self._shown is not None and shown.size == self._shown.size
        self._shown = shown
        self.picture.set_picture(shown)
        self.truth.set_segments(None if shown is None else shown.truth)
        if shown is None:
            return
        height, width = shown.size
        if not same:
            self.box.setLimits(minXRange=min(width, 8), maxXRange=_FARTHEST * width, maxYRange=_FARTHEST * height)
        if self._fitted or not same:
            self.fit()

    def fit(self) -> None:
        """Show the whole picture, and keep it so when the window changes."""
        self._fitted = True
        if self._shown is not None:
            height, width = self._shown.size
            self.box.setRange(QRectF(0, 0, width, height), padding=_MARGIN)

    def actual_size(self) -> None:
        """One picture pixel on one screen pixel, around the middle of what is seen."""
        self.set_zoom(1.0)

    def set_zoom(self, zoom: float) -> None:
        """So many screen pixels per picture pixel."""
        if self._shown is None:
            return
        self._fitted = False
        ratio = self.devicePixelRatioF()
        zoom = min(zoom, _LARGEST_PIXEL)
        middle = self.box.viewRect().center()
        width, height = self.box.width() * ratio / zoom, self.box.height() * ratio / zoom
        area = QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)
        self.box.setRange(area, padding=0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if getattr(self, "_shown", None) is not None and self._fitted:
            self.fit()

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.bare.emit(True)
            return
        event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.bare.emit(False)
            return
        event.ignore()

    def _hover(self, place: QPointF) -> None:
        if self._shown is None:
            return
        point = self.box.mapSceneToView(place)
        height, width = self._shown.size
        inside = 0 <= point.x() < width and 0 <= point.y() < height
        self.hovered.emit((int(point.x()), int(point.y())) if inside else None)

    def _leave_fit(self, *_: object) -> None:
        self._fitted = False

    def _paint_ground(self) -> None:
        self.setBackground(QColor(self._theme.colours.canvas))
