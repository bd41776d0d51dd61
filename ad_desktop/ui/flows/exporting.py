"""Writes results to a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ad_desktop.data.samples import Failure
from ad_desktop.data.volumes.patches import Patch
from ad_desktop.jobs import Job, JobRunner
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session

if TYPE_CHECKING:
    from ad_desktop.workflows.export import ExportOutcome
    from ad_desktop.workflows.model import Result


@dataclass(frozen=True)
class ExportRequest:
    """What to write where."""

    items: Sequence[Item]
    folder: Path
    kinds: frozenset[str]
    opacity: float
    colour_map: str
    open_after: bool


class ExportFlow(QObject):
    """Items without a prediction are scored on the way. ``exported`` carries the request and how many files.

    ``patches`` are what was painted by hand over scans, by their keys: it goes along.
    """

    exported = Signal(object, int)

    def __init__(
        self, runner: JobRunner, session: Session, problems: ProblemList, patches: Callable[[str], tuple[Patch, ...]],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._patches = patches
        self._runner = runner
        self._session = session
        self._problems = problems

    def export(self, request: ExportRequest) -> Job | None:
        """Start; None where there is no model."""
        from ad_desktop.export.record import OverlayStyle
        from ad_desktop.workflows.export import export_results
        from ad_desktop.workflows.model import Result
        from ad_desktop.workflows.predict import predict

        model = self._session.model
        if model is None:
            return None
        known = [
            Result(i.sample, i.prediction, i.error or None, patches=self._patches(i.key))
            for i in request.items if i.prediction or i.error
        ]  # fmt: skip
        style = OverlayStyle(request.colour_map, request.opacity)
        labels = {item.key: item.label.value for item in request.items}
        missing = [item.sample for item in request.items if item.prediction is None and not item.error]

        def work(task: Task) -> ExportOutcome:
            def results() -> Iterator[Result]:
                yield from known
                if missing:
                    yield from predict(model, missing, task)

            return export_results(model, results(), request.folder, request.kinds, task, style, labels)

        job = self._runner.submit("Exporting", work)
        job.succeeded.connect(lambda outcome: self._take(request, outcome))
        job.failed.connect(lambda error: self._problems.error("Export", error))
        return job

    def _take(self, request: ExportRequest, outcome: ExportOutcome) -> None:
        failures: list[Failure] = list(outcome.failures)
        self._problems.failures(failures)
        self.exported.emit(request, len(outcome.files))
