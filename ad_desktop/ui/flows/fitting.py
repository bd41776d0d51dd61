"""Fitting, updating, opening and saving models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ad_desktop.data.samples import Label, Sample
from ad_desktop.jobs import Job, JobRunner
from ad_desktop.task import Task
from ad_desktop.ui.flows.updating import Before, Changed, change_normals
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session

if TYPE_CHECKING:
    from ad_desktop.ui.items import Item
    from ad_desktop.workflows.fit import FitOptions, FitOutcome
    from ad_desktop.workflows.model import FittedModel


UPDATING = "Updating the model"
UNDONE_EXACTLY = 8
"""Changes of the normal set that are kept to be taken back at once; earlier ones are computed anew."""


class FitFlow(QObject):
    """One model job at a time. ``started`` carries the job, ``failed`` what went wrong in words.

    ``stopped`` carries what should be known of a job that was cancelled.

    ``changed`` carries what became of a change to the normal set, ``saved`` the path and the model
    that was written there.
    """

    started = Signal(object)
    ended = Signal()
    failed = Signal(str)
    stopped = Signal(str)
    changed = Signal(object)
    saved = Signal(Path, object)
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
        self._wanted: dict[str, Sample | None] = {}
        self._past: list[Before] = []

    def fit(self, options: FitOptions) -> Job:
        """Fit on all normal items."""
        from ad_desktop.workflows.fit import fit

        samples = [item.sample for item in self._session.labelled(Label.NORMAL)]
        self._wanted.clear()
        job = self._runner.submit("Fitting", lambda task: fit(samples, options, task))
        job.succeeded.connect(self._take)
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

    def update(self) -> None:
        """Bring the model up to date with the labels, without reading the other pictures again."""
        add, remove = self.changes()
        self.change([item.sample for item in add], remove)

    def change(self, add: Sequence[Sample], remove: Sequence[str]) -> None:
        """Let samples join and leave (by key) the normal set; after the model job that runs, if there is one."""
        if self._session.model is not None:
            self._wanted |= {sample.key: sample for sample in add} | dict.fromkeys(remove)
            self._change_next()

    def _change_next(self) -> None:
        model = self._session.model
        if model is None or self.job is not None or not self._wanted:
            return
        wanted, self._wanted = self._wanted, {}
        items = self._session.items.values()
        seen = {item.key: item.prediction for item in items if item.prediction is not None}
        last = self._past[-1] if self._past else None
        job = self._runner.submit(UPDATING, lambda task: change_normals(model, wanted, seen, task, last))
        job.succeeded.connect(self._take_change)
        self._watch(job, UPDATING)

    def open(self, path: Path, device: str = "auto") -> Job:
        """Read a model file."""

        def work(task: Task) -> FittedModel:
            from ad_desktop.workflows.store import load_model

            model = load_model(path, device, task)
            # The libraries behind the threshold take a moment to load: not on the main thread.
            _ = model.threshold
            return model

        def take(model: FittedModel) -> None:
            self.notes = ()
            self._wanted.clear()
            self._past.clear()
            self._session.set_model(model, fitted_here=False)
            self.opened.emit(path)

        job = self._runner.submit("Opening the model", work)
        job.succeeded.connect(take)
        return self._watch(job, f"Opening {path.name}")

    def save(self, path: Path) -> Job | None:
        """Write the model to a file, as it is after the model job that runs, if there is one."""
        if self.job is not None:
            self.job.finished.connect(lambda: self.save(path))
            return None
        model = self._session.model
        if model is None:
            return None
        from ad_desktop.workflows.store import save_model

        job = self._runner.submit("Saving the model", lambda task: save_model(model, path))
        job.succeeded.connect(lambda _: self.saved.emit(path, model))
        job.failed.connect(lambda error: self.failed.emit(self._problems.error(f"Saving {path.name}", error)))
        return job

    def cancel(self) -> None:
        """Stop what is running."""
        if self.job is not None:
            self.job.cancel()

    def _watch(self, job: Job, what: str) -> Job:
        self.job = job
        job.failed.connect(lambda error: self.failed.emit(self._problems.error(what, error)))
        job.cancelled.connect(lambda: self.stopped.emit("\n".join(job.task.notes)))
        job.finished.connect(lambda: self._finish(job))
        self.started.emit(job)
        return job

    def _finish(self, job: Job) -> None:
        if self.job is job:
            self.job = None
            self.ended.emit()
            self._change_next()

    def _take(self, outcome: FitOutcome) -> None:
        self._past.clear()
        model = replace(outcome.model, fpr=self._session.fpr, borderline_fpr=self._session.borderline_fpr)
        self._session.set_model(model, fitted_here=True)
        self._tell(outcome, outcome.notes)

    def _take_change(self, change: Changed | None) -> None:
        if change is not None:
            outcome = change.outcome
            if change.before is None:
                del self._past[-1:]
            else:
                self._past = [*self._past, change.before][-UNDONE_EXACTLY:]
            self._session.update_model(outcome.model, change.keys, change.predictions)
            # A warning that stands already is not worth repeating with every picture.
            self._tell(outcome, tuple(note for note in outcome.notes if note not in self.notes))
            self.changed.emit(change)

    def _tell(self, outcome: FitOutcome, notes: Sequence[str]) -> None:
        self.notes = outcome.notes
        self._session.set_errors({failure.path: failure.reason for failure in outcome.failures})
        self._problems.failures(outcome.failures)
        self._problems.notes("Fit", tuple(notes))
