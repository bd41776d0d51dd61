"""One plane of a volume: slice, layers, crosshair, letters and scale bar, and what the mouse does."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
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

from ad_desktop.data.volumes.windows import Window
from ad_desktop.ui.volumes.annotations import cross_region, draw_cross
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.drawing import Drawn, Tool, draw
from ad_desktop.ui.volumes.geometry import Eye
from ad_desktop.ui.volumes.painting import PlanePainter
from ad_desktop.ui.volumes.projector import Projector
from ad_desktop.ui.volumes.scene import Scene

_REACH = 7
"""How near the cursor counts as on the crosshair, in pixels."""
_CLICK = 4
_NOTCH = 120
_SCROLL_KEYS = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10}


class PlaneView(QWidget):
    """Wheel scrolls, dragging pans (on the crosshair: moves it), right drag sets the window, Ctrl+wheel zooms.

    ``hovered`` carries the voxel under the cursor (x first) or None, ``maximise`` comes with a double click,
    ``seen`` when another part of the plane is in view. ``aspect`` is what it shows of the scan.
    With a pen the left button draws: ``drawn`` carries the stroke (``Drawn``).
    """

    hovered = Signal(object)
    maximise = Signal()
    focused = Signal()
    seen = Signal()
    drawn = Signal(object)

    def __init__(
        self, scene: Scene, painter: PlanePainter, projector: Projector, aspect: Aspect = Aspect.LESIONS,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.plane = plane = painter.plane
        self.aspect = aspect
        self._title = ""
        self._scene = scene
        self._painter = painter
        self._eye: Eye | None = None
        self._fitted = True
        self._picture: QPixmap | None = None
        self._shown = (-1, 0.0)
        self._crossed = QPointF()
        self._press: QPointF | None = None
        self._last = QPointF()
        self._drag = ""
        self._stroke: list[QPointF] = []
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
        self._fit()
        if self._eye is not None:
            self.seen.emit()

    def follow(self, other: PlaneView) -> None:
        """See the part of the plane that another view shows."""
        if other.fitted:
            self._fit()
        elif other.eye is not None:
            self.see(other.eye)

    def set_aspect(self, aspect: Aspect, title: str) -> None:
        """Show another aspect of the scan, and say so behind the plane and its slice."""
        if (aspect, title) != (self.aspect, self._title):
            self.aspect, self._title = aspect, title
            self.setAccessibleName(f"{self.plane.title} plane, {title}" if title else f"{self.plane.title} plane")
            self._repaint_all()

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
        if self._picture is None and self._eye is not None:
            self._picture = self._render(self._eye)
        if self._picture is not None:
            painter.drawPixmap(0, 0, self._picture)
        if self._scene.crosshair and not self._scene.bare:
            self._crossed = self.place_of(self._scene.cross)
            draw_cross(painter, self.rect(), self._crossed)
        if self._stroke and self._scene.pen is not None and self._eye is not None:
            draw(painter, self._scene.pen, self._stroke, self._eye.scale)
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
        elif button == Qt.MouseButton.LeftButton and self._scene.pen is not None and not shift:
            self._drag = "draw"
            self._stroke = [event.position()]
            self.update()
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
        elif self._drag == "draw":
            self._stroke.append(place)
            self.update()
        elif self._drag == "window":
            self._scene.set_window(dragged_window(self._scene.window, by))
        elif self._drag == "pan" and self._eye is not None and self._moved(place):
            self.see(self._eye.moved(by))
            self.seen.emit()
        over = self._drag == "cross" or (not self._drag and self._on_cross(place))
        idle = Qt.CursorShape.ArrowCursor if self._scene.pen is None else Qt.CursorShape.CrossCursor
        self.setCursor(Qt.CursorShape.SizeAllCursor if over and self._scene.pen is None else idle)
        self._tell(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton
        if self._drag == "pan" and left and not self._moved(event.position()):
            self._scene.look_at(self.index_at(event.position()))
        if self._drag == "draw" and left:
            self._end_stroke()
        self._drag = ""
        self._press = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._drag = ""
        self._stroke = []
        if event.button() == Qt.MouseButton.LeftButton and self._scene.pen is None:
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

    def _end_stroke(self) -> None:
        """Hand the stroke over, and show it until something changes; an ellipse without extent is none."""
        pen, stroke = self._scene.pen, self._stroke
        if pen is None or (pen.tool is Tool.ELLIPSE and (stroke[-1] - stroke[0]).manhattanLength() <= _CLICK):
            self._stroke = []
            self.update()
        else:
            self.drawn.emit(Drawn(self.plane, pen, tuple(self.index_at(place) for place in stroke)))

    def _fit(self) -> None:
        self._fitted = True
        if self._scene.volume is not None:
            mirrored = self.plane.mirrored(self._scene.neurological)
            self._eye = Eye.fitting(self._painter.area, self._size(), mirrored, self.plane.upward)
            self._repaint_all()

    def _render(self, eye: Eye) -> QPixmap:
        """All but the crosshair, which moves on its own."""
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap((self.size().toSizeF() * ratio).toSize())
        pixmap.setDevicePixelRatio(ratio)
        painter = QPainter(pixmap)
        painter.setFont(self.font())
        self._painter.paint(painter, self.rect(), eye, self._title, self.aspect)
        painter.end()
        self._shown = self._painter.state
        return pixmap

    def _follow(self) -> None:
        if self._drag != "draw":
            self._stroke = []
        if not self.isVisible():
            self._picture = None
        elif self._scene.volume is None or self._painter.state != self._shown:
            self._picture = None
            self.update()
        elif self._scene.crosshair:
            # Only the lines move; the rest of the plane is not painted again.
            region = cross_region(self.rect(), self.place_of(self._scene.cross))
            self.update(region | cross_region(self.rect(), self._crossed))

    def _forget(self) -> None:
        # What was seen of another scan means nothing here.
        self._eye = None
        self._fitted = True

    def _repaint_all(self) -> None:
        self._picture = None
        if self._drag != "draw":
            self._stroke = []
        scene = self._scene
        if (eye := self._eye) is not None and eye.mirrored != self.plane.mirrored(scene.neurological):
            self._eye = Eye(eye.centre, eye.scale, self.plane.mirrored(scene.neurological), eye.upward)
        self.update()

    def _spacing(self) -> tuple[float, float]:
        return self._painter.spacing

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


def dragged_window(window: Window, by: QPointF) -> Window:
    """The window after the mouse was dragged: to the right it gets wider, downwards the picture gets darker."""
    width = max(window.width * math.exp(by.x() / 200), 1e-6)
    direction = -1 if window.inverted else 1
    return Window(width, window.level + direction * by.y() * window.width / 300, window.inverted)
