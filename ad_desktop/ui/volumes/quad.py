"""The three planes and the facts, two by two; or one plane alone; or each without and with what lies over it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSlider, QWidget

from ad_desktop.data.volumes.planes import Plane
from ad_desktop.ui.theme import Theme
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

    ``originals`` are second views of the planes, of the scan alone; they see what the others see.
    """

    hovered = Signal(object)
    maximised = Signal(bool)

    def __init__(self, scene: Scene, projector: Projector, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.active = Plane.AXIAL
        self._alone: Plane | None = None
        self._compared = False
        self.facts = Facts(scene, theme)
        painters = {plane: PlanePainter(plane, scene, projector) for plane in Plane}
        self.panes = {plane: Pane(PlaneView(scene, painters[plane], projector), scene) for plane in Plane}
        self.originals = {plane: PlaneView(scene, painters[plane], projector, bare=True) for plane in Plane}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        for plane, original in self.originals.items():
            original.setAccessibleName(f"{plane.title} plane, original")
            original.set_title("original")
            view = self.panes[plane].view
            self._connect(view, original)
            self._connect(original, view)
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
            for pane in self.panes.values():
                pane.view.set_title("result" if compared else "")
            self._arrange()

    def fit(self) -> None:
        """Show all planes whole."""
        for pane in self.panes.values():
            pane.view.fit()

    def _connect(self, view: PlaneView, other: PlaneView) -> None:
        plane = view.plane
        view.focused.connect(lambda: self._activate(plane))
        view.maximise.connect(lambda: self.set_alone(None if self._alone else plane))
        view.hovered.connect(self._hover)
        view.seen.connect(lambda: other.follow(view))

    def _arrange(self) -> None:
        used: set[tuple[int, int]] = set()
        for plane, pane in self.panes.items():
            original, shown = self.originals[plane], self._alone in (None, plane)
            if self._compared:
                row = _ROWS.index(plane)
                self._put(original, (row, 0), shown, used)
                self._put(pane, (row, 1), shown, used)
            else:
                self._put(original, (2, 0), False, used)
                self._put(pane, _PLACES[plane], shown, used)
        self._put(self.facts, (2, 1) if self._compared else (1, 1), not self._compared and self._alone is None, used)
        for number in range(len(_ROWS)):
            self._grid.setRowStretch(number, int(any(row == number for row, _ in used)))
            self._grid.setColumnStretch(number, int(any(column == number for _, column in used)))

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
