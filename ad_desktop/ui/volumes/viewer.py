"""The centre of the window while a scan is looked at: header, planes, controls."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QAction, QUndoStack
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from ad_desktop.data.samples import VolumeSample
from ad_desktop.jobs import JobRunner
from ad_desktop.ui.icons import Icons
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList, describe_error
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.header import ViewerHeader
from ad_desktop.ui.volumes.by_hand import HandPainting
from ad_desktop.ui.volumes.controls import VolumeControls
from ad_desktop.ui.volumes.drawing import Drawn
from ad_desktop.ui.volumes.facts import describe_position, describe_value, value_of
from ad_desktop.ui.volumes.fetching import SliceFetcher
from ad_desktop.ui.volumes.fusion import Fusion
from ad_desktop.ui.volumes.layering import Layering
from ad_desktop.ui.volumes.opening import OpeningPage
from ad_desktop.ui.volumes.projector import Projector
from ad_desktop.ui.volumes.quad import Quad
from ad_desktop.ui.volumes.question import FrameQuestion
from ad_desktop.ui.volumes.regions import VolumeRegionsPanel
from ad_desktop.ui.volumes.scene import Index, Scene
from ad_desktop.ui.volumes.source import OpenScan, ScanReader, ScanSource
from ad_desktop.ui.volumes.unit_question import UnitQuestion
from ad_desktop.ui.volumes.units import FolderUnits
from ad_desktop.ui.volumes.windowing import Windowing
from ad_desktop.ui.wording import sentence


class VolumeViewer(QWidget):
    """Shows the session's current item where it is a scan; ``readout`` carries the text for the cursor's place."""

    readout = Signal(str)

    def __init__(
        self,
        session: Session,
        runner: JobRunner,
        icons: Icons,
        theme: Theme,
        settings: QSettings,
        problems: ProblemList,
        reader: ScanReader,
        arrows: Sequence[QAction],
        undo: QUndoStack,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._item: Item | None = None
        self.scene = Scene(self)
        self.projector = Projector(runner, self)
        self.fetcher = SliceFetcher(self.scene, runner, self)
        self.source = ScanSource(runner, reader, self)
        self.controls = VolumeControls(icons, settings)
        self.header = ViewerHeader(session, theme, arrows)
        self.quad = Quad(self.scene, self.projector, theme)
        self.question = FrameQuestion(icons, theme)
        self.unit_question = UnitQuestion(icons, theme)
        self.units = FolderUnits(settings, session, self)
        self._scan: OpenScan | None = None
        self.page = OpeningPage()
        self.windowing = Windowing(self.scene, self.controls, settings, self)
        self.fusion = Fusion(session, runner, reader, self.controls, self.question, self.units, self)
        self.hand = HandPainting(session, runner, self.controls, problems, undo, self)
        self.layering = Layering(
            session, runner, self.scene, self.controls, self.fusion, self.hand, theme, problems, self
        )
        self.regions = VolumeRegionsPanel(session, runner, self.layering)
        self.inner = QStackedWidget()
        self.inner.addWidget(self.quad)
        self.inner.addWidget(self.page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.header, self.unit_question, self.question, self.inner, self.regions, self.controls):
            column.addWidget(part, int(part is self.inner))
        self.addActions(self.controls.actions_of_view())
        self.controls.set_active(False)
        self._connect(problems)
        self._follow_look()
        self._show_current(session.current)

    def _connect(self, problems: ProblemList) -> None:
        controls, source = self.controls, self.source
        self._session.current_changed.connect(self._show_current)
        for signal in (self._session.current_changed, self._session.results_changed):
            signal.connect(self._show_remark)
        source.ready.connect(self._take)
        source.failed.connect(self._fail)
        source.cancelled.connect(self._stop)
        source.progressed.connect(self.page.show_progress)
        self.page.cancelled.connect(source.cancel)
        self.page.again.connect(lambda: self._show_current(self._session.current))
        self.fusion.failed.connect(lambda _, error: problems.error("Scan on top", error))
        controls.changed.connect(self._follow_look)
        self.unit_question.told.connect(self._tell_unit)
        self.units.changed.connect(self._relabel)
        self.quad.facts.unit_asked.connect(self._ask_unit)
        self.regions.jumped.connect(self._jump)
        controls.fit.triggered.connect(self.quad.fit)
        controls.maximise.triggered.connect(self._maximise)
        self.quad.maximised.connect(controls.maximise.setChecked)
        self.quad.maximised.connect(self._follow_alone)
        controls.turn.triggered.connect(self.quad.turn)
        self.quad.hovered.connect(self._read_out)
        self.quad.drawn.connect(self._paint_over)

    def _show_current(self, item: Item | None) -> None:
        sample = None if item is None else item.sample
        shown = isinstance(sample, VolumeSample)
        self.controls.set_active(shown)
        self._item = item if shown else None
        if not isinstance(sample, VolumeSample):
            self.source.cancel()
            if self._scan is not None:
                self._set_scan(None)
            return
        self.page.show_opening(sample.name)
        self.inner.setCurrentWidget(self.page)
        self.source.request(sample)

    def _take(self, scan: OpenScan) -> None:
        if self._item is not None and scan.key == self._item.key:
            self._set_scan(self.units.apply(scan))
            self.inner.setCurrentWidget(self.quad)
            if self.units.asks(scan):
                self._ask_unit()

    def _ask_unit(self) -> None:
        if self._scan is not None and self._item is not None:
            self.unit_question.ask(self._item.name, self._scan.suggested, self.units.of(self._scan))

    def _tell_unit(self, unit: str) -> None:
        if self._scan is not None:
            self.units.tell(self._scan, unit)

    def _relabel(self) -> None:
        if self._scan is None:
            return
        self._scan = scan = self.units.apply(self._scan)
        self.scene.relabel(scan.volume, self.windowing.first_window(scan))
        self.layering.relabel(scan)
        self._show_told(scan)

    def _show_told(self, scan: OpenScan | None) -> None:
        self.quad.facts.set_told(scan is not None and scan.unit_open and not self.units.asks(scan))

    def _show_remark(self) -> None:
        prediction = None if self._item is None else self._item.prediction
        self.quad.facts.set_remark("" if prediction is None else prediction.remark)

    def _set_scan(self, scan: OpenScan | None) -> None:
        self._scan = scan
        self.unit_question.hide()
        self._show_told(scan)
        self.projector.forget()
        if scan is None:
            self.scene.set_volume(None, self.scene.window)
        else:
            self.scene.set_volume(scan.volume, self.windowing.first_window(scan))
        self.layering.set_scan(self._item, scan)

    def _fail(self, key: str, error: Exception) -> None:
        if self._item is not None and key == self._item.key:
            self._set_scan(None)
            why = sentence(describe_error(error))
            self.page.show_message(f"{self._item.name} cannot be shown.\n\n{why}", again=False)
            self.inner.setCurrentWidget(self.page)

    def _stop(self, key: str) -> None:
        if self._item is not None and key == self._item.key and not self.source.busy_with(key):
            self._set_scan(None)
            self.page.show_message(f"Opening {self._item.name} was cancelled.", again=True)

    def _follow_look(self) -> None:
        controls = self.controls
        self.quad.set_compared(controls.compare.isChecked())
        self.quad.set_aspect(controls.aspect, controls.every_aspect)
        self.scene.pen = controls.pen
        controls.turn.setEnabled(self._item is not None and (controls.every_aspect or self.quad.alone is not None))
        self.scene.set_look(controls.neurological.isChecked(), controls.crosshair.isChecked(), controls.slab_mm)

    def _follow_alone(self, alone: bool) -> None:
        if alone:
            self.controls.every.setChecked(False)
        self._follow_look()

    def _paint_over(self, drawn: Drawn) -> None:
        job = None if self._scan is None else self.hand.paint(drawn, self._scan)
        if job is not None:
            # Until then the stroke is seen.
            job.finished.connect(self.scene.changed)

    def _jump(self, position: tuple[float, float, float]) -> None:
        if self.scene.volume is not None:
            self.scene.look_at(self.scene.volume.index(position).tolist())

    def _maximise(self, alone: bool) -> None:
        self.quad.set_alone(self.quad.active if alone else None)

    def _read_out(self, index: Index | None) -> None:
        volume = self.scene.volume
        if volume is None or index is None:
            self.readout.emit("")
            return
        parts = [describe_position(volume, index), describe_value(volume, index)]
        parts += [f"{layer.title} {value_of(layer, volume, index)}" for layer in self.scene.values_over]
        self.readout.emit("   ·   ".join(parts))
