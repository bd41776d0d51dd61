"""Samples on their way into a detector: decoded ahead by threads, in order, failures set apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ad_desktop.data.loader import prefetch
from ad_desktop.data.samples import Failure, Sample
from ad_desktop.detectors.base import Detector, Prepared
from ad_desktop.errors import InputError
from ad_desktop.task import Task

MAX_WORKERS = 4
AHEAD_PER_WORKER = 4


def prepared_stream(
    detector: Detector, samples: Sequence[Sample], task: Task
) -> Iterator[tuple[Sample, Prepared | InputError]]:
    """Prepare samples in threads while the caller computes; memory does not grow with their number."""
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    ahead = min(workers * AHEAD_PER_WORKER, detector.most_ahead)
    return prefetch(samples, detector.prepare, workers=workers, ahead=ahead, task=task)


def usable(
    detector: Detector, samples: Sequence[Sample], failures: list[Failure], message: str, task: Task
) -> Iterator[Prepared]:
    """The prepared samples only, with progress; those that cannot be used are put on ``failures``."""
    for done, (sample, item) in enumerate(prepared_stream(detector, samples, task)):
        task.report(message, done, len(samples))
        if isinstance(item, InputError):
            failures.append(Failure(str(sample.path), item.reason))
        else:
            yield item
    task.report(message, len(samples), len(samples))
