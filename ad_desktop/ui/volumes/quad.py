"""The three planes and the facts, two by two; or one plane alone."""

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


class Pane(QWidget):
    """A plane with its slider."""

    def __init__(self, plane: Plane, scene: Scene, projector: Projector, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        self.view = PlaneView(scene, PlanePainter(plane, scene, projector), projector)
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
    """``active`` is the plane that keys act on: the one that had the focus last."""

    hovered = Signal(object)
    maximised = Signal(bool)

    def __init__(self, scene: Scene, projector: Projector, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.active = Plane.AXIAL
        self._alone: Plane | None = None
        self.facts = Facts(scene, theme)
        self.panes = {plane: Pane(plane, scene, projector) for plane in Plane}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for plane, pane in self.panes.items():
            grid.addWidget(pane, *_PLACES[plane])
            pane.view.focused.connect(lambda p=plane: self._activate(p))
            pane.view.maximise.connect(lambda p=plane: self.set_alone(None if self._alone else p))
            pane.view.hovered.connect(self._hover)
        grid.addWidget(self.facts, 1, 1)
        for number in (0, 1):
            grid.setRowStretch(number, 1)
            grid.setColumnStretch(number, 1)
        self._grid = grid

    @property
    def alone(self) -> Plane | None:
        """The plane that fills the room."""
        return self._alone

    def set_alone(self, plane: Plane | None) -> None:
        """Show one plane alone, or all."""
        self._alone = plane
        self.facts.setVisible(plane is None)
        for other, pane in self.panes.items():
            pane.setVisible(plane in (None, other))
        self._stretch()
        self.maximised.emit(plane is not None)
        self.panes[self.active if plane is None else plane].view.setFocus()

    def fit(self) -> None:
        """Show all planes whole."""
        for pane in self.panes.values():
            pane.view.fit()

    def _stretch(self) -> None:
        place = None if self._alone is None else _PLACES[self._alone]
        for number in (0, 1):
            self._grid.setRowStretch(number, int(place is None or place[0] == number))
            self._grid.setColumnStretch(number, int(place is None or place[1] == number))

    def _activate(self, plane: Plane) -> None:
        self.active = plane

    def _hover(self, index: object) -> None:
        self.facts.set_under(index)  # type: ignore[arg-type]
        self.hovered.emit(index)
