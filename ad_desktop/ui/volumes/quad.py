"""The three planes and the facts, two by two; or one plane alone; or aspects of the scan beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSlider, QWidget

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.facts import Facts
from ad_desktop.ui.volumes.painting import PlanePainter
from ad_desktop.ui.volumes.plane_view import PlaneView
from ad_desktop.ui.volumes.projector import Projector
from ad_desktop.ui.volumes.scene import Scene

_PLACES = {Plane.AXIAL: (0, 0), Plane.CORONAL: (0, 1), Plane.SAGITTAL: (1, 0)}
_ROWS = (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)
"""From the top, where each plane stands beside its original."""


class Pane(QWidget):
    """A plane with its slider."""

    def __init__(self, view: PlaneView, scene: Scene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self.view = view
        plane = view.plane
        self.slider = QSlider(Qt.Orientation.Vertical)
        self.slider.setAccessibleName(f"{plane.title} slice")
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.view, 1)
        row.addWidget(self.slider)
        self.slider.valueChanged.connect(lambda value: scene.show_slice(plane, value))
        scene.changed.connect(self._follow)
        scene.moved.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        volume = self._scene.volume
        plane = self.view.plane
        self.slider.blockSignals(True)
        self.slider.setEnabled(volume is not None)
        if volume is not None:
            self.slider.setRange(0, volume.shape[plane.axis] - 1)
            self.slider.setValue(self._scene.slice_of(plane))
        self.slider.blockSignals(False)


class Quad(QWidget):
    """``active`` is the plane that keys act on: the one that had the focus last.

    ``originals`` are second views of the planes, of the scan alone, ``painted`` further ones of its healthy version and
    of what differs; all views of a plane see the same part of it.
    """

    hovered = Signal(object)
    maximised = Signal(bool)
    drawn = Signal(object)

    def __init__(self, scene: Scene, projector: Projector, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.active = Plane.AXIAL
        self._alone: Plane | None = None
        self._compared = False
        self._every = False
        self._aspect = Aspect.LESIONS
        self.facts = Facts(scene, theme)
        painters = {plane: PlanePainter(plane, scene, projector) for plane in Plane}
        self.panes = {plane: Pane(PlaneView(scene, painters[plane], projector), scene) for plane in Plane}
        self.originals = {plane: PlaneView(scene, painters[plane], projector) for plane in Plane}
        self.painted = {
            (plane, aspect): PlaneView(scene, painters[plane], projector)
            for plane in Plane for aspect in (Aspect.HEALTHY, Aspect.RESIDUAL)
        }  # fmt: skip
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        for plane, original in self.originals.items():
            original.set_aspect(Aspect.ORIGINAL, "original")
            views = [self.panes[plane].view, original]
            for aspect in (Aspect.HEALTHY, Aspect.RESIDUAL):
                self.painted[plane, aspect].set_aspect(aspect, aspect.value)
                views.append(self.painted[plane, aspect])
            for view in views:
                self._connect(view, [other for other in views if other is not view])
        self._arrange()

    @property
    def alone(self) -> Plane | None:
        """The plane that fills the room."""
        return self._alone

    @property
    def compared(self) -> bool:
        """Whether the planes stand beside their originals."""
        return self._compared

    def set_alone(self, plane: Plane | None) -> None:
        """Show one plane alone, or all."""
        self._alone = plane
        self._arrange()
        self.maximised.emit(plane is not None)
        self.panes[self.active if plane is None else plane].view.setFocus()

    def set_compared(self, compared: bool) -> None:
        """Show the scan alone at the left, and with what lies over it at the right."""
        if compared != self._compared:
            self._compared = compared
            self._arrange()

    def set_aspect(self, aspect: Aspect, every: bool) -> None:
        """Show another aspect in the planes, or ``every`` one of a single plane."""
        if (aspect, every) != (self._aspect, self._every):
            self._aspect, self._every = aspect, every
            self._arrange()

    def turn(self) -> None:
        """Go on to the next plane, where only one is shown."""
        following = _ROWS[(_ROWS.index(self._single or self.active) + 1) % len(_ROWS)]
        self.active = following
        if self._alone is not None:
            self._alone = following
        self._arrange()
        self.panes[following].view.setFocus()

    @property
    def _single(self) -> Plane | None:
        """The plane that has all the room."""
        return self._alone or (self.active if self._every else None)

    def fit(self) -> None:
        """Show all planes whole."""
        for pane in self.panes.values():
            pane.view.fit()

    def _connect(self, view: PlaneView, others: Sequence[PlaneView]) -> None:
        plane = view.plane
        view.focused.connect(lambda: self._activate(plane))
        view.maximise.connect(lambda: self.set_alone(None if self._alone else plane))
        view.hovered.connect(self._hover)
        view.drawn.connect(self.drawn)
        for other in others:
            view.seen.connect(partial(other.follow, view))

    def _arrange(self) -> None:
        used: set[tuple[int, int]] = set()
        # What is hidden hands the focus on, and with it what is active.
        single, active = self._single, self.active
        beside = self._compared or self._every
        for plane, pane in self.panes.items():
            original, shown, row = self.originals[plane], single in (None, plane), _ROWS.index(plane)
            aspect, title = self._shown(beside)
            pane.view.set_aspect(aspect, title)
            if self._every:
                self._put(original, (0, 0), shown, used)
                self._put(pane, (1, 1), shown, used)
            elif self._compared:
                self._put(original, (row, 0), shown, used)
                self._put(pane, (row, 1), shown, used)
            else:
                self._put(original, (2, 0), False, used)
                self._put(pane, _PLACES[plane], shown, used)
            for which, place in ((Aspect.HEALTHY, (0, 1)), (Aspect.RESIDUAL, (1, 0))):
                self._put(self.painted[plane, which], place, shown and self._every, used)
        self._put(self.facts, (2, 1) if beside else (1, 1), not beside and self._alone is None, used)
        for number in range(len(_ROWS)):
            self._grid.setRowStretch(number, int(any(row == number for row, _ in used)))
            self._grid.setColumnStretch(number, int(any(column == number for _, column in used)))
        self.active = active

    def _shown(self, beside: bool) -> tuple[Aspect, str]:
        """What the planes themselves show, and what is said of it."""
        if self._every:
            return Aspect.LESIONS, Aspect.LESIONS.value
        if self._aspect is Aspect.LESIONS:
            return self._aspect, "result" if beside else ""
        return self._aspect, self._aspect.value

    def _put(self, widget: QWidget, place: tuple[int, int], shown: bool, used: set[tuple[int, int]]) -> None:
        self._grid.addWidget(widget, *place)
        widget.setVisible(shown)
        if shown:
            used.add(place)

    def _activate(self, plane: Plane) -> None:
        self.active = plane

    def _hover(self, index: object) -> None:
        self.facts.set_under(index)  # type: ignore[arg-type]
        self.hovered.emit(index)
