"""The picture, the map over it and outlines, with zoom and pan."""

from __future__ import annotations

import pyqtgraph
from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.layers import LineLayer, MapLayer, PictureLayer
from ad_desktop.ui.viewer.marks import CrossLayer, RegionLayer
from ad_desktop.ui.viewer.pictures import Shown
from ad_desktop.ui.viewer.roi_editor import RoiEditor, Tool
from ad_desktop.ui.viewer.roi_layers import ShapeLayer, VeilLayer

_MARGIN = 0.015
_FARTHEST = 40
"""How many times its own size around a picture can be seen."""
_LARGEST_PIXEL = 48
"""How large one picture pixel can get on the screen, in screen pixels."""
_FRAME_SHARE = 0.4
"""How much of the view a framed region fills at most."""
_FRAME_PIXEL = 24
"""How large framing makes a picture pixel at most, in screen pixels."""
_REACH = 8
"""How near the cursor counts as on something, in screen pixels."""


class Canvas(pyqtgraph.GraphicsView):
    """Wheel zooms around the cursor, dragging pans; ``hovered`` carries picture coordinates or None.

    While the ``editor`` is active the left button draws; the middle one still pans. ``seen`` tells
    that another part of the picture is in view.
    """

    hovered = Signal(object)
    bare = Signal(bool)
    zoomed = Signal(float)
    seen = Signal()

    def __init__(self, theme: Theme, editor: RoiEditor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._editor = editor
        self._drawing = False
        self._shown: Shown | None = None
        self._fitted = True
        self.box = pyqtgraph.ViewBox(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
        self.setCentralItem(self.box)
        self.picture = PictureLayer()
        self.map = MapLayer()
        self.contour = LineLayer(theme.colours.contour)
        self.truth = LineLayer(theme.colours.truth, dashed=True)
        self.veil = VeilLayer()
        self.regions = RegionLayer(theme.colours.contour)
        self.shapes = ShapeLayer(theme.colours.examine, theme.colours.ignore)
        self.cross = CrossLayer()
        for layer in (
            self.picture, self.map, self.veil, self.contour, self.truth, self.regions, self.shapes, self.cross,
        ):  # fmt: skip
            self.box.addItem(layer, ignoreBounds=True)
        self.setAccessibleName("Picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMinimumSize(120, 80)
        self.scene().sigMouseMoved.connect(self._hover)
        self.box.sigRangeChangedManually.connect(self._leave_fit)
        self.box.sigRangeChanged.connect(self._tell)
        editor.changed.connect(self.follow_editor)
        theme.changed.connect(self._paint_ground)
        self._paint_ground()

    @property
    def zoom(self) -> float:
        """Screen pixels per picture pixel; 0 without a picture."""
        width = self.box.viewRect().width()
        return 0.0 if width <= 0 or self._shown is None else self.box.width() * self.devicePixelRatioF() / width

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
            self.zoomed.emit(0.0)
            return
        height, width = shown.size
        if not same:
            self.box.setLimits(minXRange=min(width, 8), maxXRange=_FARTHEST * width, maxYRange=_FARTHEST * height)
        if self._fitted or not same:
            self.fit()
        self.zoomed.emit(self.zoom)

    def fit(self) -> None:
        """Show the whole picture, and keep it so when the window changes."""
        self._fitted = True
        if self._shown is not None:
            height, width = self._shown.size
            self.box.setRange(QRectF(0, 0, width, height), padding=_MARGIN)

    def frame(self, area: QRectF) -> None:
        """Bring a part of the picture into the middle, with its surroundings; a large part shows the whole picture."""
        if self._shown is None:
            return
        ratio = self.devicePixelRatioF()
        least = QSizeF(self.box.width() * ratio / _FRAME_PIXEL, self.box.height() * ratio / _FRAME_PIXEL)
        size = (area.size() / _FRAME_SHARE).expandedTo(least)
        wide, tall = self.box.width(), self.box.height()
        height, width = self._shown.size
        if max(size.width() / wide, size.height() / tall) >= max(width / wide, height / tall):
            self.fit()
            return
        self._fitted = False
        view = QRectF(QPointF(0, 0), size)
        view.moveCenter(area.center())
        self.box.setRange(view, padding=0)

    def follow(self, other: Canvas) -> None:
        """See the same part of the picture as another canvas of the same size."""
        self._fitted = other.fitted
        self.box.setRange(other.box.viewRect(), padding=0)

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

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None)
        if self._editor.active:
            self._editor.move(None, False)

    def event(self, event: QEvent) -> bool:
        # Keys of the drawing mode come before what they mean elsewhere: Delete must not remove the picture.
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._editor.takes_key(event.key()):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.bare.emit(True)
        elif not self._editor.key(event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)):
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.bare.emit(False)
            return
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._editor.active and self._shown is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setFocus()
            if self._editor.press(self._place(event), self._reach):
                self._drawing = True
                return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._editor.active and self._shown is not None:
            place = self._place(event)
            self._editor.move(place, self._drawing)
            if self._drawing:
                self._say(place)
                return
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drawing and event.button() == Qt.MouseButton.LeftButton:
            self._drawing = False
            self._editor.release()
            return
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._editor.active and self._editor.tool is Tool.POLYGON and self._editor.draft:
            self._editor.finish()
            return
        super().mouseDoubleClickEvent(event)

    @property
    def _reach(self) -> float:
        width = self.box.viewRect().width()
        return _REACH * width / max(self.box.width(), 1.0)

    def _place(self, event: QMouseEvent) -> QPointF:
        point: QPointF = self.box.mapSceneToView(self.mapToScene(event.position().toPoint()))
        return point

    def follow_editor(self) -> None:
        """Show region and shapes as they are now; a canvas that is not seen does so once it is."""
        if self.isHidden():
            return
        self.veil.follow(self._editor)
        self.shapes.follow(self._editor)
        self.setCursor(Qt.CursorShape.CrossCursor if self._editor.draws else Qt.CursorShape.ArrowCursor)

    def _tell(self, *_: object) -> None:
        self.zoomed.emit(self.zoom)
        self.seen.emit()

    def _hover(self, place: QPointF) -> None:
        self._say(self.box.mapSceneToView(place))

    def _say(self, point: QPointF) -> None:
        if self._shown is None:
            return
        height, width = self._shown.size
        inside = 0 <= point.x() < width and 0 <= point.y() < height
        self.hovered.emit((int(point.x()), int(point.y())) if inside else None)

    def _leave_fit(self, *_: object) -> None:
        self._fitted = False
        self.seen.emit()

    def _paint_ground(self) -> None:
        self.setBackground(QColor(self._theme.colours.canvas))
