"""Gathers what lies over the scan: the scan on top, the anomaly map, the known mask."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from ad_desktop.data.volumes.sampling import PlaneSampler
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.base import Prediction
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session
from ad_desktop.ui.theme import Theme
from ad_desktop.ui.viewer.paint import Mode
from ad_desktop.ui.volumes.by_hand import HandPainting
from ad_desktop.ui.volumes.controls import VolumeControls
from ad_desktop.ui.volumes.fusion import Fusion
from ad_desktop.ui.volumes.overlays import (
    AnomalyMap,
    fused_layer,
    map_layers,
    place_map,
    place_residual,
    place_truth,
    residual_layer,
    residual_top,
    truth_layer,
)
from ad_desktop.ui.volumes.scene import Layer, Scene
from ad_desktop.ui.volumes.source import OpenScan


class Layering(QObject):
    """Follows the current scan, its prediction, the threshold and the controls; ``map`` is the map shown.

    Where the current scan has no prediction, that of the scan on top counts.
    """

    map_changed = Signal()
    residual_changed = Signal()

    def __init__(
        self,
        session: Session,
        runner: JobRunner,
        scene: Scene,
        controls: VolumeControls,
        fusion: Fusion,
        hand: HandPainting,
        theme: Theme,
        problems: ProblemList,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._scene = scene
        self._controls = controls
        self._fusion = fusion
        self._hand = hand
        self._theme = theme
        self._problems = problems
        self._scan: OpenScan | None = None
        self._item: Item | None = None
        self._prediction: Prediction | None = None
        self.map: AnomalyMap | None = None
        self._map: PlaneSampler | None = None
        self._residual: tuple[PlaneSampler, float] | None = None
        self._residual_job: Job | None = None
        self._mask: PlaneSampler | None = None
        self._fused: PlaneSampler | None = None
        self._job: Job | None = None
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._lay)
        for signal in (controls.changed, controls.looks.changed, fusion.changed, session.threshold_changed):
            signal.connect(self._soon.start)
        for signal in (session.results_changed, fusion.changed):
            signal.connect(self._follow_results)
        hand.changed.connect(self._follow_hand)

    def set_scan(self, item: Item | None, scan: OpenScan | None) -> None:
        """Another scan is shown."""
        self._item, self._scan = item, scan
        self._prediction = self.map = self._mask = self._fused = None
        self._residual = self._residual_job = None
        self.map_changed.emit()
        self._fusion.set_base(scan)
        self._controls.truth.setEnabled(item is not None and item.mask is not None)
        self._follow_results()
        self._read_mask()
        self._soon.start()

    @property
    def residual(self) -> Volume | None:
        """What the current scan differs in from its healthy version."""
        return None if self._residual is None else self._residual[0].volume

    def relabel(self, scan: OpenScan) -> None:
        """The scan shown has another unit."""
        self._scan = scan
        self._fusion.relabel(scan)
        owner = self._owner()
        if self.map is not None and owner is not None:
            self.map = replace(self.map, scan=owner.volume)
            self.map_changed.emit()
        self._soon.start()

    def _predictions(self) -> tuple[Prediction | None, Prediction | None]:
        """What the model says of the current scan, and of the one on top."""
        top = self._fusion.scan
        other = None if top is None else self._session.items.get(top.key)
        return (
            None if self._item is None else self._item.prediction,
            None if other is None else other.prediction,
        )

    def _owner(self) -> OpenScan | None:
        """The scan that the map belongs to."""
        return self._scan if self._predictions()[0] is not None else self._fusion.scan

    def _follow_results(self) -> None:
        own, other = self._predictions()
        prediction = own if own is not None else other
        if prediction is self._prediction:
            return
        self._prediction = prediction
        self.map = self._residual = self._residual_job = None
        self.map_changed.emit()
        self._soon.start()
        if self._job is not None:
            self._job.cancel()
        scan = self._owner()
        if prediction is None or scan is None:
            return
        source = None if own is not None else scan.volume.source
        name = "" if source is None else source.name
        job = self._runner.submit(
            "Anomaly map", lambda task: place_map(prediction, scan, name), LaneName.VIEWER, quiet=True
        )
        self._job = job
        job.succeeded.connect(lambda found: self._take_map(prediction, found))
        job.failed.connect(lambda error: self._problems.error("Anomaly map", error))
        if own is not None:
            self._find_residual(own, scan)

    def _find_residual(self, prediction: Prediction, scan: OpenScan) -> None:
        patches = self._hand.of(scan.key)

        def work(_: Task) -> tuple[Volume, float] | None:
            residual = place_residual(prediction, scan, patches)
            return None if residual is None else (residual, residual_top(residual))

        self._residual_job = job = self._runner.submit("Healthy version", work, LaneName.VIEWER, quiet=True)
        job.succeeded.connect(lambda found: self._take_residual(job, prediction, found))
        job.failed.connect(lambda error: self._problems.error("Healthy version", error))
        job.finished.connect(lambda: self._end_residual(job))

    def _follow_hand(self) -> None:
        prediction, _ = self._predictions()
        if prediction is not None and prediction is self._prediction and self._scan is not None:
            self._find_residual(prediction, self._scan)

    def _take_residual(self, job: Job, prediction: Prediction, found: tuple[Volume, float] | None) -> None:
        wanted = job is self._residual_job and prediction is self._prediction
        if found is not None and wanted and self._scan is not None:
            residual, top = found
            self._residual = PlaneSampler(residual, self._scan.volume), top
            self.residual_changed.emit()

    def _end_residual(self, job: Job) -> None:
        if job is self._residual_job:
            self._residual_job = None
            self._lay()

    def _take_map(self, prediction: Prediction, found: AnomalyMap) -> None:
        if prediction is self._prediction and self._scan is not None:
            self.map = found
            self._map = PlaneSampler(found.volume, self._scan.volume)
            self.map_changed.emit()
            self._lay()

    def _read_mask(self) -> None:
        item, scan = self._item, self._scan
        path = None if item is None else item.mask
        if item is None or path is None or scan is None:
            return
        job = self._runner.submit("Known mask", lambda task: place_truth(path, scan, task), LaneName.VIEWER, quiet=True)
        job.succeeded.connect(lambda mask: self._take_mask(item, mask))
        job.failed.connect(lambda error: self._problems.error("Known mask", error))

    def _take_mask(self, item: Item, mask: Volume) -> None:
        if item is self._item:
            self._mask = PlaneSampler(mask, mask)
            self._lay()

    def _sampler(self, scan: OpenScan, grid: Volume) -> PlaneSampler:
        """Kept while the same scan is on top: what it prepares for each plane is then prepared once."""
        if self._fused is None or self._fused.volume.array is not scan.volume.array:
            self._fused = PlaneSampler(scan.volume, grid)
        return self._fused

    def _lay(self) -> None:
        if self._scan is None:
            return
        controls, grid = self._controls, self._scan.volume
        opacity = controls.opacity.value() / 100
        layers: list[Layer] = []
        if self._fusion.scan is not None:
            fused = self._fusion.scan
            layers.append(fused_layer(fused, self._sampler(fused, grid), controls.looks.of(fused)))
        if self.map is not None and self._map is not None:
            level, colour = self._session.map_threshold, self._theme.colours.contour
            shown = controls.contour.isChecked()
            layers += map_layers(self.map, self._map, level, Mode.HEAT, opacity, shown, colour)
        if self._mask is not None and controls.truth.isChecked():
            layers.append(truth_layer(self._mask, self._theme.colours.truth))
        residual = None if self._residual is None else residual_layer(*self._residual, opacity)
        self._scene.set_layers(layers, residual)
        if self._residual_job is None:
            # Until it is known, what was offered for the scan before stays: the planes are not to jump.
            controls.offer_painted(residual is not None)
