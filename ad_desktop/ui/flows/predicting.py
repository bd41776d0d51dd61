"""Scores what has no score yet: one queue, started by itself whenever there is a model and something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ad_desktop.data.samples import Failure, Label
from ad_desktop.jobs import Job, JobRunner, Publish
from ad_desktop.task import Task
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList
from ad_desktop.ui.session import Session

if TYPE_CHECKING:
    from ad_desktop.workflows.model import Result


class PredictFlow(QObject):
    """Runs one prediction job at a time over all items that wait; ``emptied`` comes when none is left."""

    emptied = Signal()

    def __init__(
        self, runner: JobRunner, session: Session, problems: ProblemList, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner = runner
        self._session = session
        self._problems = problems
        self._paused = False
        self._held = False
        self._generation = 0
        self.job: Job | None = None
        # Several changes in a row (a model, then labels) make one job.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._start)
        session.model_changed.connect(self._take_model)
        session.items_changed.connect(self._soon.start)
        session.labels_changed.connect(self._soon.start)
        session.current_changed.connect(self._soon.start)

    def resume(self) -> None:
        """Go on after a cancel."""
        self._paused = False
        self._soon.start()

    def cancel(self) -> None:
        """Stop; nothing starts again until ``resume``, a new model or new items."""
        if self.job is not None:
            self.job.cancel()

    def hold(self) -> None:
        """Leave the detector to a job of the model until ``release``."""
        self._held = True
        self.cancel()

    def release(self) -> None:
        """Go on after ``hold``."""
        self._held = False
        self._soon.start()

    def missing(self) -> list[Item]:
        """Items that should have a prediction and have none."""
        session = self._session
        return [
            item for item in session.items.values()
            if item.prediction is None and not item.error
            and (item.label is not Label.NORMAL or item.held_out is None or item is session.current)
        ]  # fmt: skip

    def _take_model(self) -> None:
        self._generation += 1
        self._paused = False
        self.cancel()
        self._soon.start()

    def _start(self) -> None:
        model = self._session.model
        if model is None or self._paused or self._held or self.job is not None:
            return
        items = self.missing()
        if not items:
            self.emptied.emit()
            return
        samples = [item.sample for item in items]

        def work(task: Task, publish: Publish) -> None:
            from ad_desktop.workflows.predict import predict

            for result in predict(model, samples, task):
                publish(result)

        generation = self._generation
        job = self._runner.stream("Scoring", work)
        self.job = job
        self._session.set_waiting(items, True)
        job.partials.connect(lambda results: self._take(results, generation))
        job.failed.connect(lambda error: self._fail(error))
        job.succeeded.connect(lambda _: self._close(items, generation))
        job.cancelled.connect(lambda: self._pause(generation))
        job.finished.connect(lambda: self._finish(items))

    def _take(self, results: list[Result], generation: int) -> None:
        if generation != self._generation:
            return
        self._session.set_results(results)
        self._problems.failures([Failure(str(r.sample.path), r.error) for r in results if r.error and not r.unsuited])

    def _close(self, items: list[Item], generation: int) -> None:
        """A sample without an answer must not be asked for again and again."""
        if generation == self._generation:
            for item in items:
                if item.prediction is None and not item.error:
                    item.error = "The detector gave no answer for it."

    def _fail(self, error: Exception) -> None:
        self._paused = True
        self._problems.error("Scoring", error)

    def _pause(self, generation: int) -> None:
        if generation == self._generation and not self._held:
            self._paused = True

    def _finish(self, items: list[Item]) -> None:
        self.job = None
        self._session.set_waiting(items, False)
        self._soon.start()
