"""Regions that the user draws are hidden and painted over; each one can be undone."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.patches import Patch
from ad_desktop.jobs import Job, JobRunner
from ad_desktop.task import Task
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session
from ad_desktop.ui.volumes.aspects import Aspect
from ad_desktop.ui.volumes.controls import VolumeControls
from ad_desktop.ui.volumes.drawing import Drawn, voxels
from ad_desktop.ui.volumes.source import OpenScan


class HandPainting(QObject):
    """Keeps what was painted over each scan; ``changed`` comes with more or less of it."""

    changed = Signal()

    def __init__(
        self, session: Session, runner: JobRunner, controls: VolumeControls, problems: ProblemList, undo: QUndoStack,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._session = session
        self._runner = runner
        self._controls = controls
        self._problems = problems
        self._undo = undo
        self._patches: dict[str, tuple[Patch, ...]] = {}
        session.model_changed.connect(self._forget)

    def of(self, key: str) -> tuple[Patch, ...]:
        """What was painted over a scan by its key, the latest last."""
        return self._patches.get(key, ())

    def paint(self, drawn: Drawn, scan: OpenScan) -> Job | None:
        """Have a region painted over; None where there is no model, or nothing that is known of the scan."""
        model, item = self._session.model, self._session.items.get(scan.key)
        if model is None or item is None or not isinstance(item.sample, VolumeSample):
            return None
        sample = item.sample

        def work(task: Task) -> Patch:
            from ad_desktop.workflows.scans.by_hand import paint_over
            from ad_desktop.workflows.scans.opening import scan_opener

            region = scan.turn.undo(voxels(drawn, scan.volume))
            residual = paint_over(model, sample, region, scan_opener(model.scan_unit), task)
            where = np.flatnonzero(region)
            return Patch(where, residual.ravel()[where])

        job = self._runner.submit("Painting over a region", work)
        job.succeeded.connect(lambda patch: self._take(scan.key, patch) if model is self._session.model else None)
        job.failed.connect(lambda error: self._problems.error("Painting over a region", error))
        return job

    def set_patches(self, key: str, patches: tuple[Patch, ...]) -> None:
        """Take others for a scan."""
        self._patches[key] = patches
        self.changed.emit()

    def _take(self, key: str, patch: Patch) -> None:
        self._undo.push(PaintOver(self, key, patch))
        if not (self._controls.every_aspect or self._controls.aspect.painted):
            self._controls.choose(Aspect.HEALTHY)

    def _forget(self) -> None:
        if self._patches:
            self._patches.clear()
            self.changed.emit()


class PaintOver(QUndoCommand):
    """Paint over a region of a scan."""

    def __init__(self, hand: HandPainting, key: str, patch: Patch) -> None:
        super().__init__("paint over a region")
        self._hand, self._key, self._patch = hand, key, patch

    def redo(self) -> None:
        """Put it over what is there."""
        self._hand.set_patches(self._key, (*self._hand.of(self._key), self._patch))

    def undo(self) -> None:
        """Take it away again."""
        left = tuple(patch for patch in self._hand.of(self._key) if patch is not self._patch)
        self._hand.set_patches(self._key, left)
