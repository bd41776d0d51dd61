"""One plane of a volume: slice, layers, crosshair, letters and scale bar, and what the mouse does."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.windows import Window, to_codes
from ad_desktop.ui.volumes.annotations import ON_BLACK, ON_WHITE, draw_bar, draw_cross, draw_letters, draw_title
from ad_desktop.ui.volumes.geometry import Eye
from ad_desktop.ui.volumes.outline import outline
from ad_desktop.ui.volumes.projector import Projector
from ad_desktop.ui.volumes.scene import ColourLayer, LineLayer, Scene

_REACH = 7
"""How near the cursor counts as on the crosshair, in pixels."""
_CLICK = 4
_NOTCH = 120
_GREYS = [0xFF000000 | code * 0x010101 for code in range(256)]
_SCROLL_KEYS = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10}


class PlaneView(QWidget):
    """Wheel scrolls, dragging pans (on the crosshair: moves it), right drag sets the window, Ctrl+wheel zooms.

    ``hovered`` carries the voxel under the cursor (x first) or None, ``maximise`` comes with a double click,
    ``seen`` when another part of the plane is in view.
    """

    hovered = Signal(object)
    maximise = Signal()
    focused = Signal()
    seen = Signal()

    def __init__(self, plane: Plane, scene: Scene, projector: Projector, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plane = plane
        self._scene = scene
        self._projector = projector
        self._eye: Eye | None = None
        self._fitted = True
        self._picture: QPixmap | None = None
        self._shown = (-1, 0.0)
        self._press: QPointF | None = None
        self._last = QPointF()
        self._drag = ""
        self._wheel = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(90, 80)
        self.setAccessibleName(f"{plane.title} plane")
        scene.replaced.connect(self._forget)
        scene.changed.connect(self._repaint_all)
        scene.moved.connect(self._follow)
        projector.ready.connect(lambda done: self._repaint_all() if done is plane else None)

    @property
    def eye(self) -> Eye | None:
        """What part of the plane is seen."""
        return self._eye

    @property
    def fitted(self) -> bool:
        """Whether the whole plane is kept in view."""
        return self._fitted

    def fit(self) -> None:
        """Show the whole plane, and keep it so when the window changes."""
        self._fitted = True
        volume = self._scene.volume
        if volume is not None:
            mirrored = self.plane.mirrored(self._scene.neurological)
            self._eye = Eye.fitting(self._area(), self._size(), mirrored, self.plane.upward)
            self._repaint_all()
            self.seen.emit()

    def see(self, eye: Eye, fitted: bool = False) -> None:
        """Show another part of the plane."""
        self._fitted = fitted
        self._eye = eye
        self._repaint_all()

    def place_of(self, index: tuple[float, float, float]) -> QPointF:
        """Where a voxel's centre (x first) is on the widget."""
        across, down = index[2 - self.plane.columns], index[2 - self.plane.rows]
        rows, columns = self._spacing()
        return self._transform().map(QPointF(across * columns, down * rows))

    def index_at(self, place: QPointF) -> tuple[float, float, float]:
        """The voxel index (x first, not rounded) under a place of the widget."""
        inverse, _ = self._transform().inverted()
        point = inverse.map(place)
        rows, columns = self._spacing()
        index = [float(i) for i in self._scene.cross]
        index[2 - self.plane.columns] = point.x() / columns
        index[2 - self.plane.rows] = point.y() / rows
        return index[0], index[1], index[2]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture = None
        if self._fitted:
            self.fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._scene.volume is None:
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
            painter.end()
            return
        if self._eye is None:
            self.fit()
        if self._picture is None:
            self._picture = self._render()
        painter.drawPixmap(0, 0, self._picture)
        if self._scene.crosshair and not self._scene.bare:
            draw_cross(painter, self.rect(), self.place_of(self._scene.cross))
        if self.hasFocus():
            painter.setPen(QPen(QColor("#4c9ff0"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        self._press = self._last = event.position()
        button = event.button()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if self._scene.volume is None:
            self._drag = ""
        elif button == Qt.MouseButton.RightButton:
            self._drag = "window"
        elif button == Qt.MouseButton.LeftButton and (shift or self._on_cross(event.position())):
            self._drag = "cross"
            self._scene.look_at(self.index_at(event.position()))
        elif button in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag = "pan"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place, volume = event.position(), self._scene.volume
        if volume is None:
            return
        by, self._last = place - self._last, place
        if self._drag == "cross":
            self._scene.look_at(self.index_at(place))
        elif self._drag == "window":
            self._scene.set_window(dragged_window(self._scene.window, by))
        elif self._drag == "pan" and self._eye is not None and self._moved(place):
            self.see(self._eye.moved(by))
            self.seen.emit()
        over = self._drag == "cross" or (not self._drag and self._on_cross(place))
        self.setCursor(Qt.CursorShape.SizeAllCursor if over else Qt.CursorShape.ArrowCursor)
        self._tell(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        if self._drag == "pan" and left and not self._moved(event.position()):
            self._scene.look_at(self.index_at(event.position()))
        self._drag = ""
        self._press = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._drag = ""
        if event.button() == Qt.MouseButton.LeftButton:
            self.maximise.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.accept()
        turn = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if self._eye is not None:
                self._fitted = False
                self.see(self._eye.zoomed(math.exp(turn / 600), event.position(), self._size()))
                self.seen.emit()
            return
        self._wheel += turn
        notches = int(self._wheel / _NOTCH)
        self._wheel -= notches * _NOTCH
        if notches:
            self._scene.scroll(self.plane, notches)
            self._tell(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        volume = self._scene.volume
        if volume is not None and key in _SCROLL_KEYS:
            self._scene.scroll(self.plane, _SCROLL_KEYS[key])
        elif volume is not None and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            last = volume.shape[self.plane.axis] - 1
            self._scene.show_slice(self.plane, 0 if key == Qt.Key.Key_Home else last)
        elif key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._scene.set_look(bare=True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._scene.set_look(bare=False)
        else:
            super().keyReleaseEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.update()
        self.focused.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if self._scene.bare:
            self._scene.set_look(bare=False)
        self.update()

    def _render(self) -> QPixmap:
        """All but the crosshair, which moves on its own."""
        scene, ratio = self._scene, self.devicePixelRatioF()
        pixmap = QPixmap((self.size().toSizeF() * ratio).toSize())
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.white if scene.window.inverted else Qt.GlobalColor.black)
        painter = QPainter(pixmap)
        painter.setTransform(self._transform())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        index = scene.slice_of(self.plane)
        values = self._values(index)
        if values is not None:
            window = scene.window
            self._paint_codes(painter, to_codes(values, window.low, window.high), _greys(window), 1)
        layers = () if scene.bare else scene.layers
        for layer in layers:
            if isinstance(layer, ColourLayer):
                codes = to_codes(layer.sampler.cut(self.plane, index), layer.low, layer.high)
                self._paint_codes(painter, codes, list(layer.table), layer.sampler.step(self.plane))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for layer in layers:
            if isinstance(layer, LineLayer):
                self._paint_lines(painter, layer, index)
        painter.resetTransform()
        self._annotate(painter)
        painter.end()
        self._shown = (index, scene.slab_mm)
        return pixmap

    def _values(self, index: int) -> NDArray | None:
        scene = self._scene
        if not scene.slab_mm:
            return scene.cut(self.plane)
        return self._projector.get(scene.grid, self.plane, index, scene.slab_mm)

    def _paint_codes(self, painter: QPainter, codes: NDArray[np.uint8], table: list[int], step: int) -> None:
        height, width = codes.shape
        image = QImage(codes.data, width, height, codes.strides[0], QImage.Format.Format_Indexed8)
        image.setColorTable(table)
        opaque = table[0] >> 24 == 255
        form = QImage.Format.Format_RGB32 if opaque else QImage.Format.Format_ARGB32_Premultiplied
        rows, columns = self._spacing()
        target = QRectF(-step / 2 * columns, -step / 2 * rows, width * step * columns, height * step * rows)
        painter.drawImage(target, image.convertToFormat(form), QRectF(0, 0, width, height))

    def _paint_lines(self, painter: QPainter, layer: LineLayer, index: int) -> None:
        points = outline(layer.sampler.cut(self.plane, index), layer.level)
        if not len(points):
            return
        step = layer.sampler.step(self.plane)
        rows, columns = self._spacing()
        x, y = np.ascontiguousarray((points.astype(np.float64) * (step * columns, step * rows)).T)
        path = pyqtgraph.functions.arrayToQPath(x, y, connect="pairs")
        for colour, width in ((QColor(0, 0, 0, 150), 3.2), (QColor(layer.colour), 1.6)):
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            if layer.dashed and width < 2:
                pen.setDashPattern([4, 3])
            painter.setPen(pen)
            # The seam lies under the line: its edges need not be smooth, which is quicker.
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, width < 2)
            painter.drawPath(path)

    def _annotate(self, painter: QPainter) -> None:
        scene = self._scene
        volume = scene.grid
        count = volume.shape[self.plane.axis]
        text = f"{self.plane.title}  {scene.slice_of(self.plane) + 1} / {count}"
        if scene.slab_mm:
            text += f"  ·  MIP {scene.slab_mm:g} mm"
        ink = ON_WHITE if scene.window.inverted else ON_BLACK
        draw_title(painter, self.rect(), text, ink)
        draw_letters(painter, self.rect(), self.plane.letters(volume, scene.neurological), text, ink)
        draw_bar(painter, self.rect(), 1.0 if self._eye is None else self._eye.scale, ink)

    def _follow(self) -> None:
        if self._scene.volume is None or self._scene.slice_of(self.plane) != self._shown[0]:
            self._picture = None
        self.update()

    def _forget(self) -> None:
        # What was seen of another scan means nothing here.
        self._eye = None
        self._fitted = True

    def _repaint_all(self) -> None:
        self._picture = None
        scene = self._scene
        if (eye := self._eye) is not None and eye.mirrored != self.plane.mirrored(scene.neurological):
            self._eye = Eye(eye.centre, eye.scale, self.plane.mirrored(scene.neurological), eye.upward)
        self.update()

    def _area(self) -> QRectF:
        rows, columns = self._spacing()
        height, width = self.plane.shape(self._scene.grid)
        return QRectF(-columns / 2, -rows / 2, width * columns, height * rows)

    def _spacing(self) -> tuple[float, float]:
        return self.plane.spacing(self._scene.grid)

    def _size(self) -> QSizeF:
        return QSizeF(self.size())

    def _transform(self) -> QTransform:
        return QTransform() if self._eye is None else self._eye.transform(self._size())

    def _moved(self, place: QPointF) -> bool:
        return self._press is None or (place - self._press).manhattanLength() > _CLICK

    def _on_cross(self, place: QPointF) -> bool:
        if not self._scene.crosshair or self._scene.volume is None:
            return False
        apart = self.place_of(self._scene.cross) - place
        return min(abs(apart.x()), abs(apart.y())) <= _REACH

    def _tell(self, place: QPointF) -> None:
        volume = self._scene.volume
        if volume is None:
            return
        index = tuple(math.floor(i + 0.5) for i in self.index_at(place))
        inside = all(0 <= i < n for i, n in zip(index, volume.shape[::-1], strict=True))
        self.hovered.emit(index if inside else None)


def _greys(window: Window) -> list[int]:
    return _GREYS[::-1] if window.inverted else _GREYS


def dragged_window(window: Window, by: QPointF) -> Window:
    """The window after the mouse was dragged: to the right it gets wider, downwards the picture gets darker."""
    width = max(window.width * math.exp(by.x() / 200), 1e-6)
    direction = -1 if window.inverted else 1
    return Window(width, window.level + direction * by.y() * window.width / 300, window.inverted)
