"""Scoring inputs with a fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Prepared
from ad_desktop.errors import InputError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel, Result
from ad_desktop.workflows.stream import prepared_stream

MESSAGE = "Checking pictures"


def predict(model: FittedModel, samples: Sequence[Sample], task: Task) -> Iterator[Result]:
    """Score samples one after another, in order; inputs that cannot be used give a result with ``error``."""
    detector = model.detector
    task.report("Preparing the network")
    detector.load(task)
    size = max(1, detector.batch_size)
    waiting: list[tuple[Sample, Prepared | InputError]] = []
    done = 0
    task.report(MESSAGE, 0, len(samples))
    for pair in prepared_stream(detector, samples, task):
        waiting.append(pair)
        if len(waiting) < size and done + len(waiting) < len(samples):
            continue
        for result in _score(model, waiting):
            done += 1
            task.report(MESSAGE, done, len(samples))
            yield result
        waiting = []


def _score(model: FittedModel, waiting: Sequence[tuple[Sample, Prepared | InputError]]) -> Iterator[Result]:
    batch = [item for _, item in waiting if not isinstance(item, InputError)]
    predictions = iter(model.detector.predict(batch) if batch else [])
    for sample, item in waiting:
        if isinstance(item, InputError):
            yield Result(sample, error=item.reason)
        else:
            yield Result(sample, next(predictions))
