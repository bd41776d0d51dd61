"""Drawing the region of interest: what presses, drags and keys on the picture mean with each tool."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QUndoStack

from ad_desktop.data.roi import Point, Purpose, RegionOfInterest, Shape, ShapeKind
from ad_desktop.ui.session import Session
from ad_desktop.ui.viewer.roi_commands import SetRegion
from ad_desktop.ui.viewer.roi_shapes import (
    Size,
    absolute,
    corner_at,
    hits,
    moved,
    relative,
    thinned,
    with_corner,
)

_SMALLEST_RADIUS, _LARGEST_RADIUS = 0.003, 0.3
_STEP = 1.25
_BORDER, _NUDGE = 1, 2
_LEAST_PIXELS = 2
NO_SIZE: Size = (0, 0)
"""The size of no picture at all."""
_Key = Qt.Key
_ARROWS = {_Key.Key_Left: (-1, 0), _Key.Key_Right: (1, 0), _Key.Key_Up: (0, -1), _Key.Key_Down: (0, 1)}


class Tool(StrEnum):
    """What the mouse does on the picture."""

    SELECT = "Select and move"
    RECTANGLE = "Rectangle"
    POLYGON = "Polygon"
    BRUSH = "Brush"


class RoiEditor(QObject):
    """Turns the mouse into shapes and shapes into the session's region, every step undoable.

    Places are in picture coordinates, ``reach`` is how near counts as on, in picture pixels.
    ``changed`` comes when there is something else to paint or to show, ``left`` when Esc leaves the mode.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, session: Session, stack: QUndoStack, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._stack = stack
        self._path: Path | None = None
        self._grip: tuple[Shape, QPointF, int | None] | None = None
        self.active = False
        self.size: Size = NO_SIZE
        self.tool = Tool.RECTANGLE
        self.purpose = Purpose.EXAMINE
        self.this_folder = False
        self.radius = 0.03
        self.selected: int | None = None
        self.draft: list[Point] = []
        self.cursor: QPointF | None = None
        self.preview: Shape | None = None
        session.roi_changed.connect(self._follow_session)

    @property
    def region(self) -> RegionOfInterest:
        """The session's region, with the shape that is being dragged where it is now."""
        if self.preview is None or self.selected is None:
            return self._session.roi
        return self._with(self.selected, self.preview)

    @property
    def shapes(self) -> list[tuple[int, Shape]]:
        """The shapes that count for the picture, with their places in the region."""
        path = self._path
        return [(n, s) for n, s in enumerate(self.region.shapes) if path is not None and s.applies_to(path)]

    @property
    def draws(self) -> bool:
        """Whether a press draws something new."""
        return self.active and self.tool is not Tool.SELECT

    @property
    def path(self) -> Path | None:
        """The picture's file."""
        return self._path

    @property
    def chosen(self) -> Shape | None:
        """The selected shape."""
        return None if self.selected is None else self.region.shapes[self.selected]

    def set_picture(self, path: Path | None, size: Size) -> None:
        """Draw on another picture; an unfinished shape is dropped, a selected one that does not count there let go."""
        if path != self._path:
            self.drop()
        self._path, self.size = path, size
        if self.selected not in [place for place, _ in self.shapes]:
            self.selected = None
        self.changed.emit()

    def set_active(self, active: bool) -> None:
        """Enter or leave the mode."""
        self.active = active
        self.drop()
        self.selected = None
        self.changed.emit()

    def set_tool(self, tool: Tool) -> None:
        """Take another tool."""
        self.tool = tool
        self.drop()
        if tool is not Tool.SELECT:
            self.selected = None
        self.changed.emit()

    def set_purpose(self, purpose: Purpose) -> None:
        """For the next shapes, and for the selected one."""
        self.purpose = purpose
        if self.chosen is not None and self.chosen.purpose is not purpose:
            self._replace_chosen(replace(self.chosen, purpose=purpose), f"make a shape one to {purpose}")
        self.changed.emit()

    def set_this_folder(self, this_folder: bool) -> None:
        """Whether the next shapes, and the selected one, count for the picture's folder alone."""
        self.this_folder = this_folder
        if self.chosen is not None and bool(self.chosen.folder) is not this_folder:
            where = "its folder" if this_folder else "all pictures"
            self._replace_chosen(replace(self.chosen, folder=self._folder()), f"let a shape count for {where}")
        self.changed.emit()

    def set_radius(self, radius: float) -> None:
        """The brush's radius as a share of the picture's shorter side."""
        self.radius = min(max(radius, _SMALLEST_RADIUS), _LARGEST_RADIUS)
        self.changed.emit()

    def set_border(self, pixels: int) -> None:
        """Ignore so many pixels along the picture's edges."""
        if pixels != self._session.roi.border:
            self._push(replace(self._session.roi, border=pixels), "change the ignored border", _BORDER)

    def clear(self) -> None:
        """Examine everything again."""
        if not self._session.roi.everything:
            self._push(RegionOfInterest(), "clear the region of interest")

    def restore(self) -> None:
        """Take back the region that the model was fitted with."""
        if self._session.model is not None and self._session.roi_differs:
            self.drop()
            self._push(self._session.model.roi, "take the model's region of interest")

    def delete(self) -> None:
        """Delete the selected shape."""
        place = self.selected
        if place is not None:
            shapes = self._session.roi.shapes
            self.drop()
            self.selected = None
            self._push(replace(self._session.roi, shapes=shapes[:place] + shapes[place + 1 :]), "delete a shape")

    def drop(self) -> None:
        """Forget what is being drawn or dragged."""
        self.draft = []
        self.preview = None
        self._grip = None

    def press(self, place: QPointF, reach: float) -> bool:
        """The left button went down; whether the tool takes it."""
        if self._path is None:
            return False
        if self.tool is Tool.SELECT:
            return self._grab(place, reach)
        point = relative(place, self.size)
        if self.tool is not Tool.POLYGON:
            self.draft = [point, point] if self.tool is Tool.RECTANGLE else [point]
        elif len(self.draft) >= 3 and _near(absolute(self.draft[0], self.size), place, reach):
            self.finish()
        else:
            self.draft.append(point)
        self.changed.emit()
        return True

    def move(self, place: QPointF | None, pressed: bool) -> None:
        """The mouse moved; ``pressed`` after a press that was taken."""
        self.cursor = place
        if place is not None and pressed:
            point = relative(place, self.size)
            if self._grip is not None:
                self._drag(place)
            elif self.tool is Tool.RECTANGLE and self.draft:
                self.draft[1] = point
            elif self.tool is Tool.BRUSH and self.draft and point != self.draft[-1]:
                self.draft.append(point)
        self.changed.emit()

    def release(self) -> None:
        """The left button went up."""
        if self.preview is not None:
            self._replace_chosen(self.preview, "move a shape")
        elif self.tool in (Tool.RECTANGLE, Tool.BRUSH) and self.draft:
            self.finish()
        self._grip = None
        self.preview = None
        self.changed.emit()

    def finish(self) -> None:
        """Make a shape of the draft; one too small to be meant is dropped."""
        shape = self.drafted()
        self.draft = []
        if shape is not None:
            text = f"draw a {shape.kind} to {shape.purpose}"
            self._push(replace(self._session.roi, shapes=(*self._session.roi.shapes, shape)), text)
        self.changed.emit()

    def drafted(self) -> Shape | None:
        """The shape that the draft makes so far; None where it makes none."""
        if not self.draft or self.tool is Tool.SELECT:
            return None
        kind = ShapeKind[self.tool.name]
        points, radius = list(self.draft), 0.0
        if kind is ShapeKind.RECTANGLE:
            (x0, y0), (x1, y1) = points
            if abs(x1 - x0) * self.size[1] < _LEAST_PIXELS or abs(y1 - y0) * self.size[0] < _LEAST_PIXELS:
                return None
        elif kind is ShapeKind.BRUSH:
            radius = self.radius
            points = thinned(points, radius / 4)
        elif len(points) < 3:
            return None
        return Shape(kind, tuple(points), self.purpose, radius, self._folder())

    def takes_key(self, key: int) -> bool:
        """Whether a key is the mode's own on the picture, whatever else it means in the window."""
        if not self.active:
            return False
        own = {_Key.Key_Escape, _Key.Key_Delete, _Key.Key_Backspace, _Key.Key_BracketLeft, _Key.Key_BracketRight}
        if self.draft:
            own |= {_Key.Key_Return, _Key.Key_Enter}
        return key in own or (key in _ARROWS and self.selected is not None)

    def key(self, key: int, far: bool = False) -> bool:
        """A key was pressed (``far``: with Shift); whether it meant something."""
        if not self.takes_key(key):
            return False
        if key == _Key.Key_Escape:
            self._escape()
        elif key == _Key.Key_Backspace and self.draft and self.tool is Tool.POLYGON:
            self.draft.pop()
        elif key in (_Key.Key_Delete, _Key.Key_Backspace):
            self.delete()
        elif key in (_Key.Key_Return, _Key.Key_Enter):
            self.finish()
        elif key in (_Key.Key_BracketLeft, _Key.Key_BracketRight):
            self.set_radius(self.radius * (_STEP if key == _Key.Key_BracketRight else 1 / _STEP))
        else:
            self._nudge(_ARROWS[_Key(key)], 10 if far else 1)
        self.changed.emit()
        return True

    def _escape(self) -> None:
        if self.draft or self.preview is not None:
            self.drop()
        elif self.tool is not Tool.SELECT:
            self.set_tool(Tool.SELECT)
        else:
            self.left.emit()

    def _grab(self, place: QPointF, reach: float) -> bool:
        chosen = self.chosen
        if chosen is not None:
            corner = corner_at(chosen, place, self.size, reach)
            if corner is not None:
                self._grip = (chosen, place, corner)
                return True
        under = [(n, shape) for n, shape in self.shapes if hits(shape, place, self.size, reach)]
        if not under:
            self.selected = None
            self.changed.emit()
            return False
        self.selected, shape = under[-1]
        self.purpose, self.this_folder = shape.purpose, bool(shape.folder)
        self._grip = (shape, place, None)
        self.changed.emit()
        return True

    def _drag(self, place: QPointF) -> None:
        if self._grip is None:
            return
        shape, start, corner = self._grip
        if corner is not None:
            self.preview = with_corner(shape, corner, relative(place, self.size))
        else:
            height, width = self.size
            self.preview = moved(shape, ((place.x() - start.x()) / width, (place.y() - start.y()) / height))

    def _nudge(self, direction: tuple[int, int], pixels: int) -> None:
        if self.chosen is not None:
            height, width = self.size
            by = (direction[0] * pixels / width, direction[1] * pixels / height)
            self._replace_chosen(moved(self.chosen, by), "move a shape", _NUDGE)

    def _replace_chosen(self, shape: Shape, text: str, kind: int = -1) -> None:
        if self.selected is None:
            return
        region = self._with(self.selected, shape)
        self.preview = None
        if region != self._session.roi:
            self._push(region, text, kind)

    def _with(self, place: int, shape: Shape) -> RegionOfInterest:
        shapes = self._session.roi.shapes
        return replace(self._session.roi, shapes=(*shapes[:place], shape, *shapes[place + 1 :]))

    def _folder(self) -> str:
        return str(self._path.parent) if self.this_folder and self._path is not None else ""

    def _push(self, region: RegionOfInterest, text: str, kind: int = -1) -> None:
        self._stack.push(SetRegion(self._session, region, text, kind))

    def _follow_session(self) -> None:
        self.preview = None
        if self.selected is not None and self.selected >= len(self._session.roi.shapes):
            self.selected = None
        self.changed.emit()


def _near(first: QPointF, second: QPointF, reach: float) -> bool:
    return (first - second).manhattanLength() <= 2 * reach
