"""Where pictures stand: one view, or original and overlay side by side with the same zoom and place."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QSizePolicy, QWidget

from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.canvas import Canvas
from ad_desktop.ui.viewer.pictures import Shown
from ad_desktop.ui.viewer.roi_editor import RoiEditor


class Stage(QWidget):
    """``main`` has the overlay; ``original`` is seen while ``split``. The cursor in one shows as a cross in the other.

    The two stand beside or above each other, whichever shows the picture larger.
    """

    hovered = Signal(object)
    bare = Signal(bool)

    def __init__(self, theme: Theme, editor: RoiEditor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Shown | None = None
        self._following = False
        self.main = Canvas(theme, editor)
        self.original = Canvas(theme, editor)
        self.original.setAccessibleName("Original picture")
        for layer in (self.original.map, self.original.contour, self.original.truth, self.original.regions):
            layer.hide()
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2)
        self._box.addWidget(self.original, 1)
        self._box.addWidget(self.main, 1)
        self.original.hide()
        for canvas, other in ((self.main, self.original), (self.original, self.main)):
            canvas.seen.connect(lambda a=canvas, b=other: self._link(a, b))
            canvas.hovered.connect(lambda place, b=other: self._point(place, b))
            canvas.bare.connect(self.bare)
            canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)

    @property
    def split(self) -> bool:
        """Whether the original stands beside the overlay."""
        return not self.original.isHidden()

    def set_split(self, split: bool) -> None:
        """Show the original beside the overlay, or the overlay alone."""
        if split == self.split:
            return
        self.original.setVisible(split)
        self.original.set_picture(self._shown if split else None)
        self.original.follow_editor()
        self._arrange()
        self._point(None, self.main)
        self._box.activate()
        if self.main.fitted:
            self.main.fit()
        self._link(self.main, self.original)

    def set_picture(self, shown: Shown | None) -> None:
        """Show another picture."""
        self._shown = shown
        self._point(None, self.main)
        self._point(None, self.original)
        self._arrange()
        self.main.set_picture(shown)
        if self.split:
            self.original.set_picture(shown)
            self._link(self.main, self.original)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        if self._shown is None or not self.split:
            return
        height, width = self._shown.size
        beside = min(self.width() / 2 / width, self.height() / height)
        above = min(self.width() / width, self.height() / 2 / height)
        direction = QBoxLayout.Direction.LeftToRight if beside >= above else QBoxLayout.Direction.TopToBottom
        if self._box.direction() != direction:
            self._box.setDirection(direction)

    def _link(self, moved: Canvas, other: Canvas) -> None:
        if self.split and not self._following:
            self._following = True
            other.follow(moved)
            self._following = False

    def _point(self, place: tuple[int, int] | None, other: Canvas) -> None:
        self.hovered.emit(place)
        shown = self._shown if self.split else None
        point = None if place is None or shown is None else QPointF(place[0] + 0.5, place[1] + 0.5)
        other.cross.set_point(point, (0, 0) if shown is None else shown.size)
