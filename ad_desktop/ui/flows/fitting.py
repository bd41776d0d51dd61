"""Fitting, updating, opening and saving models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ad_desktop.data.samples import Label
from ad_desktop.jobs import Job, JobRunner
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session
from ad_desktop.workflows.fit import FitOptions, fit
from ad_desktop.workflows.store import load_model, save_model
from ad_desktop.workflows.update import update

if TYPE_CHECKING:
    from ad_desktop.ui.items import Item
    from ad_desktop.workflows.fit import FitOutcome
    from ad_desktop.workflows.model import FittedModel


class FitFlow(QObject):
    """One model job at a time. ``started`` carries the job, ``failed`` what went wrong in words."""

    started = Signal(object)
    ended = Signal()
    failed = Signal(str)
    saved = Signal(Path)
    opened = Signal(Path)

    def __init__(
        self, runner: JobRunner, session: Session, problems: ProblemList, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._session = session
        self._problems = problems
        self.job: Job | None = None
        self.notes: tuple[str, ...] = ()

    def fit(self, options: FitOptions) -> Job:
        """Fit on all normal items."""
        samples = [item.sample for item in self._session.labelled(Label.NORMAL)]
        job = self._runner.submit("Fitting", lambda task: fit(samples, options, task))
        job.succeeded.connect(lambda outcome: self._take(outcome, fitted_here=True))
        return self._watch(job, "Fitting")

    def changes(self) -> tuple[list[Item], list[str]]:
        """Normal items the model does not know, and keys it knows that are no longer normal."""
        if self._session.model is None:
            return [], []
        known = dict.fromkeys(self._session.normal_keys)
        items = self._session.items
        add = [item for item in self._session.labelled(Label.NORMAL) if item.key not in known and not item.error]
        remove = [
            key for key in known
            if (items[key].label is not Label.NORMAL if key in items else self._session.fitted_here)
        ]  # fmt: skip
        return add, remove

    def update(self) -> Job | None:
        """Bring the model up to date with the labels, without reading the other pictures again."""
        model = self._session.model
        add, remove = self.changes()
        if model is None or not (add or remove):
            return None
        samples = [item.sample for item in add]
        fitted_here = self._session.fitted_here
        job = self._runner.submit("Updating the model", lambda task: update(model, samples, remove, task))
        job.succeeded.connect(lambda outcome: self._take(outcome, fitted_here))
        return self._watch(job, "Updating the model")

    def open(self, path: Path, device: str = "auto") -> Job:
        """Read a model file."""
        job = self._runner.submit("Opening the model", lambda task: load_model(path, device, task))

        def take(model: FittedModel) -> None:
            self.notes = ()
            self._session.set_model(model, fitted_here=False)
            self.opened.emit(path)

        job.succeeded.connect(take)
        return self._watch(job, f"Opening {path.name}")

    def save(self, path: Path) -> Job | None:
        """Write the model to a file."""
        model = self._session.model
        if model is None:
            return None
        job = self._runner.submit("Saving the model", lambda task: save_model(model, path))
        job.succeeded.connect(lambda _: self.saved.emit(path))
        job.failed.connect(lambda error: self.failed.emit(self._problems.error(f"Saving {path.name}", error)))
        return job

    def cancel(self) -> None:
        """Stop what is running."""
        if self.job is not None:
            self.job.cancel()

    def _watch(self, job: Job, what: str) -> Job:
        self.job = job
        job.failed.connect(lambda error: self.failed.emit(self._problems.error(what, error)))
        job.finished.connect(lambda: self._finish(job))
        self.started.emit(job)
        return job

    def _finish(self, job: Job) -> None:
        if self.job is job:
            self.job = None
            self.ended.emit()

    def _take(self, outcome: FitOutcome, fitted_here: bool) -> None:
        self.notes = outcome.notes
        self._session.set_model(outcome.model, fitted_here)
        self._session.set_errors({failure.path: failure.reason for failure in outcome.failures})
        self._problems.failures(outcome.failures)
        self._problems.notes("Fit", outcome.notes)
