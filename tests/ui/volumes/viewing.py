"""What tests of the viewer of scans share: scans in memory, a viewer over them, mouse and wheel."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QUndoStack, QWheelEvent
from PySide6.QtWidgets import QApplication

from ad_desktop.data.samples import Label, VolumeSample
from ad_desktop.data.volumes.planes import Plane
from ad_desktop.data.volumes.volume import HU, Volume, make_affine
from ad_desktop.detectors.base import Prediction
from ad_desktop.jobs import JobRunner
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session
from ad_desktop.ui.volumes.source import ScanReader
from ad_desktop.ui.volumes.viewer import VolumeViewer

NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


def image(size=(20, 24, 16), spacing=(1.5, 1.2, 3.0), directions=None, seed=0) -> sitk.Image:
    """CT-like values; size, spacing and directions x first."""
    values = np.random.default_rng(seed).integers(-1000, 1000, size[::-1]).astype(np.int16)
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(spacing)
    made.SetOrigin((-12.5, 7.25, -31.0))
    if directions is not None:
        made.SetDirection(np.asarray(directions, float).ravel().tolist())
    return made


def volume_of(made: sitk.Image, **more) -> Volume:
    directions = np.reshape(made.GetDirection(), (3, 3))
    affine = make_affine(made.GetSpacing(), made.GetOrigin(), directions)
    return Volume(sitk.GetArrayFromImage(made), affine, **{"unit": HU, "modality": "CT", **more})


def turned(degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])


class World:
    """A viewer over a session whose scans come from memory."""

    def __init__(self, qtbot, theme, settings) -> None:
        self.qtbot = qtbot
        self.scans: dict[str, Volume | Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.session = Session()
        self.runner = JobRunner()
        self.problems = ProblemList()
        self.undo = QUndoStack()
        self.viewer = VolumeViewer(
            self.session,
            self.runner,
            Icons(theme),
            theme,
            settings,
            self.problems,
            ScanReader(self.load),
            [],
            self.undo,
        )
        qtbot.addWidget(self.viewer)
        self.viewer.resize(900, 700)
        self.viewer.show()
        qtbot.waitExposed(self.viewer)

    def load(self, sample: VolumeSample, task) -> Volume:
        while not self.gate.wait(0.01):
            task.check()
        found = self.scans[sample.path.name]
        if isinstance(found, Exception):
            raise found
        return replace(found, source=sample)

    def add(self, name: str, scan: Volume | Exception, mask: Path | None = None) -> Item:
        self.scans[name] = scan
        return self.session.add([Item.of(VolumeSample(Path(name)), Label.TO_CHECK, mask=mask)])[0]

    def show(self, item: Item):
        self.session.set_current(item)
        scene = self.viewer.scene
        self.qtbot.waitUntil(lambda: scene.volume is not None and scene.volume.source.key == item.key)
        self.qtbot.waitUntil(lambda: not self.viewer.layering._soon.isActive())
        QApplication.processEvents()
        return self.viewer

    def view(self, plane: Plane):
        return self.viewer.quad.panes[plane].view


def wheel(view, notches: int, modifiers=NONE, at: QPointF | None = None) -> None:
    place = at or QPointF(view.rect().center())
    turn = QPoint(0, 120 * notches)
    event = QWheelEvent(
        place, view.mapToGlobal(place), QPoint(), turn, Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def drag(qtbot, view, start: QPoint, end: QPoint, button=LEFT, modifiers=NONE) -> None:
    qtbot.mousePress(view, button, modifiers, start)
    for step in range(1, 6):
        qtbot.mouseMove(view, start + (end - start) * step / 5)
    qtbot.mouseRelease(view, button, modifiers, end)


def choose(world, item: Item) -> None:
    box = world.viewer.controls.fusion
    box.setCurrentIndex(box.findData(item.key))
    box.activated.emit(box.currentIndex())


class VolumePrediction(Prediction):
    """What a detector says of a scan: its map has three axes."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__(1.0, values, (1, 1))

    @property
    def anomaly_map(self):
        return self.grid
